// @ts-check
// Draws the shapes that pictures are made of: lines, frames, texts, chips. Knows the page's colours, and no story.

/** @import { Theme } from "./looks.js" */
import { between, clamp, mix } from "./geometry.js";
import { css, textOn } from "./looks.js";

export class Pen {
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Theme} theme
   */
  constructor(context, theme) {
    this.context = context;
    this.theme = theme;
  }

  /**
   * @param {Square} square
   * @param {string} colour
   */
  fill([x, y, side], colour) {
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, side, side);
  }

  /**
   * @param {Box} box
   * @param {string} colour
   * @param {number} width
   */
  frame([left, top, right, bottom], colour, width) {
    this.context.lineWidth = width;
    this.context.strokeStyle = colour;
    this.context.strokeRect(left + 0.5, top + 0.5, right - left, bottom - top);
  }

  /** @param {Box} box */
  dashedFrame(box) {
    this.context.setLineDash([3, 3]);
    this.frame(box, this.theme.soft, 1);
    this.context.setLineDash([]);
  }

  /**
   * The four sides of a filler. Each is drawn from left to right or downwards, so that the dashes of neighbours cover
   * each other.
   * @param {Square} square
   */
  dashes([x, y, side]) {
    const { context } = this;
    const [left, top] = [x + 0.5, y + 0.5];
    context.setLineDash([3, 3]);
    context.lineWidth = 1;
    context.strokeStyle = this.theme.soft;
    context.beginPath();
    for (const shift of [0, side]) {
      context.moveTo(left, top + shift);
      context.lineTo(left + side, top + shift);
      context.moveTo(left + shift, top);
      context.lineTo(left + shift, top + side);
    }
    context.stroke();
    context.setLineDash([]);
  }

  /**
   * Slanted lines over a cell that no step reads or writes.
   * @param {Square} square
   */
  hatch([x, y, side]) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(x, y, side, side);
    context.clip();
    context.beginPath();
    for (let shift = 6 - side; shift < side; shift += 6) {
      context.moveTo(x + shift, y + side);
      context.lineTo(x + shift + side, y);
    }
    context.lineWidth = 1;
    context.globalAlpha *= 0.6;
    context.strokeStyle = this.theme.soft;
    context.stroke();
    context.restore();
  }

  /**
   * A line through a cell that no longer counts.
   * @param {Square} square
   */
  strike([x, y, side]) {
    const { context } = this;
    this.path([
      [x + 2, y + side - 2],
      [x + side - 2, y + 2],
    ]);
    context.lineWidth = 2;
    context.strokeStyle = css(this.theme.ink);
    context.stroke();
  }

  /**
   * @param {string} text
   * @param {Point} at
   * @param {string} colour
   * @param {string} font
   * @param {CanvasTextAlign} [align]
   */
  text(text, [x, y], colour, font, align = "center") {
    const { context } = this;
    context.font = font;
    context.fillStyle = colour;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(text, x, y);
  }

  /**
   * @param {string} text
   * @param {string} font
   */
  widthOf(text, font) {
    this.context.font = font;
    return this.context.measureText(text).width;
  }

  /**
   * @param {number} size
   * @param {string} [weight]
   */
  font(size, weight = "") {
    return `${weight} ${size}px ${this.theme.font}`.trim();
  }

  /**
   * A small text in a corner of a cell.
   * @param {string} text
   * @param {Square} square
   * @param {string} role whose colour it has
   * @param {"top left" | "bottom right"} corner
   */
  tag(text, [x, y, side], role, corner) {
    const size = clamp(0.23 * side, 8, 10);
    const font = this.font(size, "600");
    const [width, height] = [this.widthOf(text, font) + 3, size + 1];
    const [left, top] = corner === "top left" ? [x + 2, y + 2] : [x + side - 2 - width, y + side - 2 - height];
    this.context.fillStyle = css(this.theme.paper);
    this.context.globalAlpha = 0.85;
    this.context.fillRect(left, top, width, height);
    this.context.globalAlpha = 1;
    this.text(text, [left + width / 2, top + height / 2 + 0.5], this.theme.roles[role].text, font);
  }

  /**
   * An amount on its way.
   * @param {string} text
   * @param {Point} at
   * @param {string} role
   * @param {number} unit the side of a cell
   */
  chip(text, [x, y], role, unit) {
    const { context, theme } = this;
    const { rgb } = theme.roles[role];
    const height = clamp(0.4 * unit, 13, 18);
    const font = this.font(0.67 * height, "600");
    const width = Math.max(height + 2, this.widthOf(text, font) + 0.55 * height);
    context.fillStyle = css(rgb);
    context.beginPath();
    context.roundRect(x - width / 2, y - height / 2, width, height, height / 2);
    context.fill();
    this.text(text, [x, y + 0.5], textOn(rgb), font);
  }

  /**
   * The triangle at the end of an arrow, smaller than the arrow, in the colour that fills at the moment.
   * @param {Point} from
   * @param {Point} tip
   */
  arrowhead(from, tip) {
    const angle = Math.atan2(tip[1] - from[1], tip[0] - from[0]);
    const size = clamp(0.75 * Math.hypot(tip[0] - from[0], tip[1] - from[1]), 3, 9);
    /** @type {Point[]} */
    const wings = [2.7, -2.7].map((turn) => [
      tip[0] + size * Math.cos(angle + turn),
      tip[1] + size * Math.sin(angle + turn),
    ]);
    this.path([tip, ...wings]);
    this.context.fill();
  }

  /** @param {Point[]} points */
  path([first, ...others]) {
    this.context.beginPath();
    this.context.moveTo(...first);
    for (const [x, y] of others) this.context.lineTo(x, y);
  }

  /**
   * A straight arrow.
   * @param {Point} from
   * @param {Point} tip
   * @param {string} colour
   */
  arrow(from, tip, colour) {
    const { context } = this;
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 2;
    this.path([from, tip]);
    context.stroke();
    this.arrowhead(from, tip);
  }

  /**
   * An arrow through the middles of some squares, as far as it has come.
   * @param {Square[]} squares
   * @param {string} colour
   * @param {number} travel from 0 to 1
   * @param {number} strength
   */
  way(squares, colour, travel, strength) {
    const { context } = this;
    context.lineWidth = 1.6;
    context.strokeStyle = context.fillStyle = colour;
    context.globalAlpha = strength;
    for (let leg = 0; leg + 1 < squares.length; leg++) {
      const drawn = clamp(travel * (squares.length - 1) - leg, 0, 1);
      if (!drawn) continue;
      const [from, goal] = between(squares[leg], squares[leg + 1]);
      this.path([from, [mix(from[0], goal[0], drawn), mix(from[1], goal[1], drawn)]]);
      context.stroke();
      if (drawn === 1 && leg + 2 === squares.length) this.arrowhead(from, goal);
    }
    context.globalAlpha = 1;
  }
}
