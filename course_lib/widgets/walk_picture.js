// @ts-check
// Draws the way back through a network: the arrays between the layers as pictures, their gradients below them.

/** @import { Theme } from "./looks.js" */
/** @import { Walk } from "./paying.js" */
import { context2d, element } from "./dom.js";
import { clamp } from "./geometry.js";
import { css, number } from "./looks.js";
import { Pen } from "./pen.js";

/** @typedef {{ at: number, cell: number }} Spot */

const [LABELS, HEAD, BETWEEN, UNDER, GAP] = [70, 36, 24, 20, 9]; // pixels: of rows, of columns, between and under tiles
const [LARGEST_TILE, LARGEST_THUMB] = [104, 30];

export class WalkPicture {
  /** @param {Element} parent */
  constructor(parent) {
    this.canvas = element("canvas", "we-picture", parent);
    this.canvas.setAttribute("role", "img");
    this.width = this.height = this.tile = 0;
    this.common = false; // one scale for all gradients, in place of one for each
    this.shown = 0; // the first column whose gradient is shown: those before it are still to come
    /** @type {number[]} the channel of each column that is shown */
    this.channels = [];
    /** @type {Map<string, HTMLCanvasElement>} */
    this.bitmaps = new Map();
  }

  /** @param {Walk} walk */
  take(walk) {
    this.walk = walk;
    this.channels = walk.columns.map(({ channels, isPicture }, at) =>
      isPicture ? clamp(this.channels[at] ?? 0, 0, channels - 1) : 0,
    );
    this.bitmaps.clear();
  }

  /** The columns that are pictures or vectors: all but the scores, which stand beside the canvas. */
  get count() {
    return this.walk?.last ?? 0;
  }

