// @ts-check
// Where everything stands, in pixels. still.py computes the same for its pictures, because neither can call the other;
// they share Story.bounds, and a test holds them together.

/** @import { Story } from "./story.js" */
import { clamp } from "./geometry.js";
import { arranged, arrayOf, BEFORE_LINE, inOneRow } from "./rows.js";

const LARGEST_CELL = 46;
const LARGEST_IN_LINE = 64; // in one dimension there is room for larger ones
export const SMALLEST_WITH_NUMBER = 15; // smaller cells have no lines around them either
export const SMALLEST_LETTERS = 6; // what would be smaller is left to the shade and to pointing
export const SMALLEST_LEGIBLE = 9; // of letters that need no effort
const SMALLEST_BESIDE = 24; // with smaller cells, panels stand below each other
const SMALLEST_LINE_BESIDE = 32; // the same for stories in one dimension, which have an index in every cell
export const LARGEST_STACKED = 40; // where panels stand below each other
const TALLEST = 540; // so that the picture and its controls fit a screen
const ROOM_FOR_NAMES = 14; // above the picture, however small its cells are
const WIDTH_OF_A_LETTER = 0.61; // of a letter of code, as a share of its height
export const [NAME_ON_A_LINE, NAME_GAP] = [15, 9]; // of a name left of a line: its letters, and the room to its first cell

export class Layout {
  /** @param {Story} story */
  constructor(story) {
    this.story = story;
    this.inLine = story.grids.every((grid) => grid.ndim < 2);
    this.smallestBeside = this.inLine ? SMALLEST_LINE_BESIDE : SMALLEST_BESIDE;
    this.arrangement = inOneRow(story);
    this.unit = 1; // of a cell's side, of a grid whose scale is 1
    this.width = this.height = 0;
    this.ratio = 1; // pixels of the screen to one of the page
    /** @type {Point} */
    this.origin = [0, 0];
    /** @type {number[]} */
    this.sides = [];
    /** @type {number[]} */
    this.nameSizes = [];
  }

  /**
   * The largest unit with which the story fits a width. Where that would be too small, its grids go on in rows.
   * @param {number} width
   */
  fit(width) {
    const largest = this.inLine ? LARGEST_IN_LINE : LARGEST_CELL;
    const room = this.roomBefore;
    /** @param {Box} box */
    const unitOf = ([left, top, right, bottom]) =>
      Math.min(
        largest,
        (width - 4) / (right - left),
        (width - 4 - room) / Math.max(right - left - BEFORE_LINE, 1), // where cells are too small to leave it room
        TALLEST / (bottom - top),
      );
    this.arrangement = inOneRow(this.story);
    if (unitOf(this.story.box) < SMALLEST_BESIDE) this.arrangement = arranged(this.story, unitOf);
    return unitOf(this.arrangement.box);
  }

  /** Pixels that names take in a story in one dimension, left of the cells that stand farthest left. */
  get roomBefore() {
    if (!this.inLine) return 0;
    const { grids } = this.story;
    const first = Math.min(...grids.map(({ at }) => at[0]));
    const letters = Math.max(...grids.filter(({ at }) => at[0] === first).map(({ title }) => title.length));
    return NAME_GAP + WIDTH_OF_A_LETTER * NAME_ON_A_LINE * letters;
  }

  /** @param {number} unit */
  heightFor(unit) {
    const [, top, , bottom] = this.arrangement.box;
    return Math.ceil((bottom - top) * unit) + 2 + this.aboveFor(unit);
  }

  /** @param {number} unit */
  aboveFor(unit) {
    return this.inLine ? 0 : Math.max(0, ROOM_FOR_NAMES - unit);
  }

  /**
   * @param {number} width
   * @param {number} height
   * @param {number} unit
   * @param {number} ratio
   */
  resize(width, height, unit, ratio) {
    Object.assign(this, { width, height, unit, ratio });
    this.sides = this.story.grids.map(({ scale }) =>
      scale * unit < SMALLEST_WITH_NUMBER ? scale * unit : this.snap(scale * unit),
    );
    const [left, top, right, bottom] = this.arrangement.box;
    const before = Math.max(0, this.roomBefore - BEFORE_LINE * unit);
    this.origin = [
      (width + before - (left + right) * unit) / 2,
      (height + this.aboveFor(unit) - (top + bottom) * unit) / 2,
    ];
    this.nameSizes = this.sizesOfNames();
  }

  /**
   * A length in whole pixels of the screen.
   * @param {number} length
   */
  snap(length) {
    return Math.round(length * this.ratio) / this.ratio;
  }

