// @ts-check
// The kernel lies on the picture: its weights glide there, the products appear in the cells, and then travel.

/** @import { Scene } from "./scene.js" */
/** @import { Story } from "./story.js" */
import { clamp, mix } from "./geometry.js";
import { SMALLEST_LEGIBLE } from "./layout.js";
import { amountText, css, textOn } from "./looks.js";

/** a kernel on its window: weight n lies on cell n of the ground; `gives` where the window is written, not read */
/** @typedef {{ kernel: number, weights: number[], ground: number, cells: number[], gives: boolean }} Laid */

const SMALLEST_WITH_PRODUCT = 20; // a cell's side
const SMALLEST_WITH_FACTORS = 28; // the same, where what is multiplied stands above the product
const [ARRIVED, APPEARED, LEAVING] = [0.35, 0.5, 0.62]; // shares of a step: of the kernel; of the products, and when they go on
const VEIL = 0.8; // how opaque a kernel is on its way

/**
 * The kernels that lie on a window in a step. Where several lie on the same picture, none is shown: they would hide
 * each other.
 * @param {Story} story
 * @param {number} at
 * @returns {Laid[]}
 */
export function laidIn(story, at) {
  const flows = at < 0 ? [] : story.steps[at].flows.filter((flow) => !flow.quiet);
  const found = flows.map((flow) => laidBy(story, flow)).filter((laid) => laid !== null);
  const grounds = new Set(found.map(({ ground }) => ground));
  return grounds.size === found.length ? found : [];
}

/**
 * @param {Story} story
 * @param {FlowData} flow
 * @returns {Laid | null}
 */
function laidBy({ grids }, { to, cells, factors }) {
  const weight = factors.find(([grid, from]) => grids[grid].role === "kernel" && typeof from !== "number");
  const source = factors.find((factor) => factor !== weight);
  if (!weight || !source || typeof weight[1] === "number" || factors.length !== 2) return null;
  const [from, read] = source;
  const gives = typeof read === "number";
  const [ground, window] = gives ? [to, cells] : [from, read];
  if (grids[ground].picture || grids[ground].ndim !== 2 || grids[ground].role === "kernel") return null;
  return { kernel: weight[0], weights: weight[1], ground, cells: window, gives };
}

/**
 * Weights on their way from where the kernel lay before, or from its own place.
 * @param {Scene} scene
 * @param {Laid} laid
 * @param {number} glide from 0 to 1
 */
export function drawKernelOnItsWay(scene, laid, glide) {
  const { kernel, weights, ground, cells } = laid;
  const { pen, theme, story } = scene;
  const before = laidIn(story, scene.at - 1).find((one) => one.kernel === kernel && one.ground === ground);
  const grid = story.grids[kernel];
  pen.context.globalAlpha = VEIL;
  for (const [n, weight] of weights.entries()) {
    const start = before ? scene.square(ground, before.cells[n]) : scene.square(kernel, weight);
    const goal = scene.square(ground, cells[n]);
    /** @type {Square} */
    const square = [mix(start[0], goal[0], glide), mix(start[1], goal[1], glide), mix(start[2], goal[2], glide)];
    const value = grid.value(weight, scene.at) ?? 0;
    const rgb = theme.cell("kernel", Math.abs(value) / grid.largest);
    pen.fill(square, css(rgb));
    pen.frame([square[0], square[1], square[0] + square[2], square[1] + square[2]], scene.lineColour(kernel), 1);
    writeFitting(scene, amountText(value), square, 0.5, 0.36, css(theme.ink), "600");
  }
  pen.context.globalAlpha = 1;
}

/**
 * The products, one in each cell of the window: first beside the two numbers they are made of, then on their way.
 * @param {Scene} scene
 * @param {Laid} laid
 * @param {Term[]} terms those of the step
 * @param {number} progress of the whole step
 */
