// @ts-check
// The gradient that lies on a drawing: which pixels would move the answer, and the choice of what is shown.

import { button, context2d, element, labelled } from "./dom.js";
import { channels } from "./looks.js";

export const SIDE = 28; // rows and columns of what a network sees
const STRONGEST = 0.85; // how opaque full colour is: the drawing shows through
const FULL = 127;
/** @type {Way[]} */
const WAYS = ["winner", "change", "off"];

export class WayBack {
  /**
   * @param {Element} parent
   * @param {Element} tools the row of buttons above
   * @param {Way} way what is shown at first
   * @param {() => void} changed
   */
  constructor(parent, tools, way, changed) {
    this.way = way;
    this.smooth = true;
    this.changed = changed;
    /** @type {Reading["back"] | undefined} */
    this.back = undefined;
    const row = element("div", "dp-way", parent);
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "The gradient on the drawing");
    element("span", "", row, "Gradient:");
    this.choices = WAYS.map((way) => button(row, "", () => this.choose(way)));
    this.single = button(tools, "smooth", () => this.toggle());
    this.single.classList.add("dp-smooth");
    this.single.title = "The mean over 16 copies with noise on them, or the drawing's own";
    this.legend = element("p", "dp-legend", parent);
    this.legend.setAttribute("role", "status");
    this.picture = element("canvas", "");
    this.picture.width = this.picture.height = SIDE;
    this.label();
  }

  /** @param {Way} way */
  choose(way) {
    this.way = way;
    this.label();
    this.changed();
  }

  toggle() {
    this.smooth = !this.smooth;
    this.label();
    this.changed();
  }

  /** @param {Reading["back"] | undefined} back */
  take(back) {
    this.back = back;
    this.label();
  }

  label() {
    const { first, second } = this.back ?? { first: "…", second: "…" };
    const words = { winner: `of the ${first}`, change: `${first} → ${second}`, off: "off" };
    const says = { winner: `The gradient of the score of ${first}`, change: `What moves it to ${second}`, off: "None" };
    for (const [n, way] of WAYS.entries()) {
      this.choices[n].textContent = words[way];
      labelled(this.choices[n], says[way]);
      this.choices[n].setAttribute("aria-pressed", String(way === this.way));
    }
    this.single.setAttribute("aria-pressed", String(this.smooth));
    const legends = {
      winner: `Blue: ink there raises the score of ${first}. Orange: ink there lowers it.`,
      change: `Blue: ink there moves it towards ${second}. Orange: away from ${second}.`,
      off: "",
    };
    this.legend.textContent = this.back ? legends[this.way] : "";
  }

  /**
   * Lay the gradient over a drawing.
   * @param {CanvasRenderingContext2D} context in units of the pad
   */
  draw(context) {
    if (!this.back || this.way === "off") return;
    const shades = this.back[this.way][this.smooth ? "smooth" : "single"];
    const values = new Int8Array(shades.buffer, shades.byteOffset, shades.byteLength);
    const own = context2d(this.picture);
    const image = own.createImageData(SIDE, SIDE);
    const [above, below] = [channels(LOOKS.signs.above[2]), channels(LOOKS.signs.below[2])]; // for a dark ground
    values.forEach((value, n) => {
      const opacity = (255 * STRONGEST * Math.abs(value)) / FULL;
      image.data.set([...(value > 0 ? above : below), opacity], 4 * n);
    });
    own.putImageData(image, 0, 0);
    const [left, top, side] = this.back.window;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.picture, left, top, side, side);
  }
}
