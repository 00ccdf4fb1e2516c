// @ts-check
// The gradient that holds the chosen entry, large, and beside it the one that pays it.

/** @import { WalkPicture } from "./walk_picture.js" */
/** @import { Spot } from "./walk_plan.js" */
import { context2d, element } from "./dom.js";
import { css } from "./looks.js";
import { Pen } from "./pen.js";

const [LARGEST, ZOOM_GAP, ZOOM_HEAD] = [168, 40, 20];
const MOST_FRAMED = 200; // more cells than these pay through weights of a whole layer

export class WalkZoom {
  /**
   * @param {Element} parent
   * @param {WalkPicture} picture whose bitmaps are shown
   */
  constructor(parent, picture) {
    this.picture = picture;
    this.canvas = element("canvas", "we-zoom", parent);
    this.canvas.setAttribute("aria-hidden", "true");
    /** @type {number[]} the columns that are shown, from left to right */
    this.shown = [];
    this.large = LARGEST; // the side of a gradient, in pixels
  }

  /** How many cells lie beside each other in a column. @param {number} at */
  side(at) {
    const column = this.picture.walk?.columns[at];
    return column ? this.large / Math.max(this.picture.across(at), column.isPicture ? column.rows : 1) : this.large;
  }

  /** @param {number} n */
  left(n) {
    return n * (this.large + ZOOM_GAP) + 1;
  }

  /**
   * The cell at a point.
   * @param {Point} point
   * @returns {Spot | null}
   */
  hit([x, y]) {
    for (const [n, at] of this.shown.entries()) {
      const column = this.picture.walk?.columns[at];
      if (!column) continue;
      const across = this.picture.across(at);
      const [i, j] = [(y - ZOOM_HEAD) / this.side(at), (x - this.left(n)) / this.side(at)].map(Math.floor);
      const cell = column.isPicture ? column.cell(this.picture.channels[at], i, j) : i * across + j;
      const inside =
        i >= 0 && j >= 0 && j < across && (column.isPicture ? i < column.rows : cell < column.values.length);
      if (inside) return { at, cell };
    }
    return null;
  }

  /**
   * @param {Spot | null} chosen
   * @param {number[]} paying cells of the column behind it
   */
  draw(chosen, paying) {
    const { walk, theme } = this.picture;
    if (!walk || !theme) return;
    this.shown = chosen ? [chosen.at, chosen.at + 1].filter((at) => at < walk.last) : [];
    const room = this.canvas.parentElement?.clientWidth || Number.POSITIVE_INFINITY;
    this.large = Math.min(LARGEST, (room - ZOOM_GAP - 4) / 2);
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, this.shown.length) * (this.large + ZOOM_GAP) - ZOOM_GAP + 4;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${ZOOM_HEAD + this.large + 4}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round((ZOOM_HEAD + this.large + 4) * ratio);
    this.canvas.hidden = !this.shown.length;
    const context = context2d(this.canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const pen = new Pen(context, theme);
    for (const [n, at] of this.shown.entries()) {
      const bitmap = this.picture.bitmap(at, true, this.picture.channels[at]);
      const [side, left] = [this.side(at), this.left(n)];
      const channel =
        walk.columns[at].isPicture && walk.columns[at].channels > 1 ? ` · ${this.picture.channels[at]}` : "";
      const name = `${at ? `dy of ${walk.layers[at - 1].name}` : "dx of the image"}${channel}`;
      pen.text(name, [left, 9], theme.roles.gradient.text, pen.font(12, "600"), "left");
      context.imageSmoothingEnabled = false;
      context.drawImage(bitmap, left, ZOOM_HEAD, side * bitmap.width, side * bitmap.height);
      pen.frame(
        [left - 1, ZOOM_HEAD - 1, left + side * bitmap.width, ZOOM_HEAD + side * bitmap.height],
        theme.roles.gradient.line,
        1,
      );
      const cells = at === chosen?.at ? [chosen.cell] : paying.slice(0, MOST_FRAMED);
      for (const cell of cells)
        this.frame(pen, n, at, cell, at === chosen?.at ? css(theme.ink) : theme.roles.gradient.text);
    }
    if (this.shown.length === 2)
      pen.arrow(
        [this.left(1) - 8, ZOOM_HEAD + this.large / 2],
        [this.left(1) - ZOOM_GAP + 8, ZOOM_HEAD + this.large / 2],
        css(theme.ink),
      );
  }

  /**
   * @param {Pen} pen
   * @param {number} n
   * @param {number} at
   * @param {number} cell
   * @param {string} colour
   */
  frame(pen, n, at, cell, colour) {
    const column = this.picture.walk?.columns[at];
    if (!column) return;
    const across = this.picture.across(at);
    const [channel, row, place] = column.isPicture ? column.place(cell) : [0, Math.floor(cell / across), cell % across];
    if (channel !== this.picture.channels[at]) return;
    const side = this.side(at);
    const [x, y] = [this.left(n) + place * side, ZOOM_HEAD + row * side];
    pen.frame([x, y, x + side - 1, y + side - 1], colour, 2);
  }
}
