// @ts-check
// One picture of the dashboard: a title, and an SVG as wide as there is room.

import { element, shape } from "./dom.js";

/**
 * @typedef {object} Axes
 * @property {Box} box the corners of the picture that lie between the axes
 * @property {[value: number, label: string][]} xs
 * @property {[value: number, label: string][]} ys
 * @property {(value: number) => number} x gives the place of a value, in pixels
 * @property {(value: number) => number} y
 * @property {string} name of the horizontal axis
 */

export class Chart {
  /**
   * @param {Element} parent
   * @param {string} title
   * @param {number} height
   */
  constructor(parent, title, height) {
    this.box = element("figure", "cg-board-view", parent);
    this.title = element("figcaption", "", this.box, title);
    this.height = height;
    this.width = 0;
    this.svg = shape("svg", { role: "img", height }, this.box);
  }

  /**
   * Begin anew. Returns the width that there is.
   * @param {string} label for screen readers
   */
  clear(label) {
    this.width = Math.max(200, this.box.clientWidth);
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("width", String(this.width));
    this.svg.setAttribute("aria-label", label);
    return this.width;
  }

  /**
   * Say why there is nothing to see yet.
   * @param {string} words
   */
  waiting(words) {
    const width = this.clear(words);
    this.text(words, width / 2, this.height / 2, "cg-soft", "middle");
  }

  /**
   * @param {string} words
   * @param {number} x
   * @param {number} y of the line it stands on
   * @param {string} look the class that gives it its look
   * @param {"start" | "middle" | "end"} [anchor]
   */
  text(words, x, y, look, anchor = "start") {
    shape("text", { x, y, class: look, "text-anchor": anchor }, this.svg, words);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   * @param {Record<string, string>} look
   */
  rectangle(x, y, width, height, look) {
    shape("rect", { x, y, width, height, ...look }, this.svg);
  }

  /**
   * @param {number} x1
   * @param {number} y1
   * @param {number} x2
   * @param {number} y2
   * @param {string} look
   */
  straight(x1, y1, x2, y2, look) {
    shape("line", { x1, y1, x2, y2, class: look }, this.svg);
  }

  /**
   * A line through some points, or the shape that they enclose.
   * @param {Point[]} points
   * @param {string} look
   */
  through(points, look, closed = false) {
    const path = points.map(([x, y], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    shape("path", { d: closed ? `${path}Z` : path, ...(closed ? {} : { fill: "none" }), class: look }, this.svg);
  }

  /** @param {Axes} axes */
  axes({ box: [left, , right, bottom], xs, ys, x, y, name }) {
    for (const [value, label] of ys) {
      this.straight(left, y(value), right, y(value), "cg-rule");
      this.text(label, left - 6, y(value) + 4, "cg-soft", "end");
    }
    for (const [value, label] of xs) this.text(label, x(value), bottom + 15, "cg-soft", "middle");
    this.straight(left, bottom, right, bottom, "cg-axis");
    this.text(name, this.width, bottom + 15, "cg-soft", "end");
  }
}
