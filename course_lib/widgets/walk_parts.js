// @ts-check
// What is said about one entry of a gradient: who pays it, in numbers, each of which can be gone on to.

/** @import { Walk, Payment } from "./paying.js" */
import { button, element } from "./dom.js";
import { number } from "./looks.js";

const MOST_CARDS = 3; // filters that are shown one by one, those that pay most first
const FIGURES = 2;
const PAYMENT = "minmax(0, 112px)"; // wide enough for two numbers and the dot between them

/**
 * Fill a panel with the payments of a cell.
 * @param {Element} panel
 * @param {Walk} walk
 * @param {number} at
 * @param {number} cell
 * @param {(at: number, cell: number) => void} go
 */
export function writePayments(panel, walk, at, cell, go) {
  panel.replaceChildren();
  element("p", "we-sentence", panel, sentenceOf(walk, at, cell));
  const payments = walk.received(at, cell);
  const parts = element("div", "we-parts", panel);
  const kind = walk.layers[at]?.kind;
  if (kind === "convolution") writeFilters(parts, walk, at, payments, go);
  else if (kind === "maximum") writeWindows(parts, walk, at, cell, go);
  else if (kind === "linear") writeList(parts, walk, at, payments, go);
}

/**
 * What an entry is worth, and why.
 * @param {Walk} walk
 * @param {number} at
 * @param {number} cell
 */
export function sentenceOf(walk, at, cell) {
  const column = walk.columns[at];
  const name = `${at ? "dy" : "dx"}${column.indices(cell)}`;
  return `${name} = ${number(column.gradient[cell])}. ${sentence(walk, at, cell)}`;
}

/**
 * @param {Walk} walk
 * @param {number} at
 * @param {number} cell
 */
function sentence(walk, at, cell) {
  const column = walk.columns[at];
  if (at === walk.last) {
    const p = walk.probabilities[cell];
    const truth = cell === walk.label;
    return `The walk starts here: softmax − onehot is ${number(p, 2)} − ${Number(truth)}. ${
      truth ? "The score of the true class should grow." : "This score should fall."
    }`;
  }
  const { kind } = walk.layers[at];
  const [most] = walk.received(at, cell);
  if (kind === "same") return `Flatten reshapes: it is dy[${cell}] behind it, unchanged.`;
  if (kind === "door") {
    const x = column.values[cell];
    return x > 0
      ? `The door of the ReLU is open, as ${number(x)} came in: dy passes unchanged.`
      : `The door of the ReLU is closed, as ${number(x)} came in: nothing passes.`;
  }
  if (kind === "maximum") {
    if (!most) return "No window of the pool holds it: nothing comes back.";
    const windows = walk.received(at, cell);
    if (windows.some(({ factor }) => factor)) return "It won its window, so it takes the whole dy.";
    const equal = windows.some((one) => column.values[walk.winner(at, one.cell)] === column.values[cell]);
    return equal
      ? "Another entry of its window is as large and comes first: that one takes the dy."
      : "Another entry won its window, and takes the dy.";
  }
  const count = walk.received(at, cell).length;
  if (kind === "linear") return `It fed all ${count} scores, each through a weight: the sum of dy · w.`;
  const filters = walk.columns[at + 1].channels;
  return `It fed ${count} entries: ${count / filters} in each of ${filters} channels. Each pays its dy times the weight between them.`;
}

/**
 * @param {Element} parent
 * @param {string} title
 */
function card(parent, title) {
  const node = element("div", "we-card", parent);
  element("div", "we-title", node, title);
  return node;
}

/**
 * @param {Element} parts
 * @param {Walk} walk
 * @param {number} at
 * @param {Payment[]} payments
 * @param {(at: number, cell: number) => void} go
 */
