// @ts-check
// Draws the cell that is chosen, every cell that it meets in any step, and the amounts that pass between them.

/** @import { Scene } from "./scene.js" */
import { between, pointAt } from "./geometry.js";
import { amountText } from "./looks.js";
import { MOST_CHIPS } from "./steps.js";

const SMALLEST_WITH_SHARE = 24;

/**
 * The lines, drawn before the grids, so that none crosses a number.
 * @param {Scene} scene
 * @param {Cell} chosen
 * @param {Term[]} terms
 */
export function drawWays(scene, chosen, terms) {
  if (terms.length > MOST_CHIPS) return;
  const goal = scene.square(chosen.grid, chosen.cell);
  for (const term of terms) {
    const end = farEnd(scene, term, chosen);
    if (!end) continue;
    const way = scene.story.grids[chosen.grid].collects ? [end, goal] : [goal, end];
    scene.pen.way(way, scene.lineColour(term.to), 1, scene.layout.inLine ? 0.6 : 0.5);
  }
}

/**
 * The frames and the amounts, drawn over the grids.
 * @param {Scene} scene
 * @param {Cell} chosen
 * @param {Term[]} terms
 * @param {Set<number>[]} lit
 */
export function drawChoice(scene, chosen, terms, lit) {
  lit.forEach((cells, n) => {
    if (scene.story.grids[n].picture) return;
    for (const cell of cells) scene.pen.frame(scene.around(n, [cell]), scene.lineColour(n), 2);
  });
  if (terms.length > MOST_CHIPS) return;
  const goal = scene.square(chosen.grid, chosen.cell);
  for (const term of terms) {
    const end = farEnd(scene, term, chosen);
    if (end) drawShare(scene, term, end, goal);
  }
}

/**
 * The amount of a term, at the other end of its line.
 * @param {Scene} scene
 * @param {Term} term
 * @param {Square} end
 * @param {Square} goal
 */
function drawShare(scene, { to, amount }, end, goal) {
  const { pen, layout } = scene;
  const { role } = scene.story.grids[to];
  const [text, side] = [amountText(amount), end[2]];
  const overKernel = Math.abs(goal[1] - end[1]) > 3 * side; // then the amount stands beyond it
  if (layout.inLine) pen.chip(text, pointAt(...between(goal, end), overKernel ? 0.84 : 0.5), role, layout.unit);
  else if (side >= SMALLEST_WITH_SHARE) pen.tag(text, end, role, "bottom right");
}

/**
 * The other end of a term, seen from the chosen cell. A count has none.
 * @param {Scene} scene
 * @param {Term} term
 * @param {Cell} chosen
 */
function farEnd(scene, { to, cell, read }, chosen) {
  if (!scene.story.grids[chosen.grid].collects) return scene.square(to, cell);
  const source = read.find(([grid]) => !scene.isKernel(grid)) ?? read[0];
  return source && scene.square(...source);
}