  /**
   * @param {number} width
   * @param {Theme} theme
   */
  resize(width, theme) {
    const ratio = window.devicePixelRatio || 1;
    this.tile = Math.min(LARGEST_TILE, Math.floor((width - LABELS) / this.count) - GAP);
    this.width = width;
    this.thumbs = this.groups().map((group) =>
      Math.min(LARGEST_THUMB, (group.count * (this.tile + GAP) - GAP) / group.channels),
    );
    this.height = this.stripTop + LARGEST_THUMB + 4;
    this.canvas.style.height = `${this.height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    context2d(this.canvas).setTransform(ratio, 0, 0, ratio, 0, 0);
    this.theme = theme;
    this.pen = new Pen(context2d(this.canvas), theme);
    this.bitmaps.clear();
  }

  get top() {
    return HEAD;
  }

  get below() {
    return HEAD + this.tile + BETWEEN;
  }

  get stripTop() {
    return this.below + this.tile + UNDER + 4;
  }

  /** @param {number} at */
  left(at) {
    return LABELS + at * (this.tile + GAP);
  }

  /** Columns next to each other that have the same channels: they are chosen together. */
  groups() {
    /** @type {{ from: number, count: number, channels: number }[]} */
    const groups = [];
    this.walk?.columns.forEach(({ channels, isPicture }, at) => {
      const last = groups[groups.length - 1];
      if (!isPicture || channels === 1) return;
      if (last && last.channels === channels && last.from + last.count === at) last.count += 1;
      else groups.push({ from: at, count: 1, channels });
    });
    return groups;
  }

  /** @param {number} at @param {number} channel */
  choose(at, channel) {
    const group = this.groups().find(({ from, count }) => at >= from && at < from + count);
    if (!group) return;
    for (let n = group.from; n < group.from + group.count; n++) this.channels[n] = channel;
  }

  /** How many cells one row of a tile has: a vector is folded into a square. @param {number} at */
  across(at) {
    const column = this.walk?.columns[at];
    if (!column) return 1;
    return column.isPicture ? column.columns : Math.ceil(Math.sqrt(column.values.length));
  }

  /**
   * The square of a cell in the row of values or of gradients, or null where another channel is shown.
   * @param {Spot} spot
   * @param {boolean} gradients
   * @returns {Square | null}
   */
  square({ at, cell }, gradients) {
    const column = this.walk?.columns[at];
    if (!column || at >= this.count) return null;
    const [channel, row, place] = column.isPicture
      ? column.place(cell)
      : [0, Math.floor(cell / this.across(at)), cell % this.across(at)];
    if (channel !== this.channels[at]) return null;
    const side = this.tile / Math.max(this.across(at), column.isPicture ? column.rows : 1);
    return [this.left(at) + place * side, (gradients ? this.below : this.top) + row * side, side];
  }

  /**
   * What lies at a point: a cell, or a channel to choose.
   * @param {Point} point
   * @returns {{ spot?: Spot, channel?: Spot }}
   */
  hit([x, y]) {
    const at = Math.floor((x - LABELS) / (this.tile + GAP));
    const column = this.walk?.columns[at];
    const row = y >= this.below ? y - this.below : y - this.top;
    const inTile = x - this.left(at) < this.tile && row >= 0 && row < this.tile;
    if (column && at < this.count && at >= 0 && inTile) {
      const across = this.across(at);
      const side = this.tile / Math.max(across, column.isPicture ? column.rows : 1);
      const [i, j] = [Math.floor(row / side), Math.floor((x - this.left(at)) / side)];
      const cell = column.isPicture ? column.cell(this.channels[at], i, j) : i * across + j;
      const inside = column.isPicture ? i < column.rows && j < column.columns : cell < column.values.length;
      if (inside) return { spot: { at, cell } };
    }
    for (const [n, { from, channels }] of this.groups().entries()) {
      const side = this.thumbs?.[n] ?? 1;
      const channel = Math.floor((x - this.left(from)) / side);
      if (y >= this.stripTop && y < this.stripTop + side && channel >= 0 && channel < channels) {
        return { channel: { at: from, cell: channel } };
      }
    }
    return {};
  }

  // -------------------------------------------------------------- drawing

  /**
   * @param {{ chosen: Spot | null, paid: { at: number, cells: number[] }, way: Spot[] }} lit
   */
  draw({ chosen, paid, way }) {
    const { walk, pen, theme } = this;
    if (!walk || !pen || !theme) return;
    pen.context.clearRect(0, 0, this.width, this.height);
    const label = pen.font(12, "600");
    pen.text("values", [0, this.top + this.tile / 2 - 8], theme.roles.output.text, label, "left");
    pen.text("forward →", [0, this.top + this.tile / 2 + 8], theme.soft, pen.font(11), "left");
    pen.text("gradient", [0, this.below + this.tile / 2 - 8], theme.roles.gradient.text, label, "left");
    pen.text("← backward", [0, this.below + this.tile / 2 + 8], theme.soft, pen.font(11), "left");
    if (this.groups().length) pen.text("channels", [0, this.stripTop + 12], theme.soft, pen.font(11), "left");
    for (let at = 0; at < this.count; at++) this.drawColumn(at);
    this.drawChannels(paid);
    this.drawLit(chosen, paid, way);
  }

  /** @param {number} at */
  drawColumn(at) {
    const { walk, pen, theme } = this;
    if (!walk || !pen || !theme) return;
    const column = walk.columns[at];
    const left = this.left(at);
    const name = at ? walk.layers[at - 1].name : "image";
    this.write(name, [left, 8], css(theme.ink), 12, "600");
    const shape = column.isPicture
      ? `${column.channels} × ${column.rows} × ${column.columns}`
      : String(column.values.length);
    this.write(shape, [left, 24], theme.soft, 11);
    this.drawTile(at, false, theme.roles[at ? "output" : "input"].line);
    if (at >= this.shown) this.drawTile(at, true, theme.roles.gradient.line);
    else pen.dashedFrame([left, this.below, left + this.tile, this.below + this.tile]);
    if (at >= this.shown)
      this.write(`mean ${number(column.mean, 2)}`, [left, this.below + this.tile + 11], theme.roles.gradient.text, 11);
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
    const fitting = Math.min(size, (size * (this.tile + GAP - 3)) / width);
    this.pen.text(text, at, colour, this.pen.font(fitting, weight), "left");
  }

  /** @param {number} at @param {boolean} gradients @param {string} colour */
  drawTile(at, gradients, colour) {
    if (!this.pen) return;
    const [left, top] = [this.left(at), gradients ? this.below : this.top];
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

  /** @param {{ at: number, cells: number[] }} paid */
  drawChannels(paid) {
    const { walk, pen, theme } = this;
    if (!walk || !pen || !theme) return;
    const paying = new Set(paid.cells.map((cell) => walk.columns[paid.at].place(cell)[0]));
    for (const [n, { from, count, channels }] of this.groups().entries()) {
      if (from < this.shown) continue;
      const side = this.thumbs?.[n] ?? 1;
      for (let channel = 0; channel < channels; channel++) {
        const left = this.left(from) + channel * side;
        pen.context.imageSmoothingEnabled = true;
        pen.context.drawImage(this.bitmap(from, true, channel), left, this.stripTop, side - 2, side - 2);
        const isChosen = this.channels[from] === channel;
        const pays = paid.at >= from && paid.at < from + count && paying.has(channel);
        const colour = isChosen ? css(theme.ink) : pays ? theme.roles.gradient.text : theme.soft;
        pen.frame(
          [left - 0.5, this.stripTop - 0.5, left + side - 2, this.stripTop + side - 2],
          colour,
          isChosen ? 2.5 : pays ? 2 : 0.5,
        );
      }
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
    if (way.length && way[way.length - 1].at >= this.count) points.push([this.width - 2, this.below + this.tile / 2]);
    pen.context.globalAlpha = 0.75;
    for (let n = points.length - 1; n > 0; n--) pen.arrow(points[n], points[n - 1], ink);
    pen.context.globalAlpha = 1;
    for (const spot of way) {
      const [one, other] = [this.square(spot, true), this.square(spot, false)];
      if (one) this.frame(one, ink, 2);
      if (other) this.frame(other, ink, 2);
    }
  }

  /** A frame around a square that is never smaller than can be seen. @param {Square} square @param {string} colour @param {number} width */
  frame([x, y, side], colour, width) {
    const more = Math.max(0, (6 - side) / 2);
    this.pen?.frame([x - more, y - more, x + side + more, y + side + more], colour, width);
  }
}
