// A pad to draw a digit on. Strokes go to Python; what the network says to them comes back and is shown.
// render() is the anywidget entry point; it needs only model.get, set, save_changes, on, off and an element.

const SIDE = 28;
const STEP = 7; // of the keyboard's pen, in units of the pad
const PATIENCE = 1500; // milliseconds until the pad says that it waits
const NEAREST = 4; // points closer than this, in units of the pad, are not worth sending
const KEYS =
  "Draw with mouse, finger or pen. With the keyboard: arrows move the pen, space sets it down and lifts it, " +
  "backspace takes the last stroke back, delete clears the pad.";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

// JupyterLab would take the keys: what has the focus itself must say that it may not
function keepKeys(node) {
  node.dataset.lmSuppressShortcuts = "true";
}

function button(parent, text, label, action) {
  const node = element("button", "", parent, text);
  node.type = "button";
  node.setAttribute("aria-label", label);
  node.title = label;
  keepKeys(node);
  node.addEventListener("click", action);
  return node;
}

// (rows, columns) of bytes as white on black
function paint(canvas, bytes, rows, columns) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const grey = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let n = 0; n < rows * columns; n++) image.data.set([grey[n], grey[n], grey[n], 255], 4 * n);
  context.putImageData(image, 0, 0);
}

class Pad {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    Object.assign(this, model.get("settings"));
    const { number, strokes, example } = model.get("drawing");
    Object.assign(this, { number, strokes: structuredClone(strokes), example });
    this.pen = { at: [this.pad / 2, this.pad / 2], down: false };
    root.className = "dp-root";
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Digit pad");
    this.build();
    this.onReading = () => this.show();
    this.onDrawing = () => this.take();
    model.on("change:reading", this.onReading);
    model.on("change:drawing", this.onDrawing);
    this.redraw();
    this.show();
  }

  destroy() {
    clearTimeout(this.waiting);
    this.model.off("change:reading", this.onReading);
    this.model.off("change:drawing", this.onDrawing);
    this.root.remove();
  }

  // -------------------------------------------------------------- what stands where

  build() {
    const top = element("div", "dp-top", this.root);
    const left = element("div", "dp-left", top);
    this.canvas = element("canvas", "dp-canvas", left);
    this.canvas.width = this.canvas.height = 2 * this.pad;
    this.canvas.tabIndex = 0;
    keepKeys(this.canvas);
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", `Drawing pad. ${KEYS}`);
    this.listen();
    const tools = element("div", "dp-tools", left);
    button(tools, "Clear", "Clear the pad", () => this.start([], null));
    button(tools, "Undo", "Take the last stroke back", () => this.undo());
    const right = element("div", "dp-right", top);
    this.says = element("p", "dp-says", right);
    this.says.setAttribute("role", "status");
    const middle = element("div", "dp-middle", right);
    this.bars = this.buildBars(middle);
    this.seen = this.figure(middle, "What the network sees: 28 × 28 pixels");
    this.seen.canvas.classList.add("dp-seen");
    if (this.examples.length) this.buildExamples();
    this.maps = element("div", "dp-maps", this.root);
    element("p", "dp-keys", this.root, KEYS);
  }

  buildBars(parent) {
    const list = element("ol", "dp-bars", parent);
    list.setAttribute("aria-label", "How sure the network is of each digit");
    return Array.from({ length: 10 }, (_, digit) => {
      const row = element("li", "", list);
      element("span", "dp-digit", row, digit);
      const bar = element("span", "dp-bar", element("span", "dp-track", row));
      return { row, bar, share: element("span", "dp-share", row) };
    });
  }

  buildExamples() {
    const row = element("div", "dp-examples", this.root);
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Examples");
    element("span", "", row, "Load one, and draw on it:");
    this.images = this.examples.map((bytes, n) => {
      const place = button(row, "", `Load example ${n + 1} of ${this.examples.length}`, () => this.start([], n));
      const image = element("canvas", "", place);
      paint(image, bytes, SIDE, SIDE);
      return image;
    });
  }

  figure(parent, caption) {
    const node = element("figure", "", parent);
    const canvas = element("canvas", "", node);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", caption);
    const words = element("figcaption", "", node, caption);
    return { node, canvas, words };
  }

  // -------------------------------------------------------------- drawing

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.isPrimary) return;
      canvas.setPointerCapture(event.pointerId);
      this.pen.down = false;
      this.drawn = event.pointerId;
      this.strokes.push([this.place(event)]);
      this.changed();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.drawn) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.extend(this.place(one));
    });
    const lift = (event) => {
      if (event.pointerId === this.drawn) this.drawn = undefined;
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.redraw());
    canvas.addEventListener("blur", () => this.redraw());
  }

  // where an event is, in whole units of the pad
  place(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return this.inside([((event.clientX - left) / width) * this.pad, ((event.clientY - top) / height) * this.pad]);
  }

  inside(point) {
    return point.map((value) => Math.round(Math.min(this.pad, Math.max(0, value))));
  }

  extend(point) {
    const stroke = this.strokes.at(-1);
    const [x, y] = stroke.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < NEAREST) return;
    stroke.push(point);
    this.changed();
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
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
    if (direction) this.movePen(direction);
    else actions[event.key]();
  }

  setDown(down) {
    this.pen.down = down;
    if (!down) return this.redraw();
    this.strokes.push([[...this.pen.at]]);
    this.changed();
  }

  movePen(direction) {
    this.pen.at = this.inside(this.pen.at.map((value, axis) => value + STEP * direction[axis]));
    if (this.pen.down) this.extend([...this.pen.at]);
    this.redraw();
  }

  undo() {
    if (this.strokes.length) this.start(this.strokes.slice(0, -1), this.example);
    else this.start([], null);
  }

  start(strokes, example) {
    Object.assign(this, { strokes, example, drawn: undefined });
    this.pen.down = false;
    this.changed();
  }

  // the pad is drawn at once; Python hears of it, and of no more than it can answer: the model sees to that
  changed() {
    this.redraw();
    this.number += 1;
    this.root.dataset.sent = this.number;
    this.sending = true;
    this.model.set("drawing", { number: this.number, strokes: structuredClone(this.strokes), example: this.example });
    this.sending = false;
    this.model.save_changes();
    this.waiting ??= setTimeout(() => this.say("The kernel is busy with a cell: the answer comes later."), PATIENCE);
  }

  // another view of the same pad has drawn
  take() {
    if (this.sending) return;
    const { number, strokes, example } = this.model.get("drawing");
    Object.assign(this, { number, strokes: structuredClone(strokes), example });
    this.redraw();
  }

  redraw() {
    const context = this.canvas.getContext("2d");
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.pad, this.pad);
    if (this.example !== null) context.drawImage(this.images[this.example], 0, 0, this.pad, this.pad);
    Object.assign(context, { strokeStyle: "#fff", lineWidth: this.width, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke.length > 1 ? stroke.slice(1) : stroke) context.lineTo(...point);
      context.stroke();
    }
    if (document.activeElement === this.canvas && this.canvas.matches(":focus-visible")) this.drawPen(context);
  }

  drawPen(context) {
    context.beginPath();
    context.arc(...this.pen.at, this.pen.down ? 5 : 9, 0, 2 * Math.PI);
    Object.assign(context, { strokeStyle: "#f2ab52", fillStyle: "#f2ab52", lineWidth: 3 });
    if (this.pen.down) context.fill();
    else context.stroke();
  }

  // -------------------------------------------------------------- what the network says

  say(sentence) {
    this.says.textContent = sentence;
  }

  show() {
    const { number, says, probabilities, seen, maps } = this.model.get("reading");
    if (number === this.number) {
      clearTimeout(this.waiting);
      this.waiting = null;
    }
    this.root.dataset.number = number;
    this.say(says);
    const empty = !probabilities;
    this.root.classList.toggle("dp-empty", empty);
    const best = empty ? -1 : probabilities.indexOf(Math.max(...probabilities));
    this.bars.forEach(({ row, bar, share }, digit) => {
      const p = empty ? 0 : probabilities[digit];
      row.classList.toggle("dp-best", digit === best);
      bar.style.width = `${100 * p}%`;
      share.textContent = empty ? "" : `${Math.round(100 * p)}%`;
    });
    if (empty) return;
    paint(this.seen.canvas, seen, SIDE, SIDE);
    this.showMaps(maps);
  }

  showMaps(maps) {
    if (this.mapped?.length !== maps.length) {
      this.maps.replaceChildren();
      this.mapped = maps.map((_, n) => this.figure(this.maps, `After the ${["first", "second"][n]} layer`));
    }
    maps.forEach(({ shape: [count, rows, columns], pixels }, n) => {
      const across = count <= 8 ? count : Math.min(count, 16);
      const down = Math.ceil(count / across);
      const sheet = new Uint8Array(down * (rows + 1) * across * (columns + 1)).fill(90); // grey lines between maps
      const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
      const wide = across * (columns + 1);
      for (let map = 0; map < count; map++) {
        const corner = Math.floor(map / across) * (rows + 1) * wide + (map % across) * (columns + 1);
        for (let row = 0; row < rows; row++) {
          const from = (map * rows + row) * columns;
          sheet.set(bytes.subarray(from, from + columns), corner + row * wide);
        }
      }
      paint(this.mapped[n].canvas, sheet, down * (rows + 1), wide);
    });
  }
}

function render({ model, el }) {
  const pad = new Pad(model, element("div", "", el));
  return () => pad.destroy();
}

export default { render };
