// @ts-check
// Draws the grids of a story: cells with their numbers, pictures, names and indices.

/** @import { Theme } from "./looks.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Pen } from "./pen.js" */
/** @import { Story } from "./story.js" */
import { context2d, element } from "./dom.js";
import { clamp } from "./geometry.js";
import { NAME_GAP, NAME_ON_A_LINE, SMALLEST_LEGIBLE, SMALLEST_LETTERS, SMALLEST_WITH_NUMBER } from "./layout.js";
import { amountText, blend, css, NOISE, roughText, textOn } from "./looks.js";

/** @typedef {Story["grids"][number]} Grid */
/** @typedef {{ cell: number, square: Square, value: number | null, rgb: Rgb, dimmed: boolean, missed: boolean }} DrawnCell */

const SMALLEST_WITH_INDEX = 32; // of cells on a line, which have their index inside
const SMALLEST_WITH_INDICES = 20;
const [DIMMED, DIMMED_TEXT] = [0.35, 0.5];
const SMALLEST_WITH_SIGN = 5;
const [MINUS_WIDTH, MINUS_HEIGHT, MINUS_DOWN] = [0.44, 0.07, 0.89]; // shares of a cell's side

/**
 * Which numbers of a story are computed from which: arrows that stand there in every step.
 * @param {Scene} scene
 */
export function drawEdges({ story, layout, pen, theme, places }) {
  for (const [from, to] of story.edges) {
    const [[, top, right, bottom], goal] = [from, to].map((n) => layout.around(n, [0], places));
    const room = pen.widthOf(story.grids[to].title, fontOfNames(theme)) + 2 * NAME_GAP; // it stands left of its number
    pen.arrow([right + 3, (top + bottom) / 2], [goal[0] - room, (goal[1] + goal[3]) / 2], theme.soft);
  }
}

/**
 * Grid n as it is after step `at`. Where cells are `lit`, the others are dimmed.
 * @param {Scene} scene
 * @param {number} n
 * @param {number} at
 * @param {Set<number> | null} lit
 */
export function drawGrid(scene, n, at, lit) {
  const grid = scene.story.grids[n];
  if (scene.at < grid.appears) return;
  if (grid.picture) drawImage(scene, n, at);
  else drawCells(scene, n, at, lit);
  drawNames(scene, n);
}

/**
 * @param {Scene} scene
 * @param {number} n
 * @param {number} at
 * @param {Set<number> | null} lit
 */
function drawCells(scene, n, at, lit) {
  const { pen, theme, story } = scene;
  const grid = story.grids[n];
  const side = scene.layout.sides[n];
  /** @type {DrawnCell[]} */
  const cells = grid.all.map((cell) => {
    const value = grid.value(cell, at);
    const blank = grid.fillers[cell] || value === null;
    const rgb = blank ? theme.paper : theme.cell(grid.role, Math.abs(value) / grid.largest);
    const missed = at === story.last && grid.untouched.has(cell); // before the end, nobody knows
    return { cell, square: scene.square(n, cell), value, rgb, dimmed: lit !== null && !lit.has(cell), missed };
  });
  /** @type {(draw: (one: DrawnCell) => void, dimmed?: number) => void} */
  const each = (draw, dimmed = DIMMED) => {
    for (const one of cells) {
      pen.context.globalAlpha = one.dimmed ? dimmed : 1;
      draw(one);
    }
    pen.context.globalAlpha = 1;
  };
  each((one) => fillCell(pen, one));
  if (side < SMALLEST_WITH_NUMBER) return drawRim(scene, n);
  each((one) => grid.fillers[one.cell] && pen.dashes(one.square));
  each((one) => grid.fillers[one.cell] || pen.frame(boxOf(one.square), scene.lineColour(n), 1));
  const letters = lettersFor(pen, grid, side);
  each((one) => writeCell(pen, grid, one, letters), DIMMED_TEXT);
  if (at >= grid.strikes) each((one) => grid.struck.has(one.cell) && pen.strike(one.square), 1);
}

/**
 * @param {Square} square
 * @returns {Box}
 */
const boxOf = ([x, y, side]) => [x, y, x + side, y + side];

/**
 * @param {Pen} pen
 * @param {DrawnCell} cell
 */
function fillCell(pen, { square, value, rgb, missed }) {
  const [x, y, side] = square;
  const gap = side < SMALLEST_WITH_NUMBER && side > 4 ? 0.75 : 0; // of paper, in place of lines
  if (gap) pen.fill(square, css(pen.theme.paper));
  pen.fill([x, y, side - gap], css(rgb));
  if (missed) pen.hatch(square);
  if (value !== null && value < -NOISE && side >= SMALLEST_WITH_SIGN) drawMinus(pen, [x, y, side - gap], rgb);
}

