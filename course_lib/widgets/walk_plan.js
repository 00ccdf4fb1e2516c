// @ts-check
// Where the arrays of the way back stand on their canvas, and what lies at a point of it.

/** @import { Walk } from "./paying.js" */
import { clamp } from "./geometry.js";

/** @typedef {{ at: number, cell: number }} Spot */

export const [LABELS, HEAD, BETWEEN, UNDER, GAP] = [70, 36, 24, 20, 9]; // pixels: of rows, of columns, between and under tiles
const [LARGEST_TILE, SMALLEST_TILE, LARGEST_THUMB] = [104, 52, 30];

export class WalkPlan {
  constructor() {
    this.width = this.height = this.tile = 0;
    this.inLine = 1; // how many columns stand beside each other: the others go on in a line below
    /** @type {number[]} the channel of each column that is shown */
    this.channels = [];
    /** @type {number[]} the sides of the small pictures of channels, for each group */
    this.thumbs = [];
    /** @type {Walk | null} */
    this.walk = null;
  }

  /**
   * Another walk; where it has the channels that are shown, they stay.
   * @param {Walk} walk
   */
  hold(walk) {
    this.walk = walk;
    this.channels = walk.columns.map(({ channels, isPicture }, at) =>
      isPicture ? clamp(this.channels[at] ?? 0, 0, channels - 1) : 0,
    );
  }

  /** The columns that are pictures or vectors: all but the scores, which stand beside the canvas. */
  get count() {
    return this.walk?.last ?? 0;
  }

  /**
   * As many lines as it takes for the tiles to be large enough.
   * @param {number} width
   */
  fit(width) {
    const tileOf = (/** @type {number} */ inLine) => Math.floor((width - LABELS) / inLine) - GAP;
    let lines = 1;
    while (lines < this.count && tileOf(Math.ceil(this.count / lines)) < SMALLEST_TILE) lines += 1;
    this.inLine = Math.ceil(this.count / lines);
    this.tile = Math.min(LARGEST_TILE, tileOf(this.inLine));
    this.width = width;
    this.thumbs = this.groups().map((group) => {
      const beside = Math.min(group.count, this.inLine - (group.from % this.inLine));
      return Math.min(LARGEST_THUMB, (beside * (this.tile + GAP) - GAP) / group.channels);
    });
    this.height = Math.ceil(this.count / this.inLine) * this.lineHeight;
  }

  /** From one line of columns to the next. */
  get lineHeight() {
    return HEAD + 2 * this.tile + BETWEEN + UNDER + LARGEST_THUMB + 14;
  }

  /** @param {number} at */
  top(at) {
    return Math.floor(at / this.inLine) * this.lineHeight + HEAD;
  }

  /** @param {number} at */
  below(at) {
    return this.top(at) + this.tile + BETWEEN;
  }

  /** @param {number} at */
  stripTop(at) {
    return this.below(at) + this.tile + UNDER + 4;
  }

  /** @param {number} at */
  left(at) {
    return LABELS + (at % this.inLine) * (this.tile + GAP);
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
    return [this.left(at) + place * side, (gradients ? this.below(at) : this.top(at)) + row * side, side];
  }

  /**
   * What lies at a point: a cell, or a channel to choose.
   * @param {Point} point
   * @returns {{ spot?: Spot, channel?: Spot }}
   */
  hit([x, y]) {
    const across = Math.floor((x - LABELS) / (this.tile + GAP));
    const at = across < this.inLine ? Math.floor(y / this.lineHeight) * this.inLine + across : this.count;
    const column = this.walk?.columns[at];
    const row = y >= this.below(at) ? y - this.below(at) : y - this.top(at);
    const inTile = x - this.left(at) < this.tile && row >= 0 && row < this.tile;
    if (column && at < this.count && across >= 0 && inTile) {
      const side = this.tile / Math.max(this.across(at), column.isPicture ? column.rows : 1);
      const [i, j] = [Math.floor(row / side), Math.floor((x - this.left(at)) / side)];
      const cell = column.isPicture ? column.cell(this.channels[at], i, j) : i * this.across(at) + j;
      const inside = column.isPicture ? i < column.rows && j < column.columns : cell < column.values.length;
      if (inside) return { spot: { at, cell } };
    }
    for (const [n, { from, channels }] of this.groups().entries()) {
      const side = this.thumbs?.[n] ?? 1;
      const channel = Math.floor((x - this.left(from)) / side);
      const top = this.stripTop(from);
      if (y >= top && y < top + side && channel >= 0 && channel < channels) {
        return { channel: { at: from, cell: channel } };
      }
    }
    return {};
  }
}
