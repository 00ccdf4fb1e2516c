// @ts-check
// Draws the way back through a network: the arrays between the layers as pictures, their gradients below them.

/** @import { Theme } from "./looks.js" */
/** @import { Walk } from "./paying.js" */
/** @import { Spot } from "./walk_plan.js" */
import { context2d, element } from "./dom.js";
import { clamp } from "./geometry.js";
import { css, number } from "./looks.js";
import { Pen } from "./pen.js";
import { HEAD, LABELS, WalkPlan } from "./walk_plan.js";

const TURN = 8; // pixels of an arrow that goes on in another line: it ends before the words there

export class WalkPicture extends WalkPlan {
  /** @param {Element} parent */
  constructor(parent) {
    super();
    this.canvas = element("canvas", "we-picture", parent);
    this.canvas.setAttribute("role", "img");
    this.common = false; // one scale for all gradients, in place of one for each
    this.shown = 0; // the first column whose gradient is shown: those before it are still to come
    /** @type {Map<string, HTMLCanvasElement>} */
    this.bitmaps = new Map();
    this.ground = element("canvas", ""); // all that a pointer does not change, drawn once
    this.grounded = ""; // what stands on it
    /** @type {Pen | null} */
    this.pen = null;
  }

  /** @param {Walk} walk */
  take(walk) {
    this.hold(walk);
    this.forget();
  }