/**
 * A minus below the number: the sign can be seen where the number is too small to be read.
 * @param {Pen} pen
 * @param {Square} square
 * @param {Rgb} rgb
 */
function drawMinus({ context }, [x, y, side], rgb) {
  const [width, height] = [MINUS_WIDTH * side, Math.max(1.5, MINUS_HEIGHT * side)];
  const down = side < SMALLEST_WITH_NUMBER ? 0.5 : MINUS_DOWN;
  const alpha = context.globalAlpha;
  context.globalAlpha = 0.6 * alpha;
  context.fillStyle = textOn(rgb);
  context.fillRect(x + (side - width) / 2, y + down * side - height / 2, width, height);
  context.globalAlpha = alpha;
}

/**
 * Around cells too small for lines of their own: one line, and a dashed one around the padding.
 * @param {Scene} scene
 * @param {number} n
 */
function drawRim(scene, n) {
  const grid = scene.story.grids[n];
  const real = grid.all.filter((cell) => !grid.fillers[cell]);
  scene.pen.frame(scene.whole(n, real[0], real[real.length - 1]), scene.lineColour(n), 1);
  if (real.length < grid.all.length) scene.pen.dashedFrame(scene.whole(n));
}

/**
 * @param {Pen} pen
 * @param {Grid} grid
 * @param {DrawnCell} cell
 * @param {Letters} letters
 */
function writeCell(pen, grid, { cell, square: [x, y, side], value, rgb, dimmed, missed }, { size, write }) {
  const { context, theme } = pen;
  const ground = dimmed ? blend(theme.paper, rgb, DIMMED) : rgb;
  const filler = grid.fillers[cell];
  if (grid.ndim === 1 && !filler && side >= SMALLEST_WITH_INDEX) {
    const alpha = context.globalAlpha;
    context.globalAlpha = 0.65 * alpha;
    pen.text(String(grid.place(cell)[1]), [x + 4, y + 8], textOn(ground), fontOfIndices(pen, side, 10), "left");
    context.globalAlpha = alpha;
  }
  if (value === null || size < SMALLEST_LETTERS) return;
  const [text, font] = [write(value), pen.font(size)];
  const [middleX, middleY] = [x + side / 2, y + (grid.ndim === 1 ? 0.54 : 0.5) * side + 0.5];
  if (missed) {
    const width = Math.min(side - 4, pen.widthOf(text, font) + 6);
    context.fillStyle = css(ground); // no slanted lines through the number
    context.fillRect(middleX - width / 2, middleY - 0.65 * size, width, 1.2 * size);
  }
  pen.text(text, [middleX, middleY], filler ? theme.soft : textOn(ground), font);
}

/** @typedef {(value: number) => string} Write */
/** @typedef {{ size: number, write: Write }} Letters of the numbers of a grid */

/**
 * The widest number of a grid, as a share of its height, for each font and each way to write it.
 * @type {WeakMap<Grid, { font: string, widths: Map<Write, number> }>}
 */
const widest = new WeakMap();

/**
 * The width of the widest text. Only letters are measured: there are few of them, and thousands of numbers.
 * @param {Iterable<string>} texts
 * @param {(letter: string) => number} measure
 */
function widthOfWidest(texts, measure) {
  /** @type {Map<string, number>} */
  const widths = new Map();
  let most = 0;
  for (const text of texts) {
    let width = 0;
    for (const letter of text) {
      if (!widths.has(letter)) widths.set(letter, measure(letter));
      width += widths.get(letter) ?? 0;
    }
    most = Math.max(most, width);
  }
  return most;
}

/**
 * All numbers of a grid are written in one size, in which the widest fits its cell; in two figures, not three, where
 * that would be too small to read.
 * @param {Pen} pen
 * @param {Grid} grid
 * @param {number} side
 * @returns {Letters}
 */
function lettersFor(pen, grid, side) {
  const wished = grid.ndim < 2 ? clamp(0.4 * side, 11, 19) : clamp(0.36 * side, 11, 17);
  /** @param {Write} write */
  const letters = (write) => ({ write, size: Math.min(wished, (0.86 * side) / widthOf(pen, grid, write)) });
  const exact = letters(amountText);
  return exact.size < SMALLEST_LEGIBLE ? letters(roughText) : exact;
}

