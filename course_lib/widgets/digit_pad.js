// @ts-check
// A pad to draw a digit on. Strokes go to Python; what the network says about them comes back and is shown.
// render() is the anywidget entry point; it needs only model.get, set, save_changes, on, off and an element.

/** @import { AnyModel, Render } from "@anywidget/types" */
import { Demo } from "./demo.js";
import { button, context2d, element, keepKeys } from "./dom.js";
import { clamp } from "./geometry.js";
import { BLACK, css, WHITE } from "./looks.js";
import { SIDE, WayBack } from "./way_back.js";

const STEP = 7; // of the keyboard's pen, in units of the pad
const PATIENCE = 1500; // milliseconds until the pad says that it waits
const NEAREST = 4; // points closer than this, in units of the pad, are not worth sending
const [MOST_IN_A_ROW, BETWEEN_MAPS] = [16, 90]; // maps side by side; the grey between them, from 0 to 255
const KEYS =
  "Draw with mouse, finger or pen. With the keyboard: arrows move the pen, space sets it down and lifts it, " +
  "backspace takes the last stroke back, delete clears the pad.";
/** @type {Record<string, Point>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Brightness, from 0 to 255, as white on black.
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} bytes row by row
 * @param {number} rows
 * @param {number} columns
 */
function paint(canvas, bytes, rows, columns) {
  canvas.width = columns;
  canvas.height = rows;
  const context = context2d(canvas);
  const image = context.createImageData(columns, rows);
  for (let n = 0; n < rows * columns; n++) image.data.set([bytes[n], bytes[n], bytes[n], 255], 4 * n);
  context.putImageData(image, 0, 0);
}

/** @param {DataView} view */
const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/**
 * @param {Element} parent
 * @param {string} caption
 */
function figure(parent, caption) {
  const node = element("figure", "", parent);
  const canvas = element("canvas", "", node);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", caption);
  element("figcaption", "", node, caption);
  return canvas;
}

/**
 * A bar for each digit.
 * @param {Element} parent
 */
function bars(parent) {
  const list = element("ol", "dp-bars", parent);
  list.setAttribute("aria-label", "How sure the network is of each digit");
  return Array.from({ length: 10 }, (_, digit) => {
    const row = element("li", "", list);
    element("span", "dp-digit", row, String(digit));
    const bar = element("span", "dp-bar", element("span", "dp-track", row));
    return { row, bar, share: element("span", "dp-share", row) };
  });
}

/**
 * All maps of a layer on one sheet, with lines between them.
 * @param {HTMLCanvasElement} canvas
 * @param {Reading["maps"][number]} maps
 */
function paintMaps(canvas, { shape: [count, rows, columns], pixels }) {
  const across = Math.min(count, MOST_IN_A_ROW);
  const down = Math.ceil(count / across);
  const width = across * (columns + 1);
  const sheet = new Uint8Array(down * (rows + 1) * width).fill(BETWEEN_MAPS);
  const bytes = bytesOf(pixels);
  for (let map = 0; map < count; map++) {
    const corner = Math.floor(map / across) * (rows + 1) * width + (map % across) * (columns + 1);
    for (let row = 0; row < rows; row++) {
      const from = (map * rows + row) * columns;
      sheet.set(bytes.subarray(from, from + columns), corner + row * width);
    }
  }
  paint(canvas, sheet, down * (rows + 1), width);
}

/**
 * Small pictures to load and draw on.
 * @param {Element} parent
 * @param {DataView[]} examples
 * @param {(n: number) => void} load
 */
function exampleButtons(parent, examples, load) {
  if (!examples.length) return [];
  const row = element("div", "dp-examples", parent);
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Examples");
  element("span", "", row, "Load one, and draw on it:");
  return examples.map((bytes, n) => {
    const place = button(row, "", () => load(n), `Load example ${n + 1} of ${examples.length}`);
    const image = element("canvas", "", place);
    paint(image, bytesOf(bytes), SIDE, SIDE);
    return image;
  });
}

