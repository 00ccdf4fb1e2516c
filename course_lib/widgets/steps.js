// @ts-check
// Draws what happens in a step: which cells are read and written, and the amounts on their way.

/** @import { Laid } from "./laid.js" */
/** @import { Scene } from "./scene.js" */
import { along, clamp, facing, mix, pointAt } from "./geometry.js";
import { drawKernelOnItsWay, drawProducts, laidIn, placeOf } from "./laid.js";
import { SMALLEST_WITH_NUMBER } from "./layout.js";
import { amountText, css } from "./looks.js";

export const MOST_CHIPS = 40;
export const GLIDE = 0.35; // the share of a step in which kernel and window move; then the amounts travel
export const LANDED = 0.85;
const SMALLEST_WITH_CORNERS = 32;
const SMALLEST_FRAMED = 7;
const BEHIND_KERNEL = 0.68; // of the way from source to target: where the products rest, still apart from each other

/**
 * @param {Scene} scene
 * @param {Set<number>[]} lit
 * @param {number} glide how far kernel and window have come, from 0 to 1
 * @param {number} progress of the whole step, from 0 to 1
 */
export function drawStep(scene, lit, glide, progress) {
  const terms = scene.story.terms[scene.at];
  const { inLine } = scene.layout;
  const laid = inLine ? [] : laidIn(scene.story, scene.at);
  if (glide < 1) for (const one of laid) drawKernelOnItsWay(scene, one, glide);
  drawWindows(scene, lit, glide);
  if (!terms.length || terms.length > MOST_CHIPS || glide < 1) return;
  if (laid.length) return drawLaid(scene, laid, terms, progress);
  const travel = clamp((progress - GLIDE) / (LANDED - GLIDE), 0, 1);
  if (inLine) for (const term of terms) drawTerm(scene, term, travel);
  if (travel === 1) flash(scene, terms, (progress - LANDED) / (1 - LANDED));
  if (travel === 1 && !inLine) return drawCorners(scene, terms);
  if (inLine && scene.layout.unit < SMALLEST_WITH_NUMBER) return; // one chip would hide the next, and the cells
  for (const term of terms) drawAmount(scene, term, travel);
}

/**
 * @param {Scene} scene
 * @param {Laid[]} laid
 * @param {Term[]} terms
 * @param {number} progress
 */
function drawLaid(scene, laid, terms, progress) {
  const { pen, layout, story } = scene;
  for (const one of laid) drawProducts(scene, one, terms, progress);
  if (progress >= LANDED) flash(scene, terms, (progress - LANDED) / (1 - LANDED));
  for (const one of laid) {
    for (const term of terms) {
      const place = placeOf(scene, one, term, progress, LANDED);
      if (place) pen.chip(amountText(term.amount), place, story.grids[term.to].role, layout.unit);
    }
  }
}

/**
 * A frame around the cells of each grid that the step concerns; it glides from where it was in the step before.
 * @param {Scene} scene
 * @param {Set<number>[]} lit
 * @param {number} glide
 */
function drawWindows(scene, lit, glide) {
  const { story, layout, at, pen } = scene;
  const before = story.litAt(Math.max(0, at - 1));
  const flowing = story.flowingAt(at);
  lit.forEach((cells, n) => {
    if (!cells.size) return;
    const goal = scene.around(n, cells);
    const start = before[n].size && glide < 1 ? scene.around(n, before[n]) : goal;
    const grid = story.grids[n];
    if (glide === 1 && !grid.picture && grid.scale * layout.unit >= SMALLEST_FRAMED) {
      const some = flowing[n].size < cells.size; // the others are only looked at
      const [colour, width] = some ? [scene.textColour(n), 3] : [scene.lineColour(n), 1.5];
      for (const cell of flowing[n]) pen.frame(scene.around(n, [cell]), colour, width);
    }
    const [left, top, right, bottom] = start.map((value, side) => mix(value, goal[side], glide));
    pen.frame([left, top, right, bottom], scene.textColour(n), 3);
  });
}

/**
 * @param {Scene} scene
 * @param {Term[]} terms
 * @param {number} share of the flash that is over
 */
function flash(scene, terms, share) {
  if (share >= 1) return;
  const { pen } = scene;
  pen.context.globalAlpha = 0.45 * (1 - share);
  for (const { to, cell } of terms) pen.fill(scene.square(to, cell), scene.lineColour(to));
  pen.context.globalAlpha = 1;
}

/**
 * The squares that an amount passes: source, kernel cell where it stands between them, target.
 * @param {Scene} scene
 * @param {Term} term
 */
function path(scene, { to, cell, read }) {
  const source = read.find(([grid]) => !scene.isKernel(grid));
  const via = scene.layout.inLine ? read.filter(([grid]) => scene.isKernel(grid)) : [];
  const squares = via.map(([grid, from]) => scene.square(grid, from));
  if (source) squares.unshift(scene.square(...source));
  return [...squares, scene.square(to, cell)];
}

/**
 * The way of an amount, and a line from any other number that is a factor of it.
 * @param {Scene} scene
 * @param {Term} term
 * @param {number} travel
 */
