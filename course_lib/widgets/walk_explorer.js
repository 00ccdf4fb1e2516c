// @ts-check
// The way back through a network, cell by cell. Python sends all values and gradients of one digit; who pays whom is
// looked up here. render() is the anywidget entry point.

/** @import { AnyModel, Render } from "@anywidget/types" */
/** @import { Spot } from "./walk_picture.js" */
import { button, context2d, element, keepKeys, labelled } from "./dom.js";
import { number, Theme } from "./looks.js";
import { Walk } from "./paying.js";
import { sentenceOf, writePayments } from "./walk_parts.js";
import { WalkPicture } from "./walk_picture.js";
import { WalkZoom } from "./walk_zoom.js";

const [SIDE, EXAMPLE, SMALLEST_PICTURE] = [28, 34, 420];
const STEP = 420; // milliseconds that a gradient takes to the layer before
const PEN = 22;
const HINT = "Point at an entry of a gradient: the entries that pay it light up. A click keeps it.";

class Explorer {
  /**
   * @param {AnyModel<WalkState>} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.choices = model.get("choices");
    this.asked = model.get("asked");
    this.waiting = false; // for an answer of Python
    this.frame = this.walking = this.width = 0;
    this.later = false; // whether another question came while Python worked
    /** @type {Theme | null} */
    this.theme = null;
    /** @type {Spot | null} the cell whose payments are written below, and the walk that they are of */
    this.written = null;
    /** @type {Walk | null} */
    this.writtenOf = null;
    /** @type {Spot | null} */
    this.kept = null;
    /** @type {Spot | null} */
    this.pointed = null;
    root.className = "we-root";
    root.tabIndex = 0;
    keepKeys(root);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "The way back through a network");
    this.addDigits();
    this.addTraining();
    this.stage = element("div", "we-stage", root);
    this.picture = new WalkPicture(this.stage);
    this.scores = element("div", "we-scores", this.stage);
    this.readout = element("p", "we-readout", root, HINT);
    this.addSteps();
    const detail = element("div", "we-detail", root);
    this.zoom = new WalkZoom(detail, this.picture);
    this.panel = element("div", "we-panel", detail);
    this.listen();
    this.take();
  }

  addDigits() {
    const row = element("div", "we-digits", this.root);
    this.examples = this.choices.pixels.map((pixels, n) => {
      const node = button(row, "", () => this.ask({ example: n, strokes: [], label: this.choices.labels[n] }));
      labelled(node, `A ${this.choices.labels[n]}`);
      const canvas = element("canvas", "", node);
      canvas.width = canvas.height = SIDE;
      const image = context2d(canvas).createImageData(SIDE, SIDE);
      for (let at = 0; at < SIDE * SIDE; at++) image.data.set([0, 0, 0, pixels.getUint8(at)], 4 * at);
      context2d(canvas).putImageData(image, 0, 0);
      return node;
    });
    this.pad = element("canvas", "we-pad", row);
    labelled(this.pad, "Draw a digit here; the score that is clicked is its true class");
    this.pad.width = this.pad.height = 2 * EXAMPLE;
    element("span", "we-soft", row, "← or draw one");
    this.draw();
  }

  addTraining() {
    const row = element("div", "we-training", this.root);
    element("span", "", row, "untrained");
    this.slider = element("input", "", row);
    Object.assign(this.slider, { type: "range", min: 0, max: 100 });
    this.slider.setAttribute("aria-label", "How much of the training is done, in percent");
    this.slider.value = String(100 * this.asked.trained);
    element("span", "", row, "trained");
    this.loss = element("output", "", row);
    this.slider.addEventListener("input", () => this.ask({ trained: Number(this.slider?.value) / 100 }));
  }

  addSteps() {
    const row = element("div", "we-steps", this.root);
    button(row, "▶ Walk back", () => this.walkBack(), "Let the gradient come back from the loss, layer by layer");
    this.toPixels = button(
      row,
      "← to the pixels",
      () => this.towardsPixels(),
      "Go on to the entry that this one pays most",
    );
    this.toLoss = button(row, "to the loss →", () => this.towardsLoss(), "Go on to the entry that pays most");
    const label = element("label", "", row);
    this.common = element("input", "", label);
    this.common.type = "checkbox";
    keepKeys(this.common);
    label.append(" one scale for all gradients");
    this.common.addEventListener("change", () => {
      this.picture.common = this.common?.checked === true;
      this.picture.bitmaps.clear();
      this.writtenOf = null;
      this.redraw();
    });
  }

  listen() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.onWalk = () => this.take();
    this.model.on("change:walk", this.onWalk);
    const { canvas } = this.picture;
    canvas.addEventListener("pointermove", (event) => this.point(this.picture.hit(this.place(event)).spot ?? null), {
      signal,
    });
    canvas.addEventListener("pointerleave", () => this.point(null), { signal });
    canvas.addEventListener("click", (event) => this.click(this.place(event)), { signal });
    this.zoom.canvas.addEventListener(
      "click",
      (event) => this.keep(this.zoom.hit([event.offsetX, event.offsetY]) ?? this.kept),
      {
        signal,
      },
    );
    this.root.addEventListener("keydown", (event) => this.key(event), { signal });
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.root);
    this.themeWatch = new MutationObserver(() => this.rethemed());
    this.themeWatch.observe(document.body, { attributes: true });
    this.addPen(signal);
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.walking);
    this.gone?.abort();
    this.model.off("change:walk", this.onWalk);
    this.resizer?.disconnect();
    this.themeWatch?.disconnect();
    this.root.remove();
  }

  // -------------------------------------------------------------- what Python is asked

  /**
   * Ask Python, one question at a time; of those that come meanwhile, the last one counts.
   * @param {Partial<WalkAsked>} change
   */
  ask(change) {
    this.asked = { ...this.asked, ...change };
    if (change.example !== undefined) this.draw();
    if (this.waiting) {
      this.later = true;
      return;
    }
    this.waiting = true;
    this.model.set("asked", this.asked);
    this.model.save_changes();
  }

  take() {
    this.waiting = false;
    this.walk = new Walk(this.model.get("walk"));
    this.picture.take(this.walk);
    if (this.loss) this.loss.textContent = `loss ${number(this.walk.loss)}`;
    this.examples?.forEach((node, n) => {
      node.setAttribute("aria-pressed", String(n === this.asked.example));
    });
    this.writeScores();
    this.resize(true);
    if (!this.later) return;
    this.later = false;
    this.ask({});
  }

  // -------------------------------------------------------------- the drawing

  draw() {
    if (!this.pad) return;
    const context = context2d(this.pad);
    const scale = this.pad.width / this.choices.pad;
    context.clearRect(0, 0, this.pad.width, this.pad.height);
    context.lineWidth = PEN * scale;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = getComputedStyle(this.root).color;
    for (const stroke of this.asked.strokes) {
      context.beginPath();
      for (const [x, y] of [...stroke, stroke[stroke.length - 1]]) context.lineTo(x * scale, y * scale);
      context.stroke();
    }
  }

  /** @param {AbortSignal} signal */
  addPen(signal) {
    const { pad } = this;
    if (!pad) return;
    /** @type {(event: PointerEvent) => Point} */
    const at = (event) => {
      const box = pad.getBoundingClientRect();
      const scale = this.choices.pad / box.width;
      return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    };
    const add = (/** @type {PointerEvent} */ event, /** @type {boolean} */ begins) => {
      const old = this.asked.example === null ? this.asked.strokes : [];
      const strokes = begins ? [...old, [at(event)]] : [...old.slice(0, -1), [...old[old.length - 1], at(event)]];
      this.ask({ example: null, strokes });
      this.draw();
    };
    pad.addEventListener(
      "pointerdown",
      (event) => {
        pad.setPointerCapture(event.pointerId);
        add(event, true);
      },
      { signal },
    );
    pad.addEventListener(
      "pointermove",
      (event) => event.buttons && pad.hasPointerCapture(event.pointerId) && add(event, false),
      {
        signal,
      },
    );
  }

  // -------------------------------------------------------------- the scores

  writeScores() {
    const { walk } = this;
    if (!walk) return;
    const gradient = walk.columns[walk.last].gradient;
    this.scores.replaceChildren();
    element("div", "we-head", this.scores, "probability, and gradient");
    walk.probabilities.forEach((p, digit) => {
      const node = button(this.scores, "", () => this.keep({ at: walk.last, cell: digit }));
      const truth = digit === walk.label;
      labelled(
        node,
        `${digit}: ${number(100 * p, 2)} %, gradient ${number(gradient[digit], 2)}${truth ? ", the true class" : ""}`,
      );
      node.className = `we-score ${truth ? "we-true" : ""}`;
      element("b", "", node, `${digit}${truth ? " ✓" : ""}`);
      const bar = element("span", "we-bar", node);
      element("span", "", bar).style.width = `${100 * p}%`;
      element("span", "we-p", node, p < 0.001 ? "0 %" : `${number(100 * p, 2)} %`);
      element("span", `we-d ${gradient[digit] < 0 ? "we-below" : "we-above"}`, node, number(gradient[digit], 2));
    });
    if (this.asked.example !== null) return;
    const row = element("div", "we-truth we-soft", this.scores, "it is a ");
    for (let digit = 0; digit < walk.probabilities.length; digit++) {
      button(row, String(digit), () => this.ask({ label: digit }), `The true class is ${digit}`);
    }
  }

  // -------------------------------------------------------------- a cell that is chosen

  /** @param {MouseEvent} event @returns {Point} */
  place(event) {
    const box = this.picture.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** @param {Spot | null} spot */
  point(spot) {
    if (spot?.at === this.pointed?.at && spot?.cell === this.pointed?.cell) return;
    this.pointed = spot;
    this.redraw();
  }

  /** @param {Point} place */
  click(place) {
    const { spot, channel } = this.picture.hit(place);
    if (channel) this.picture.choose(channel.at, channel.cell);
    this.writtenOf = null;
    if (spot) this.keep(spot);
    else this.redraw();
  }

  /**
   * Keep a cell, and show the channels of those on its way to the loss.
   * @param {Spot | null} spot
   */
  keep(spot) {
    this.kept = spot;
    this.writtenOf = null; // other channels may be shown
    if (spot && this.walk) {
      for (const [at, cell] of this.walk.wayToTheLoss(spot.at, spot.cell).reverse()) {
        this.picture.choose(at, this.walk.columns[at].place(cell)[0]);
      }
    }
    this.redraw();
  }

  get chosen() {
    return this.pointed ?? this.kept;
  }

  towardsLoss() {
    const spot = this.kept;
    const [most] = spot && this.walk ? this.walk.received(spot.at, spot.cell) : [];
    if (spot && most) this.keep({ at: spot.at + 1, cell: most.cell });
  }

  towardsPixels() {
    const spot = this.kept;
    const [most] = spot && this.walk ? this.walk.given(spot.at, spot.cell) : [];
    if (spot && most) this.keep({ at: spot.at - 1, cell: most.cell });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.target instanceof HTMLInputElement || event.altKey || event.ctrlKey || event.metaKey) return;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowRight: () => this.towardsLoss(),
      ArrowLeft: () => this.towardsPixels(),
      Escape: () => this.keep(null),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    actions[event.key]();
  }

  // -------------------------------------------------------------- time

  /** The gradients come back one by one, from the loss to the pixels. */
  walkBack() {
    cancelAnimationFrame(this.walking);
    if (!this.walk) return;
    const { last } = this.walk;
    const start = performance.now();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.keep(null);
    /** @param {number} now */
    const tick = (now) => {
      const shown = calm ? 0 : Math.max(0, last - Math.floor((now - start) / STEP));
      if (shown !== this.picture.shown) {
        this.picture.shown = shown;
        this.redraw();
      }
      if (shown > 0) this.walking = requestAnimationFrame(tick);
    };
    this.picture.shown = last;
    this.redraw();
    tick(start);
  }

  /** @param {boolean} [always] also where the width is what it was */
  resize(always = false) {
    const width = this.root.clientWidth;
    if (!width || !this.walk || (!always && width === this.width)) return;
    this.width = width;
    this.theme ??= new Theme(this.root);
    this.root.style.colorScheme = this.theme.dark ? "dark" : "light";
    this.stage.classList.toggle("we-narrow", this.stage.clientWidth - this.scores.clientWidth < SMALLEST_PICTURE);
    this.picture.resize(this.picture.canvas.clientWidth, this.theme);
    this.writtenOf = null;
    this.draw();
    this.redraw();
  }

  rethemed() {
    const theme = new Theme(this.root);
    if (theme.sameAs(this.theme)) return;
    this.theme = theme;
    this.resize(true);
  }

  /** Draw once before the page is shown next. */
  redraw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.show());
  }

  show() {
    const { walk, chosen, kept } = this;
    if (!walk || !this.readout) return;
    const way = chosen ? walk.wayToTheLoss(chosen.at, chosen.cell).map(([at, cell]) => ({ at, cell })) : [];
    this.picture.draw({ chosen, paid: { at: (chosen?.at ?? 0) + 1, cells: this.paying(chosen) }, way });
    const score = way.find(({ at }) => at === walk.last)?.cell;
    this.scores.querySelectorAll(".we-score").forEach((node, digit) => {
      node.toggleAttribute("data-lit", digit === score);
    });
    const says = chosen ? sentenceOf(walk, chosen.at, chosen.cell) : HINT;
    this.readout.textContent = this.pointed ? says : HINT; // what is kept is written below
    this.picture.canvas.setAttribute("aria-label", says);
    if (this.written === kept && this.writtenOf === walk) return;
    [this.written, this.writtenOf] = [kept, walk];
    if (this.toLoss) this.toLoss.disabled = !kept || kept.at === walk.last;
    if (this.toPixels) this.toPixels.disabled = !kept || kept.at === 0;
    this.zoom.draw(kept, this.paying(kept));
    if (kept) writePayments(this.panel, walk, kept.at, kept.cell, (at, cell) => this.keep({ at, cell }));
    else this.panel.replaceChildren();
  }

  /**
   * The cells that pay a cell.
   * @param {Spot | null} spot
   */
  paying(spot) {
    const payments = spot && this.walk ? this.walk.received(spot.at, spot.cell) : [];
    return payments.filter(({ amount }) => amount).map(({ cell }) => cell);
  }
}

/** @type {Render<WalkState>} */
function render({ model, el }) {
  const explorer = new Explorer(model, element("div", "", el));
  return () => explorer.destroy();
}

export default { render };
