// @ts-check
// One moment of a story on its canvas: who draws, where the grids stand, and in which colours.

/** @import { Layout } from "./layout.js" */
/** @import { Pen } from "./pen.js" */
/** @import { Story } from "./story.js" */

export class Scene {
  /**
   * @param {Story} story
   * @param {Layout} layout
   * @param {Pen} pen
   * @param {number} at the number of the step
   * @param {Place[]} places where the grids stand, in cells
   */
  constructor(story, layout, pen, at, places) {
    this.story = story;
    this.layout = layout;
    this.pen = pen;
    this.theme = pen.theme;
    this.at = at;
    this.places = places;
  }

  /**
   * @param {number} n
   * @param {number} cell
   */
  square(n, cell) {
    return this.layout.square(n, cell, this.places);
  }

  /**
   * Where the cell lies that comes first, second ... in the picture of a grid, whichever way it is turned.
   * @param {number} n
   * @param {number} spot
   */
  spot(n, spot) {
    return this.layout.spot(n, spot, this.places);
  }

  /**
   * The cell that lies there.
   * @param {number} n
   * @param {number} spot
   */
  cellOn(n, spot) {
    return this.layout.cellOn(n, spot, this.places);
  }

  /**
   * @param {number} n
   * @param {Iterable<number>} cells
   */
  around(n, cells) {
    return this.layout.around(n, cells, this.places);
  }

  /**
   * The box around a whole grid, or around a part that begins and ends with these cells.
   * @param {number} n
   */
  whole(n, first = 0, last = this.story.grids[n].all.length - 1) {
    return this.around(n, [first, last]);
  }

  /** @param {number} n */
  lineColour(n) {
    return this.theme.roles[this.story.grids[n].role].line;
  }

  /** @param {number} n */
  textColour(n) {
    return this.theme.roles[this.story.grids[n].role].text;
  }

  /** @param {number} n */
  isKernel(n) {
    return this.story.grids[n].role === "kernel";
  }
}