function drawTerm(scene, term, travel) {
  const others = term.read.filter(([grid]) => !scene.isKernel(grid)).slice(1);
  const target = scene.square(term.to, term.cell);
  for (const [grid, cell] of others)
    scene.pen.way([scene.square(grid, cell), target], scene.lineColour(grid), travel, 0.6);
  scene.pen.way(path(scene, term), scene.lineColour(term.to), travel, 0.6);
}

/**
 * A chip on the way of an amount: before the kernel it shows the number read, behind it the product.
 * @param {Scene} scene
 * @param {Term} term
 * @param {number} travel
 */
function drawAmount(scene, term, travel) {
  const { story, pen, layout } = scene;
  const squares = path(scene, term);
  const viaKernel = squares.length === 3;
  const place = along(squares, travel < 1 ? travel : viaKernel ? BEHIND_KERNEL : 0.5);
  const source = viaKernel && travel < 0.5 && term.read.find(([grid]) => !scene.isKernel(grid));
  const grid = story.grids[source ? source[0] : term.to];
  pen.chip(amountText(source ? grid.values[source[1]] : term.amount), place, grid.role, layout.unit);
}

/**
 * Where many cells meet one: the weight and the amount, small, in the corners of the many.
 * @param {Scene} scene
 * @param {Term[]} terms
 */
function drawCorners(scene, terms) {
  const { grids } = scene.story;
  const single = new Set(terms.map((term) => `${term.to}:${term.cell}`)).size === 1;
  const outwards = !single || terms.length === 1; // one cell gives to many
  for (const { to, cell, read, amount } of terms) {
    const weight = read.find(([grid]) => scene.isKernel(grid));
    const source = read.find((part) => part !== weight);
    if (!source || (outwards && grids[to].empty)) continue;
    const square = outwards ? scene.square(to, cell) : scene.square(...source);
    if (square[2] < SMALLEST_WITH_CORNERS) continue;
    if (weight) scene.pen.tag(`×${amountText(grids[weight[0]].values[weight[1]])}`, square, "kernel", "top left");
    const sign = outwards && amount >= 0 ? "+" : "";
    scene.pen.tag(sign + amountText(amount), square, grids[to].role, "bottom right");
  }
}

// ---------------------------------------------------------------- beams

/**
 * From the cells read to the cells written, as light falls through a window.
 * @param {Scene} scene
 * @param {Set<number>[]} lit
 */
export function drawBeams(scene, lit) {
  const { flows, looks } = scene.story.steps[scene.at];
  const written = new Set(flows.map(({ to }) => to)); // looked at too, where a whole array is new
  for (const { to, factors } of flows) {
    const goal = scene.around(to, lit[to]);
    const read = Object.keys(looks).map(Number);
    const arrows = factors.length ? [] : read.filter((grid) => !written.has(grid));
    for (const grid of arrows) drawArrow(scene, scene.around(grid, lit[grid]), goal);
    for (const [grid] of factors) if (!scene.isKernel(grid)) drawBeam(scene, grid, lit[grid], to, goal);
  }
}

/**
 * @param {Scene} scene
 * @param {number} from
 * @param {Set<number>} cells
 * @param {number} to
 * @param {Box} goal
 */
function drawBeam(scene, from, cells, to, goal) {
  const { context } = scene.pen;
  const [start, end] = facing(scene.around(from, cells), goal);
  scene.pen.path([start[0], end[0], end[1], start[1]]);
  context.fillStyle = scene.lineColour(from);
  context.globalAlpha = scene.theme.dark ? 0.22 : 0.14;
  context.fill();
  context.globalAlpha = 1;
  drawHead(scene, start, end, to);
}

/**
 * Where a beam enters the grid it runs to, outside of its cells and indices: so that a still picture shows the
 * direction.
 * @param {Scene} scene
 * @param {[Point, Point]} start
 * @param {[Point, Point]} end
 * @param {number} to
 */
function drawHead(scene, start, end, to) {
  const [a, b] = [pointAt(...start, 0.5), pointAt(...end, 0.5)];
  const [left, top, right, bottom] = scene.whole(to);
  const level = start[0][0] === start[1][0];
  const [axis, edge] = level ? [0, b[0] < a[0] ? right + 2 : left - 16] : [1, b[1] < a[1] ? bottom + 2 : top - 32];
  const tip = pointAt(a, b, clamp((edge - a[axis]) / (b[axis] - a[axis] || 1), 0, 1));
  scene.pen.context.fillStyle = scene.textColour(to);
  scene.pen.arrowhead(a, tip);
}

/**
 * Between pictures at the same height.
 * @param {Scene} scene
 * @param {Box} from
 * @param {Box} goal
 */
function drawArrow(scene, from, goal) {
  const [row, other] = [(from[1] + from[3]) / 2, (goal[1] + goal[3]) / 2];
  if (Math.abs(row - other) > 1) return;
  const [start, end] = from[0] > goal[2] ? [from[0] - 2, goal[2] + 2] : [from[2] + 2, goal[0] - 2];
  scene.pen.arrow([start, row], [end, other], css(scene.theme.ink));
}
