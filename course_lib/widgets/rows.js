// @ts-check
// In a narrow place the grids of a story go on in a second or third row, as words do, before their numbers get too small.

/** @import { Story } from "./story.js" */

/** the box that holds all grids, in cells, and how far each one is moved in it */
/** @typedef {{ box: Box, shifts: Point[] }} Arrangement */
/** grids that stand below each other, and the box around them */
/** @typedef {{ grids: number[], box: Box }} Column */

const MOST_ROWS = 3;
const BEYOND = 0.1; // cells, right of a grid and below it, as Story.bounds has them
const [BEFORE, ABOVE] = [0.55, 1.15]; // left of a grid and above it: the same
export const [BEFORE_LINE, ABOVE_LINE] = [1.1, 0.1];
const LETTER = 0.37; // of a letter of a name
const BETWEEN_ROWS = 0.35;
const GAIN = 1.15; // of the cells' sides, at least, for a row more

/** @param {Story} story @returns {Arrangement} */
export const inOneRow = (story) => ({ box: story.box, shifts: story.grids.map(() => [0, 0]) });

/**
 * The arrangement with the largest cells, in as few rows as that takes.
 * @param {Story} story
 * @param {(box: Box) => number} unitOf the side of a cell with which a box fits
 */
export function arranged(story, unitOf) {
  let best = inOneRow(story);
  const moving = story.steps.some(({ moves }) => Object.keys(moves).length);
  if (moving || story.edges.length || story.grids.every(({ ndim }) => ndim < 2)) return best;
  const columns = columnsOf(story);
  for (let rows = 2; rows <= Math.min(MOST_ROWS, columns.length); rows++) {
    for (const parts of partitions(columns, rows)) {
      const next = stacked(story, parts);
      const gain = parts.length > 1 ? GAIN : 1;
      if (unitOf(next.box) > gain * unitOf(best.box)) best = next;
    }
  }
  return best;
}

/** @param {Story} story @param {number} n @returns {Box} */
function extentOf({ grids }, n) {
  const { at, columns, rows, pitch, scale, title, ndim } = grids[n];
  const [before, above] = ndim < 2 ? [BEFORE_LINE, ABOVE_LINE] : [BEFORE, ABOVE];
  const right = at[0] + ((columns - 1) * pitch[0] + 1) * scale + BEYOND;
  const bottom = at[1] + ((rows - 1) * pitch[1] + 1) * scale + BEYOND;
  return [at[0] - before, at[1] - above, ndim < 2 ? right : Math.max(right, at[0] + LETTER * title.length), bottom];
}

/** @param {Box} one @param {Box} other @returns {Box} */
const union = ([a, b, c, d], [e, f, g, h]) => [Math.min(a, e), Math.min(b, f), Math.max(c, g), Math.max(d, h)];

/** What grids of one array share, such as the channels of x. @param {Story} story @param {number} n */
export const arrayOf = ({ grids }, n) => [grids[n].symbol, ...grids[n].owner].join(" ");

/** From left to right, what stands below each other; channels of one array stay together. @param {Story} story */
function columnsOf(story) {
  const boxes = story.grids.map((_, n) => extentOf(story, n));
  const order = [...boxes.keys()].sort((a, b) => boxes[a][0] - boxes[b][0]);
  /** @type {Column[]} */
  const columns = [];
  for (const n of order) {
    const last = columns[columns.length - 1];
    const together = last?.grids.some((other) => arrayOf(story, other) === arrayOf(story, n));
    if (last && (together || boxes[n][0] < last.box[2] - BEYOND)) {
      last.grids.push(n);
      last.box = union(last.box, boxes[n]);
    } else columns.push({ grids: [n], box: boxes[n] });
  }
  return columns;
}

/**
 * Every way to cut a list into so many parts.
 * @param {Column[]} columns
 * @param {number} count
 * @returns {Column[][][]}
 */
function partitions(columns, count) {
  if (count === 1) return [[columns]];
  const cuts = [...columns.keys()].slice(1, columns.length - count + 2);
  return cuts.flatMap((cut) =>
    partitions(columns.slice(cut), count - 1).map((rest) => [columns.slice(0, cut), ...rest]),
  );
}

/**
 * One part below the other, each in the middle.
 * @param {Story} story
 * @param {Column[][]} parts
 * @returns {Arrangement}
 */
function stacked(story, parts) {
  const boxes = parts.map((columns) => columns.map(({ box }) => box).reduce(union));
  const width = Math.max(...boxes.map(([left, , right]) => right - left));
  /** @type {Point[]} */
  const shifts = story.grids.map(() => [0, 0]);
  let bottom = -BETWEEN_ROWS;
  for (const [row, [left, top, right, end]] of boxes.entries()) {
    bottom += BETWEEN_ROWS;
    for (const { grids } of parts[row])
      for (const n of grids) shifts[n] = [(width - right + left) / 2 - left, bottom - top];
    bottom += end - top;
  }
  return { box: [0, 0, width, bottom], shifts };
}