/**
 * @param {Pen} pen
 * @param {Grid} grid
 * @param {Write} write
 */
function widthOf(pen, grid, write) {
  const { font } = pen.theme;
  let known = widest.get(grid);
  if (known?.font !== font) {
    known = { font, widths: new Map() };
    widest.set(grid, known);
  }
  let width = known.widths.get(write);
  if (width === undefined) {
    const texts = new Set(grid.everyValue().map((value) => write(value)));
    width = widthOfWidest(texts, (letter) => pen.widthOf(letter, pen.font(100))) / 100;
    known.widths.set(write, width);
  }
  return width;
}

/**
 * @param {Pen} pen
 * @param {number} side
 */
const fontOfIndices = (pen, side, most = 11) => pen.font(clamp(0.24 * side, 9, most));

// ---------------------------------------------------------------- pictures

/**
 * The last bitmap of every picture, until its values or the theme change.
 * @type {WeakMap<Grid, { at: number, theme: Theme, canvas: HTMLCanvasElement }>}
 */
const bitmaps = new WeakMap();

/**
 * @param {Scene} scene
 * @param {number} n
 * @param {number} at
 */
function drawImage(scene, n, at) {
  const { context } = scene.pen;
  const [left, top, right, bottom] = scene.whole(n);
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmapOf(scene.story.grids[n], at, scene.theme), left, top, right - left, bottom - top);
  scene.pen.frame([left - 1, top - 1, right, bottom], scene.lineColour(n), 1);
}

/**
 * @param {Grid} grid
 * @param {number} at
 * @param {Theme} theme
 */
function bitmapOf(grid, at, theme) {
  const known = bitmaps.get(grid);
  if (known?.at === at && known.theme === theme) return known.canvas;
  const canvas = known?.canvas ?? element("canvas", "");
  [canvas.width, canvas.height] = [grid.columns, grid.rows];
  const context = context2d(canvas);
  const pixels = context.createImageData(grid.columns, grid.rows);
  for (const cell of grid.all) {
    pixels.data.set([...theme.signed((grid.value(cell, at) ?? 0) / grid.largest), 255], 4 * cell);
  }
  context.putImageData(pixels, 0, 0);
  bitmaps.set(grid, { at, theme, canvas });
  return canvas;
}

// ---------------------------------------------------------------- names and indices

/** Of names on a line. @param {Theme} theme */
const fontOfNames = (theme) => `600 ${NAME_ON_A_LINE}px ${theme.codeFont}`;

/**
 * @param {Scene} scene
 * @param {number} n
 */
function drawNames(scene, n) {
  const { pen, layout, theme, story } = scene;
  const grid = story.grids[n];
  const [x, y, side] = scene.spot(n, 0);
  const name = scene.places[n][2] < 0.5 ? grid.key : grid.title;
  const colour = scene.textColour(n);
  if (grid.ndim < 2) return pen.text(name, [x - NAME_GAP, y + side / 2], colour, fontOfNames(theme), "right");
  const indexed = side >= SMALLEST_WITH_INDICES && !grid.picture;
  const above = indexed ? Math.max(0.78 * layout.unit, 20) : Math.max(0.45 * layout.unit, 9);
  const font = `600 ${layout.nameSizes[n]}px ${theme.codeFont}`;
  const left = Math.min(x, layout.width - pen.widthOf(name, font) - 1); // not beyond the edge
  pen.text(name, [left, y - above], colour, font, "left");
  if (!indexed) return;
  for (let column = 0; column < grid.columns; column++) drawIndex(scene, n, column, 1, column);
  for (let row = 0; row < grid.rows; row++) drawIndex(scene, n, row * grid.columns, 0, row);
}

/**
 * The number of a row (axis 0) or of a column (axis 1), beside its first cell.
 * @param {Scene} scene
 * @param {number} n
 * @param {number} spot
 * @param {0 | 1} axis
 * @param {number} count
 */
function drawIndex(scene, n, spot, axis, count) {
  const grid = scene.story.grids[n];
  const at = count - grid.pad[axis];
  const size = axis ? grid.columns : grid.rows;
  if (at < 0 || count >= size - grid.pad[axis] || at % grid.gaps[axis]) return;
  const [x, y, side] = scene.spot(n, spot);
  const number = String(grid.place(scene.cellOn(n, spot))[axis]);
  const [dx, dy] = axis ? [side / 2, -8] : [-8, side / 2];
  scene.pen.text(number, [x + dx, y + dy], scene.theme.soft, fontOfIndices(scene.pen, side));
}