function writeFilters(parts, walk, at, payments, go) {
  /** @type {Map<number, Payment[]>} */
  const filters = new Map();
  for (const one of payments) {
    const [filter] = walk.columns[at + 1].place(one.cell);
    filters.set(filter, [...(filters.get(filter) ?? []), one]);
  }
  const sum = (/** @type {Payment[]} */ some) => some.reduce((total, { amount }) => total + amount, 0);
  const sorted = [...filters.entries()].sort((a, b) => Math.abs(sum(b[1])) - Math.abs(sum(a[1])));
  for (const [filter, some] of sorted.slice(0, MOST_CARDS)) {
    const node = card(parts, `filter ${filter}: ${number(sum(some), FIGURES)}`);
    const grid = element("div", "we-grid", node);
    const columns = new Set(some.map(({ cell }) => walk.columns[at + 1].place(cell)[2])).size;
    grid.style.gridTemplateColumns = `repeat(${columns}, ${PAYMENT})`;
    for (const one of [...some].sort((a, b) => a.cell - b.cell)) writePayment(grid, walk, at, one, go);
  }
  const rest = sorted.slice(MOST_CARDS).flatMap(([, some]) => some);
  if (!rest.length) return;
  const node = card(parts, `the other ${sorted.length - MOST_CARDS} filters`);
  element("div", "we-total", node, number(sum(rest), FIGURES));
}

/**
 * @param {Element} parent
 * @param {Walk} walk
 * @param {number} at
 * @param {Payment} payment
 * @param {(at: number, cell: number) => void} go
 */
function writePayment(parent, walk, at, { cell, factor, amount }, go) {
  const { gradient } = walk.columns[at + 1];
  const label = `${number(gradient[cell], FIGURES)} · ${number(factor, FIGURES)} = ${number(amount, FIGURES)}; go on to dy${walk.columns[at + 1].indices(cell)}`;
  const node = button(parent, "", () => go(at + 1, cell), label);
  node.className = `we-pays ${amount > 0 ? "we-above" : amount < 0 ? "we-below" : ""}`;
  element("span", "", node, `${number(gradient[cell], FIGURES)} · ${number(factor, FIGURES)}`);
  element("b", "", node, number(amount, FIGURES));
}

/**
 * @param {Element} parts
 * @param {Walk} walk
 * @param {number} at
 * @param {Payment[]} payments
 * @param {(at: number, cell: number) => void} go
 */
function writeList(parts, walk, at, payments, go) {
  for (const one of payments) {
    const node = card(parts, `score ${one.cell}${one.cell === walk.label ? " ✓" : ""}`);
    writePayment(node, walk, at, one, go);
  }
}

/**
 * @param {Element} parts
 * @param {Walk} walk
 * @param {number} at
 * @param {number} cell
 * @param {(at: number, cell: number) => void} go
 */
function writeWindows(parts, walk, at, cell, go) {
  const before = walk.columns[at];
  for (const { cell: window } of walk.received(at, cell)) {
    const [channel, i, j] = walk.columns[at + 1].place(window);
    const dy = walk.columns[at + 1].gradient[window];
    const node = card(parts, `its window: dy${walk.columns[at + 1].indices(window)} = ${number(dy, FIGURES)}`);
    const grid = element("div", "we-grid", node);
    grid.style.gridTemplateColumns = `repeat(${walk.layers[at].kernel[1]}, ${PAYMENT})`;
    for (const [row, column] of walk.windowOf(at, i, j)) {
      const one = before.cell(channel, row, column);
      const wins = walk.winner(at, window) === one;
      const says = `${number(before.values[one], FIGURES)}${wins ? ", the winner" : ""}`;
      const entry = button(grid, "", () => go(at, one), says);
      entry.className = `we-pays ${wins ? "we-wins" : ""} ${one === cell ? "we-here" : ""}`;
      element("span", "", entry, `x = ${number(before.values[one], FIGURES)}`);
      element("b", "", entry, wins ? number(dy, FIGURES) : "0");
    }
    button(node, "go on to this dy", () => go(at + 1, window));
  }
}