  /**
   * @param {number} width
   * @param {Theme} theme
   */
  resize(width, theme) {
    const ratio = window.devicePixelRatio || 1;
    this.fit(width);
    this.canvas.style.height = `${this.height}px`;
    for (const canvas of [this.canvas, this.ground]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(this.height * ratio);
      context2d(canvas).setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.theme = theme;
    this.pen = new Pen(context2d(this.canvas), theme);
    this.forget();
  }

  /** Draw everything anew: with other numbers, in another size or colour, or on another scale. */
  forget() {
    this.bitmaps.clear();
    this.grounded = "";
  }

  /**
   * @param {{ chosen: Spot | null, paid: { at: number, cells: number[] }, way: Spot[] }} lit
   */
  draw({ chosen, paid, way }) {
    const { walk, pen, theme } = this;
    if (!walk || !pen || !theme) return;
    pen.context.clearRect(0, 0, this.width, this.height);
    this.drawGround(theme);
    pen.context.drawImage(this.ground, 0, 0, this.width, this.height);
    this.drawPaying(paid);
    this.drawLit(chosen, paid, way);
  }

  /**
   * The tiles and what is written around them, on a canvas of their own: they stay while the pointer moves.
   * @param {Theme} theme
   */
  drawGround(theme) {
    const wanted = `${this.shown} ${this.channels}`;
    if (this.grounded === wanted) return;
    this.grounded = wanted;
    const shown = this.pen;
    const pen = new Pen(context2d(this.ground), theme);
    this.pen = pen;
    pen.context.clearRect(0, 0, this.width, this.height);
    const label = pen.font(12, "600");
    for (let at = 0; at < this.count; at += this.inLine) {
      const [values, gradients] = [this.top(at) + this.tile / 2, this.below(at) + this.tile / 2];
      pen.text("values", [0, values - 8], theme.roles.output.text, label, "left");
      pen.text("forward →", [0, values + 8], theme.soft, pen.font(11), "left");
      pen.text("gradient", [0, gradients - 8], theme.roles.gradient.text, label, "left");
      pen.text("← backward", [0, gradients + 8], theme.soft, pen.font(11), "left");
      const inThisLine = this.groups().some(({ from }) => from >= at && from < at + this.inLine);
      if (inThisLine) pen.text("channels", [0, this.stripTop(at) + 12], theme.soft, pen.font(11), "left");
    }
    for (let at = 0; at < this.count; at++) this.drawColumn(at);
    this.drawChannels();
    this.pen = shown;
  }

  /** @param {number} at */
  drawColumn(at) {
    const { walk, pen, theme } = this;
    if (!walk || !pen || !theme) return;
    const column = walk.columns[at];
    const left = this.left(at);
    const name = at ? walk.layers[at - 1].name : "image";
    const [head, below] = [this.top(at) - HEAD, this.below(at)];
    this.write(name, [left, head + 8], css(theme.ink), 12, "600");
    const shape = column.isPicture
      ? `${column.channels} × ${column.rows} × ${column.columns}`
      : String(column.values.length);
    this.write(shape, [left, head + 24], theme.soft, 11);
    this.drawTile(at, false, theme.roles[at ? "output" : "input"].line);
    if (at >= this.shown) this.drawTile(at, true, theme.roles.gradient.line);
    else pen.dashedFrame([left, below, left + this.tile, below + this.tile]);
    if (at >= this.shown)
      this.write(`mean ${number(column.mean, 2)}`, [left, below + this.tile + 11], theme.roles.gradient.text, 11);
  }

  /**
   * A text that is not wider than a tile.
   * @param {string} text
   * @param {Point} at
   * @param {string} colour
   * @param {number} size
   * @param {string} [weight]
   */
  write(text, at, colour, size, weight) {
    if (!this.pen) return;
    const width = this.pen.widthOf(text, this.pen.font(size, weight));
    const fitting = Math.min(size, (size * (this.tile + 2)) / width);
    this.pen.text(text, at, colour, this.pen.font(fitting, weight), "left");
  }

  /** @param {number} at @param {boolean} gradients @param {string} colour */
  drawTile(at, gradients, colour) {
    if (!this.pen) return;
    const [left, top] = [this.left(at), gradients ? this.below(at) : this.top(at)];
    const bitmap = this.bitmap(at, gradients, this.channels[at]);
    const side = this.tile / Math.max(bitmap.width, bitmap.height);
    this.pen.context.imageSmoothingEnabled = false;
    this.pen.context.drawImage(bitmap, left, top, side * bitmap.width, side * bitmap.height);
    this.pen.frame([left - 1, top - 1, left + side * bitmap.width, top + side * bitmap.height], colour, 1);
  }

  /** @param {number} at @param {boolean} gradients @param {number} channel */
  bitmap(at, gradients, channel) {
    const key = `${at} ${gradients} ${channel}`;
    const known = this.bitmaps.get(key);
    if (known) return known;
    const canvas = element("canvas", "");
    const { walk, theme } = this;
    if (!walk || !theme) return canvas;
    const column = walk.columns[at];
    const across = this.across(at);
    const size = column.isPicture ? column.rows * column.columns : column.values.length;
    [canvas.width, canvas.height] = [across, Math.ceil(size / across)];
    const values = (gradients ? column.gradient : column.values).subarray(channel * size, (channel + 1) * size);
    const largest = gradients ? (this.common ? walk.largest : column.largest) : column.largestValue;
    const pixels = context2d(canvas).createImageData(canvas.width, canvas.height);
    values.forEach((value, n) => {
      pixels.data.set([...theme.signed(clamp(value / largest, -1, 1)), 255], 4 * n);
    });
    context2d(canvas).putImageData(pixels, 0, 0);
    this.bitmaps.set(key, canvas);
    return canvas;
  }

  drawChannels() {
    const { pen, theme } = this;
    if (!pen || !theme) return;
    for (const [n, { from, channels }] of this.groups().entries()) {
      if (from < this.shown) continue;
      const side = this.thumbs?.[n] ?? 1;
      pen.context.imageSmoothingEnabled = true;
      for (let channel = 0; channel < channels; channel++) {
        const [left, top] = [this.left(from) + channel * side, this.stripTop(from)];
        pen.context.drawImage(this.bitmap(from, true, channel), left, top, side - 2, side - 2);
        const [colour, width] = this.channels[from] === channel ? [css(theme.ink), 2.5] : [theme.soft, 0.5];
        this.frameChannel(n, channel, colour, width);
      }
    }
  }

  /** @param {number} n the number of a group @param {number} channel @param {string} colour @param {number} width */
  frameChannel(n, channel, colour, width) {
    const { from } = this.groups()[n];
    const side = this.thumbs?.[n] ?? 1;
    const [left, top] = [this.left(from) + channel * side, this.stripTop(from)];
    this.pen?.frame([left - 0.5, top - 0.5, left + side - 2, top + side - 2], colour, width);
  }

  /** The channels that hold cells that pay. @param {{ at: number, cells: number[] }} paid */
  drawPaying(paid) {
    const { walk, theme } = this;
    const n = this.groups().findIndex(({ from, count }) => paid.at >= from && paid.at < from + count);
    if (!walk || !theme || n < 0 || this.groups()[n].from < this.shown) return;
    const paying = new Set(paid.cells.map((cell) => walk.columns[paid.at].place(cell)[0]));
    for (const channel of paying) {
      if (channel !== this.channels[paid.at]) this.frameChannel(n, channel, theme.roles.gradient.text, 2);
    }
  }

  /**
   * @param {Spot | null} chosen
   * @param {{ at: number, cells: number[] }} paid
   * @param {Spot[]} way
   */
  drawLit(chosen, paid, way) {
    const { pen, theme } = this;
    if (!pen || !theme || !chosen) return;
    for (const cell of paid.cells) {
      const square = this.square({ at: paid.at, cell }, true);
      if (square) this.frame(square, theme.roles.gradient.text, 1.5);
    }
    const stops = way.map((spot) => this.square(spot, true)).filter((square) => square !== null);
    const ink = css(theme.ink);
    const points = stops.map(([x, y, side]) => /** @type {Point} */ ([x + side / 2, y + side / 2]));
    const last = this.count - 1;
    const end = this.left(last) + this.tile + TURN;
    if (way.length && way[way.length - 1].at > last) points.push([end, this.below(last) + this.tile / 2]);
    pen.context.globalAlpha = 0.75;
    for (let n = points.length - 1; n > 0; n--) this.drawLeg(points[n], points[n - 1], ink);
    pen.context.globalAlpha = 1;
    for (const spot of way) {
      const [one, other] = [this.square(spot, true), this.square(spot, false)];
      if (one) this.frame(one, ink, 2);
      if (other) this.frame(other, ink, 2);
    }
  }

  /**
   * An arrow of the way back. To the line above, it leaves on the left and comes in on the right.
   * @param {Point} from
   * @param {Point} to
   * @param {string} ink
   */
  drawLeg(from, to, ink) {
    if (Math.abs(from[1] - to[1]) < this.lineHeight / 2) return this.pen?.arrow(from, to, ink);
    this.pen?.arrow(from, [LABELS - TURN, from[1]], ink);
    this.pen?.arrow([this.left(this.inLine - 1) + this.tile + TURN, to[1]], to, ink);
  }

  /** A frame around a square that is never smaller than can be seen. @param {Square} square @param {string} colour @param {number} width */
  frame([x, y, side], colour, width) {
    const more = Math.max(0, (6 - side) / 2);
    this.pen?.frame([x - more, y - more, x + side + more, y + side + more], colour, width);
  }
}
