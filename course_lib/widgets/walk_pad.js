// @ts-check
// A small square to draw a digit in.

import { button, context2d, element, labelled } from "./dom.js";

const PEN_WIDTH = 22; // in the units of the strokes

export class WalkPad {
  /**
   * @param {Element} parent
   * @param {number} side in pixels
   * @param {number} units along each side
   * @param {(strokes: Point[][]) => void} changed
   */
  constructor(parent, side, units, changed) {
    this.units = units;
    this.changed = changed;
    /** @type {Point[][]} */
    this.strokes = [];
    /** @type {Point[][] | null} */
    this.given = null; // what was to be drawn last; erased, it is not drawn again
    this.canvas = element("canvas", "we-pad", parent);
    labelled(this.canvas, "Draw a digit here, and say below the scores what it is");
    this.canvas.width = this.canvas.height = side;
    const beside = element("div", "we-beside", parent);
    element("span", "we-soft", beside, "← or draw one");
    this.eraser = button(beside, "erase", () => this.erase(), "Empty the square: the next stroke begins another digit");
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event), { signal });
    this.canvas.addEventListener("pointermove", (event) => this.move(event), { signal });
  }

  destroy() {
    this.gone.abort();
  }

  /** @param {PointerEvent} event */
  begin(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.changed([...this.strokes, [this.place(event)]]);
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!event.buttons || !this.canvas.hasPointerCapture(event.pointerId)) return;
    const last = this.strokes[this.strokes.length - 1] ?? [];
    this.changed([...this.strokes.slice(0, -1), [...last, this.place(event)]]);
  }

  /** @param {PointerEvent} event @returns {Point} */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.units / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  /** @param {Point[][]} strokes */
  draw(strokes) {
    if (strokes !== this.given) this.strokes = strokes;
    this.given = strokes;
    this.paint();
  }

  /** What was drawn is still shown in the network until the next stroke. */
  erase() {
    this.strokes = [];
    this.paint();
  }

  paint() {
    this.eraser.disabled = !this.strokes.length;
    const context = context2d(this.canvas);
    const scale = this.canvas.width / this.units;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.lineWidth = PEN_WIDTH * scale;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = getComputedStyle(this.canvas).color;
    for (const stroke of this.strokes) {
      context.beginPath();
      for (const [x, y] of [...stroke, stroke[stroke.length - 1]]) context.lineTo(x * scale, y * scale);
      context.stroke();
    }
  }
}