class Pad {
  /**
   * @param {AnyModel<PadState>} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.model = model;
    this.root = root;
    const { pad, width, examples, way, demo } = model.get("settings");
    this.pad = pad; // its side, in the units of strokes
    this.width = width; // of a stroke
    /** @type {Point} */
    const middle = [pad / 2, pad / 2];
    this.pen = { at: middle, down: false };
    /**
     * the pointer that draws at the moment
     * @type {number | null}
     */
    this.pointer = null;
    this.sending = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined;
    this.number = 0;
    /** @type {Point[][]} */
    this.strokes = [];
    /** @type {Drawing["example"]} */
    this.example = null;
    root.className = "dp-root";
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Digit pad");
    const top = element("div", "dp-top", root);
    const left = element("div", "dp-left", top);
    this.canvas = element("canvas", "dp-canvas", left);
    this.canvas.width = this.canvas.height = 2 * pad;
    this.canvas.tabIndex = 0;
    keepKeys(this.canvas);
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", `Drawing pad. ${KEYS}`);
    const tools = element("div", "dp-tools", left);
    button(tools, "Clear", () => this.start([], null), "Clear the pad");
    button(tools, "Undo", () => this.undo(), "Take the last stroke back");
    this.way = new WayBack(left, tools, way, () => this.redraw());
    const right = element("div", "dp-right", top);
    this.says = element("p", "dp-says", right);
    this.says.setAttribute("role", "status");
    const answer = element("div", "dp-middle", right);
    this.bars = bars(answer);
    this.seen = figure(answer, "What the network sees: 28 × 28 pixels");
    this.seen.classList.add("dp-seen");
    this.images = exampleButtons(root, examples, (n) => this.start([], n));
    this.maps = element("div", "dp-maps", root);
    /** @type {HTMLCanvasElement[]} */
    this.sheets = [];
    element("p", "dp-keys", root, KEYS);
    this.listen();
    this.onReading = () => this.show();
    this.onDrawing = () => this.take();
    model.on("change:reading", this.onReading);
    model.on("change:drawing", this.onDrawing);
    this.take();
    this.show();
    if (demo) this.demo = new Demo(this.canvas, pad, (strokes) => this.showDemo(strokes));
  }

  destroy() {
    clearTimeout(this.waiting);
    this.demo?.end();
    this.model.off("change:reading", this.onReading);
    this.model.off("change:drawing", this.onDrawing);
    this.root.remove();
  }

  // -------------------------------------------------------------- drawing

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.isPrimary) return;
      canvas.setPointerCapture(event.pointerId);
      this.endDemo();
      this.pen.down = false;
      this.pointer = event.pointerId;
      this.strokes.push([this.place(event)]);
      this.changed();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.pointer) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.extend(this.place(one));
    });
    /** @param {PointerEvent} event */
    const lift = (event) => {
      if (event.pointerId === this.pointer) this.pointer = null;
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.redraw());
    canvas.addEventListener("blur", () => this.redraw());
  }

  /**
   * Where an event is, in whole units of the pad.
   * @param {PointerEvent} event
   */
  place(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return this.inside(((event.clientX - left) / width) * this.pad, ((event.clientY - top) / height) * this.pad);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @returns {Point}
   */
  inside(x, y) {
    return [Math.round(clamp(x, 0, this.pad)), Math.round(clamp(y, 0, this.pad))];
  }

  /** @param {Point} point */
  extend(point) {
    const stroke = this.strokes[this.strokes.length - 1];
    const [x, y] = stroke[stroke.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) < NEAREST) return;
    stroke.push(point);
    this.changed();
  }

  /**
   * A digit draws itself, as long as nothing else is on the pad.
   * @param {Point[][]} strokes
   */
  showDemo(strokes) {
    if (this.example != null || (this.strokes.length && !this.root.dataset.demo)) return;
    this.root.dataset.demo = String(strokes[0].length);
    this.strokes = strokes;
    this.changed();
  }

  /** Whoever begins to draw gets an empty pad. */
  endDemo() {
    this.demo?.end();
    if (!this.root.dataset.demo) return;
    delete this.root.dataset.demo;
    this.strokes = [];
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    /** @type {Record<string, () => void>} */
    const actions = {
      " ": () => this.setDown(!this.pen.down),
      Escape: () => this.setDown(false),
      Backspace: () => this.undo(),
      Delete: () => this.start([], null),
    };
    const direction = ARROWS[event.key];
    if (!direction && !actions[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    this.endDemo();
    if (direction) this.movePen(direction);
    else actions[event.key]();
  }

  /** @param {boolean} down */
  setDown(down) {
    this.pen.down = down;
    if (!down) return this.redraw();
    this.strokes.push([this.pen.at]);
    this.changed();
  }

  /** @param {Point} direction */
  movePen([right, down]) {
    const [x, y] = this.pen.at;
    this.pen.at = this.inside(x + STEP * right, y + STEP * down);
    if (this.pen.down) this.extend(this.pen.at);
    this.redraw();
  }

  undo() {
    this.endDemo();
    if (this.strokes.length) this.start(this.strokes.slice(0, -1), this.example);
    else this.start([], null);
  }

  /**
   * Go on from some strokes over an example, if any.
   * @param {Point[][]} strokes
   * @param {Drawing["example"]} example
   */
  start(strokes, example) {
    this.endDemo();
    this.strokes = strokes;
    this.example = example;
    this.pointer = null;
    this.pen.down = false;
    this.changed();
  }

  /** The pad is drawn at once. Python is sent no more than it can answer: the model sees to that. */
  changed() {
    this.redraw();
    this.number += 1;
    this.root.dataset.sent = String(this.number);
    this.sending = true;
    this.model.set("drawing", { number: this.number, strokes: structuredClone(this.strokes), example: this.example });
    this.sending = false;
    this.model.save_changes();
    this.waiting ??= setTimeout(() => this.say("The kernel is busy with a cell: the answer comes later."), PATIENCE);
  }

  /** Take the drawing of the model: at the start, and when another view of the same pad has drawn. */
  take() {
    if (this.sending) return;
    const { number, strokes, example } = this.model.get("drawing");
    this.number = number;
    this.strokes = structuredClone(strokes);
    this.example = example;
    this.redraw();
  }

  redraw() {
    const context = context2d(this.canvas);
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.fillStyle = css(BLACK);
    context.fillRect(0, 0, this.pad, this.pad);
    if (this.example != null) context.drawImage(this.images[this.example], 0, 0, this.pad, this.pad);
    Object.assign(context, { strokeStyle: css(WHITE), lineWidth: this.width, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.strokes) {
      context.beginPath();
      const [[x, y], ...others] = stroke;
      context.moveTo(x, y);
      context.lineTo(x + 0.01, y); // or a dot, a line without any length, would not be drawn
      for (const point of others) context.lineTo(...point);
      context.stroke();
    }
    this.way.draw(context);
    if (document.activeElement === this.canvas && this.canvas.matches(":focus-visible")) this.drawPen(context);
  }

  /** @param {CanvasRenderingContext2D} context */
  drawPen(context) {
    const [, , , colour] = LOOKS.roles.kernel; // for a dark ground
    context.beginPath();
    context.arc(this.pen.at[0], this.pen.at[1], this.pen.down ? 5 : 9, 0, 2 * Math.PI);
    Object.assign(context, { strokeStyle: colour, fillStyle: colour, lineWidth: 3 });
    if (this.pen.down) context.fill();
    else context.stroke();
  }

  // -------------------------------------------------------------- what the network says

  /** @param {string} sentence */
  say(sentence) {
    this.says.textContent = sentence;
  }

  show() {
    const { number, says, probabilities, seen, maps, back } = this.model.get("reading");
    if (number === this.number) {
      clearTimeout(this.waiting);
      this.waiting = undefined;
    }
    this.root.dataset.number = String(number);
    this.say(says);
    this.way.take(back);
    this.redraw();
    this.root.classList.toggle("dp-empty", !probabilities);
    const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    this.bars.forEach(({ row, bar, share }, digit) => {
      const percent = 100 * (probabilities?.[digit] ?? 0);
      row.classList.toggle("dp-best", digit === best);
      bar.style.width = `${percent}%`;
      share.textContent = probabilities ? `${Math.round(percent)}%` : "";
    });
    if (!probabilities) return;
    paint(this.seen, bytesOf(seen), SIDE, SIDE);
    if (this.sheets.length !== maps.length) {
      this.maps.replaceChildren();
      this.sheets = maps.map((_, n) => figure(this.maps, `After the ${["first", "second"][n]} layer`));
    }
    for (const [n, map] of maps.entries()) paintMaps(this.sheets[n], map);
  }
}

/** @type {Render<PadState>} */
function render({ model, el }) {
  const pad = new Pad(model, element("div", "", el));
  return () => pad.destroy();
}

export default { render };
