// @ts-check
// What is said about a cell that is chosen.

/** @import { Story } from "./story.js" */
import { amountText } from "./looks.js";

const [FEW, MANY] = [4, 9]; // how many amounts are listed, in a narrow panel and in a wide one

/**
 * What a cell is worth after step `at`, and all it collects or gives away in the whole story.
 * @param {Story} story
 * @param {Cell} chosen
 * @param {number} at
 * @param {boolean} narrow whether there is little room
 */
export function sentenceAbout(story, { grid: n, cell }, at, narrow) {
  const grid = story.grids[n];
  const value = grid.value(cell, at);
  const name = grid.fillers[cell] ? "This padding cell" : grid.nameOf(cell);
  const now = value === null ? `${name} is still empty` : `${name} = ${amountText(value)}`;
  const terms = story.partners[n][cell];
  if (!terms.length)
    return `${now}${value === null ? " and" : "; it"} ${grid.collects ? "receives" : "gives"} nothing in any step.`;
  const steps = new Set(terms.map((term) => term.at)).size;
  const times = steps === 1 ? "1 step" : `${steps} steps`;
  const total = amountText(terms.reduce((sum, term) => sum + term.amount, 0));
  const shown = terms.slice(0, narrow ? FEW : MANY);
  const more = terms.length > shown.length ? ` and ${terms.length - shown.length} more` : "";
  if (!grid.collects) {
    return `${now} takes part in ${times}: gives ${shown.map((term) => given(story, term)).join(", ")}${more}. In all ${total}.`;
  }
  const collects = `${now}${value === null ? "" : " now"}; it collects`;
  if (terms.length === 1) return `${collects} ${total} in 1 step.`;
  const sum = shown
    .map((term) => amountText(term.amount))
    .join(" + ")
    .replaceAll("+ −", "− ");
  return `${collects} in ${times}: ${sum}${more} = ${total}.`;
}

/**
 * @param {Story} story
 * @param {Term} term
 */
function given(story, { to, cell, amount }) {
  const grid = story.grids[to];
  return `${amountText(amount)} to ${grid.fillers[cell] ? "padding" : grid.nameOf(cell)}`;
}

/**
 * The longest sentence about any cell. In each grid, some of the cells that take part in most steps are enough to know
 * it.
 * @param {Story} story
 * @param {boolean} narrow
 */
export function longestSentence(story, narrow) {
  const busiest = story.partners.map((cells) => {
    const most = Math.max(...cells.map((terms) => terms.length));
    return cells.flatMap((terms, cell) => (terms.length === most ? [cell] : [])).slice(0, 20);
  });
  const sentences = busiest.flatMap((cells, grid) =>
    cells.map((cell) => sentenceAbout(story, { grid, cell }, story.last, narrow)),
  );
  return longest(sentences);
}

/** @param {string[]} texts */
export const longest = (texts) => texts.reduce((a, b) => (b.length > a.length ? b : a), "");