export function drawProducts(scene, laid, terms, progress) {
  const mine = terms.filter((term) => term.read.some(([grid]) => grid === laid.kernel));
  const largest = Math.max(...mine.map(({ amount }) => Math.abs(amount)), 1e-12);
  const share = clamp((progress - LEAVING) / (1 - LEAVING), 0, 1);
  for (const term of mine) {
    const at = laid.gives ? term.cell : term.read.find(([grid]) => grid === laid.ground)?.[1];
    if (at === undefined) continue;
    const square = scene.square(laid.ground, at);
    if (square[2] < SMALLEST_WITH_PRODUCT) return;
    if (laid.gives && share === 1) drawReceived(scene, term, square);
    else drawProduct(scene, term, square, largest, clamp((progress - ARRIVED) / (APPEARED - ARRIVED), 0, 1));
  }
  scene.pen.frame(scene.around(laid.ground, laid.cells), scene.textColour(laid.kernel), 3);
}

/**
 * @param {Scene} scene
 * @param {Term} term
 * @param {Square} square
 * @param {number} largest
 * @param {number} shown how far it has appeared, from 0 to 1
 */
function drawProduct(scene, term, square, largest, shown) {
  const { pen, theme, story } = scene;
  const [x, y, side] = square;
  const { role } = story.grids[term.to];
  const rgb = theme.cell(role, (0.6 * Math.abs(term.amount)) / largest);
  pen.context.globalAlpha = shown;
  pen.fill(square, css(rgb));
  pen.frame([x, y, x + side, y + side], scene.lineColour(kernelOf(scene, term)), 1.5);
  const [first, second] = term.read.map(([grid, cell]) => amountText(story.grids[grid].value(cell, scene.at) ?? 0));
  const factors = `${first}·${second.startsWith("−") ? `(${second})` : second}`;
  const above = side >= SMALLEST_WITH_FACTORS && writeFitting(scene, factors, square, 0.24, 0.24, textOn(rgb));
  writeFitting(scene, amountText(term.amount), square, above ? 0.64 : 0.5, 0.38, textOn(rgb), "700");
  pen.context.globalAlpha = 1;
}

/**
 * What a cell has just received, and through which weight: its sum stays in the middle.
 * @param {Scene} scene
 * @param {Term} term
 * @param {Square} square
 */
function drawReceived(scene, term, square) {
  const { grids } = scene.story;
  const weight = term.read.find(([grid]) => grids[grid].role === "kernel");
  if (square[2] < 32) return;
  if (weight)
    scene.pen.tag(`×${amountText(grids[weight[0]].value(weight[1], scene.at) ?? 0)}`, square, "kernel", "top left");
  const sign = term.amount >= 0 ? "+" : "";
  scene.pen.tag(sign + amountText(term.amount), square, grids[term.to].role, "bottom right");
}

/**
 * The number of the kernel's grid in a term.
 * @param {Scene} scene
 * @param {Term} term
 */
const kernelOf = (scene, term) => term.read.find(([grid]) => scene.isKernel(grid))?.[0] ?? term.to;

/**
 * A text in a cell, at a share of its height, as large as fits. Returns whether it was written.
 * @param {Scene} scene
 * @param {string} text
 * @param {Square} square
 * @param {number} down
 * @param {number} size as a share of the cell's side
 * @param {string} colour
 * @param {string} [weight]
 */
function writeFitting({ pen }, text, [x, y, side], down, size, colour, weight) {
  const wished = clamp(size * side, SMALLEST_LEGIBLE, 17);
  const width = pen.widthOf(text, pen.font(100, weight)) / 100;
  const fitting = Math.min(wished, (0.92 * side) / width);
  if (fitting < SMALLEST_LEGIBLE) return false;
  pen.text(text, [x + side / 2, y + down * side + 0.5], colour, pen.font(fitting, weight));
  return true;
}

/**
 * Where a product is on its way from its cell to the sum.
 * @param {Scene} scene
 * @param {Laid} laid
 * @param {Term} term
 * @param {number} progress of the whole step
 * @param {number} landed when it arrives
 * @returns {Point | null}
 */
export function placeOf(scene, laid, term, progress, landed) {
  const share = clamp((progress - LEAVING) / (landed - LEAVING), 0, 1);
  if (laid.gives || share <= 0 || share >= 1) return null;
  const from = term.read.find(([grid]) => grid === laid.ground);
  if (!from) return null;
  const [start, goal] = [scene.square(...from), scene.square(term.to, term.cell)];
  return [
    mix(start[0] + start[2] / 2, goal[0] + goal[2] / 2, share),
    mix(start[1] + start[2] / 2, goal[1] + goal[2] / 2, share),
  ];
}
