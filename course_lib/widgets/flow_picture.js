// @ts-check
// The picture of the flow explorer: a chart of sizes, two rows of tiles, and a pulse that runs to the loss and back.

import { shape } from "./dom.js";
import { clamp } from "./geometry.js";
import { number } from "./looks.js";

const [CHART, TILE, GAP, LEFT, RIGHT] = [150, 34, 8, 62, 46];
const [NARROWEST, NARROW] = [320, 480];
const LINE = 17; // pixels of a line of the legend: it has two in a narrow picture
const [AHEAD, BACK] = [700, 1500]; // milliseconds of the pulse, there and back
const [SMALLEST, LARGEST] = [0.16, 1.08]; // side of what fills a tile, beside the tile's own

/** How large what fills a tile is, beside the tile. @param {number} power */
const fill = (power) => clamp(0.55 * 10 ** (power / 9), SMALLEST, LARGEST);

/** @param {number} power */
const strength = (power) => clamp(1 + power / 9, 0.12, 1);

export class FlowPicture {
  /** @param {Element} parent */
  constructor(parent) {
    this.svg = shape("svg", { role: "img" }, parent);
    this.frame = 0;
    /** @type {FlowSizes} */
    this.shown = { gradients: [], signals: [], weights: [] };
  }

  /**
   * @param {FlowSizes} shown
   * @param {number[]} before the gradients of the network before this one
   * @param {number} room
   */
  draw(shown, before, room) {
    this.shown = shown;
    const width = Math.max(NARROWEST, room);
    const { gradients, signals, weights } = shown;
    const layers = gradients.length;
    const step = (width - LEFT - RIGHT) / layers;
    const side = Math.min(TILE, step - 3);
    const height = CHART + 2 * (side + GAP) + 46 + (width < NARROW ? LINE : 0);
    this.svg.replaceChildren();
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width, height })) {
      this.svg.setAttribute(name, String(value));
    }
    /** @param {number} layer */
    const x = (layer) => LEFT + step * (layer + 0.5);
    const all = [...gradients, ...weights, ...before];
    const low = Math.min(-2, 3 * Math.floor(Math.min(...all) / 3 + 0.1));
    const high = Math.max(2, 3 * Math.ceil(Math.max(...all) / 3 - 0.1));
    /** @param {number} power */
    const y = (power) => 8 + ((CHART - 16) * (high - power)) / (high - low);
    const apart = Math.max(1, Math.ceil((high - low) / 6));
    for (let power = Math.ceil(low / apart) * apart; power <= high; power += apart) {
      const look = { x1: LEFT, x2: width - RIGHT, y1: y(power), y2: y(power), class: power ? "fe-rule" : "fe-axis" };
      shape("line", look, this.svg);
      const label = { x: LEFT - 6, y: y(power) + 4, class: "fe-soft", "text-anchor": "end" };
      shape("text", label, this.svg, number(10 ** power, 1));
    }
    if (before.length > 1) {
      const far = before.length - layers; // aligned by the distance from the loss
      const points = before.map((power, n) => `${x(n - far)},${y(power)}`).slice(Math.max(0, far));
      shape("polyline", { points: points.join(" "), class: "fe-before" }, this.svg);
    }
    const bar = Math.max(2, side * 0.62);
    gradients.forEach((power, n) => {
      const top = Math.min(y(0), y(power));
      const look = { x: x(n) - bar / 2, y: top, width: bar, height: Math.max(1.5, Math.abs(y(power) - y(0))), rx: 1.5 };
      shape("rect", { ...look, class: "fe-bar" }, this.svg);
      const place = { x: x(n) - 3, y: y(weights[n]) - 3, width: 6, height: 6, class: "fe-weight" };
      shape("rect", place, this.svg);
    });
    this.tiles = { x, rows: [CHART + 10 + side / 2, CHART + 10 + side * 1.5 + GAP], side, layers };
    this.drawTiles(signals, "fe-signal", this.tiles.rows[0]);
    this.drawTiles(gradients, "fe-gradient", this.tiles.rows[1]);
    this.drawEnds(width, height, before.length > 1);
  }

  /**
   * @param {number[]} sizes as powers of ten
   * @param {string} look
   * @param {number} middle
   */
  drawTiles(sizes, look, middle) {
    const { x, side } = this.parts();
    sizes.forEach((power, n) => {
      const frame = { x: x(n) - side / 2, y: middle - side / 2, width: side, height: side, rx: 3, class: "fe-tile" };
      shape("rect", frame, this.svg);
      const inner = side * fill(power);
      const filled = { x: x(n) - inner / 2, y: middle - inner / 2, width: inner, height: inner, rx: 2.5, class: look };
      shape("rect", { ...filled, opacity: strength(power) }, this.svg);
    });
  }

  /**
   * @param {number} width
   * @param {number} height
   * @param {boolean} before whether the gradients of another network are shown as well
   */
  drawEnds(width, height, before) {
    const { x, rows, side, layers } = this.parts();
    const name = { x: LEFT - 6, "text-anchor": "end" };
    shape("text", { ...name, y: rows[0] + 4, class: "fe-signal-text" }, this.svg, "signal →");
    shape("text", { ...name, y: rows[1] + 4, class: "fe-gradient-text" }, this.svg, "← gradient");
    shape("text", { x: width - RIGHT + 6, y: (rows[0] + rows[1]) / 2 + 4, class: "fe-strong" }, this.svg, "loss");
    const under = rows[1] + side / 2 + 15;
    for (const layer of new Set([
      0,
      Math.floor(layers / 4),
      Math.floor(layers / 2),
      Math.floor((3 * layers) / 4),
      layers - 1,
    ])) {
      const label = { x: x(layer), y: under, class: "fe-soft", "text-anchor": "middle" };
      shape("text", label, this.svg, String(layer + 1));
    }
    const narrow = width < NARROW;
    const left = narrow ? 4 : LEFT;
    const legend = { x: left, y: height - 4 - (narrow ? LINE : 0), class: "fe-soft" };
    const lines = shape("text", legend, this.svg);
    for (const [mark, text, look] of [
      ["▮ ", "mean |dy|   ", "fe-gradient-text"],
      ["■ ", "mean |dw|   ", "fe-weight-text"],
      ["", "beside the last layer’s", ""],
    ]) {
      if (mark) shape("tspan", { class: look }, lines, mark);
      shape("tspan", {}, lines, text);
    }
    if (!before) return;
    const [from, y] = narrow ? [left, height - 8] : [left + lines.getBBox().width + 22, legend.y - 4];
    shape("line", { x1: from, x2: from + 22, y1: y, y2: y, class: "fe-before" }, this.svg);
    shape("text", { x: from + 28, y: y + 4, class: "fe-soft" }, this.svg, "mean |dy| of the network before");
  }

  parts() {
    if (!this.tiles) throw new Error("drawn before it was laid out");
    return this.tiles;
  }

  /** The layer under a pointer; -1 for none. @param {PointerEvent} event */
  layerAt(event) {
    const { layers } = this.parts();
    const box = this.svg.getBoundingClientRect();
    const step = (box.width - LEFT - RIGHT) / layers;
    const layer = Math.floor((event.clientX - box.left - LEFT) / step);
    return layer >= 0 && layer < layers ? layer : -1;
  }

  stop() {
    cancelAnimationFrame(this.frame);
  }

  /**
   * Send a pulse to the loss and back.
   * @param {() => boolean} ended whether something else has begun
   */
  pulse(ended) {
    this.stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const began = performance.now();
    /** @param {number} now */
    const move = (now) => {
      this.svg.querySelector(".fe-pulse")?.remove();
      const passed = now - began;
      if (passed > AHEAD + BACK || ended()) return;
      const back = passed > AHEAD;
      const share = back ? 1 - (passed - AHEAD) / BACK : clamp(passed / AHEAD, 0, 1);
      this.drawPulse(share, back);
      this.frame = requestAnimationFrame(move);
    };
    this.frame = requestAnimationFrame(move);
  }

  /**
   * @param {number} share of the way from the image to the loss
   * @param {boolean} back
   */
  drawPulse(share, back) {
    const { x, rows, side, layers } = this.parts();
    const sizes = back ? this.shown.gradients : this.shown.signals;
    const at = share * (layers - 1);
    const low = Math.min(Math.floor(at), layers - 2);
    const power = sizes[low] + (sizes[low + 1] - sizes[low]) * (at - low);
    const radius = clamp(side * 0.5 * 10 ** (power / 9), 2.5, side * 1.4);
    const look = back ? "fe-pulse fe-gradient" : "fe-pulse fe-signal";
    const middle = { cx: x(at), cy: rows[back ? 1 : 0], r: radius };
    shape("circle", { ...middle, class: look, opacity: strength(power) }, this.svg);
  }
}