  /**
   * The column and row of grid n, in the arrangement that fits.
   * @param {number} n
   * @param {Place[]} places where the grids stand, in cells
   * @returns {Point}
   */
  placeOf(n, places) {
    const [across, down] = this.arrangement.shifts[n];
    return [places[n][0] + across, places[n][1] + down];
  }

  /**
   * The sizes of the names above grids: one for all grids of an array, and one for all pictures. Where grids stand
   * close, none runs into the next.
   */
  sizesOfNames() {
    const { grids } = this.story;
    const places = grids.map((_, n) => this.placeOf(n, this.story.places[0]));
    const fitting = grids.map(({ ndim, picture, title }, n) => {
      if (ndim < 2) return Number.POSITIVE_INFINITY;
      const [column, row] = places[n];
      const next = places.filter((place) => place[1] === row && place[0] > column).map((place) => place[0] - column);
      const toEdge = picture ? this.width - this.origin[0] - column * this.unit : Number.POSITIVE_INFINITY;
      return Math.min(Math.min(...next) * this.unit - 4, toEdge) / (WIDTH_OF_A_LETTER * title.length);
    });
    const wished = clamp(0.36 * this.unit, 10, 14);
    const alike = grids.map(({ picture }, n) => (picture ? "" : arrayOf(this.story, n)));
    return alike.map((one) => {
      const most = Math.min(...fitting.filter((_, n) => alike[n] === one));
      return Math.max(SMALLEST_LETTERS, Math.min(wished, most));
    });
  }

  /**
   * The square of a cell of grid n. While the grid turns, it is on a circle around the middle.
   * @param {number} n
   * @param {number} cell
   * @param {Place[]} places where the grids stand, in cells
   * @returns {Square}
   */
  square(n, cell, places) {
    const turn = places[n][2];
    const [x, y, side] = this.spot(n, cell, places);
    if (turn === 1) return [x, y, side];
    const [acrossX, acrossY] = this.spot(n, this.story.grids[n].all.length - 1 - cell, places);
    const [middleX, middleY] = [(x + acrossX) / 2, (y + acrossY) / 2];
    const [cos, sin] = [Math.cos(Math.PI * (1 - turn)), Math.sin(Math.PI * (1 - turn))];
    const [right, down] = [x - middleX, y - middleY];
    return [middleX + cos * right - sin * down, middleY + sin * right + cos * down, side];
  }

  /**
   * The cell that lies on a spot of grid n.
   * @param {number} n
   * @param {number} spot
   * @param {Place[]} places
   */
  cellOn(n, spot, places) {
    return places[n][2] < 0.5 ? this.story.grids[n].all.length - 1 - spot : spot;
  }

  /**
   * The first, second ... square of grid n, row by row.
   * @param {number} n
   * @param {number} spot
   * @param {Place[]} places where the grids stand, in cells
   * @returns {Square}
   */
  spot(n, spot, places) {
    const grid = this.story.grids[n];
    const side = this.sides[n];
    const [across, down] = this.placeOf(n, places);
    const left = this.snap(this.origin[0] + across * this.unit);
    const top = this.snap(this.origin[1] + down * this.unit);
    const [row, column] = [Math.floor(spot / grid.columns), spot % grid.columns];
    return [left + column * grid.pitch[0] * side, top + row * grid.pitch[1] * side, side];
  }

  /**
   * The box around some cells of grid n.
   * @param {number} n
   * @param {Iterable<number>} cells
   * @param {Place[]} places
   * @returns {Box}
   */
  around(n, cells, places) {
    /** @type {Box} */
    const box = [
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ];
    for (const cell of cells) {
      const [x, y, side] = this.square(n, cell, places);
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x + side);
      box[3] = Math.max(box[3], y + side);
    }
    return box;
  }

  /**
   * The cell at a point of the picture.
   * @param {Point} point
   * @param {number} at the number of the step
   * @returns {Cell | null}
   */
  hit([x, y], at) {
    const places = this.story.places[at];
    for (let n = this.story.grids.length - 1; n >= 0; n--) {
      const grid = this.story.grids[n];
      if (at < grid.appears) continue;
      const [left, top, side] = this.spot(n, 0, places);
      const column = Math.floor((x - left) / (grid.pitch[0] * side));
      const row = Math.floor((y - top) / (grid.pitch[1] * side));
      const spot = row * grid.columns + column;
      if (column < 0 || row < 0 || column >= grid.columns || row >= grid.rows || spot >= grid.count) continue;
      const [spotX, spotY] = this.spot(n, spot, places);
      if (x <= spotX + side && y <= spotY + side) return { grid: n, cell: this.cellOn(n, spot, places) };
    }
    return null;
  }
}
