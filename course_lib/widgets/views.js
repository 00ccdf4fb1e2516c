// @ts-check
// The four pictures of the dashboard: the loss, the epochs, the filters, the gradients.

/** @import { Chart } from "./chart.js" */
import { element } from "./dom.js";
import { clamp } from "./geometry.js";
import { number } from "./looks.js";
import { count, decades, evenly, percent, scale } from "./scales.js";

const INFINITE = 1e300; // what Python sends for infinity
const LARGEST_CELL_OF_FILTER = 34; // pixels
const [ROOM_FOR_LENGTH, ROOM_FOR_TICK] = [60, 40]; // of a gradient, beside its bar; and below the bars
const ROOM_FOR_MINUS = 8; // the least side of a cell, in pixels, with a minus sign in it

/**
 * @param {Chart} chart
 * @param {Curve} curve
 */
export function drawLoss(chart, { width, bins }) {
  chart.title.textContent = width === 1 ? "Loss of each step" : `Loss: mean and range of ${width} steps`;
  const means = bins?.map(([mean]) => mean) ?? [];
  if (!means.length) return chart.waiting("after the first step");
  const last = means[means.length - 1];
  const sheet = chart.clear(`Loss, now ${number(last)}`);
  const log = Math.min(...means) > 0;
  const [low, high] = rangeOfLosses(bins, means, log);
  /** @type {Box} */
  const box = [42, 8, sheet - 48, chart.height - 20];
  const [left, top, right, bottom] = box;
  const steps = width * bins.length;
  const share = scale(low, high, log);
  /** @param {number} step */
  const x = (step) => left + ((right - left) * step) / steps;
  /** @param {number} value */
  const y = (value) => bottom - (bottom - top) * clamp(share(Math.max(value, low)), 0, 1);
  /** @type {(pick: (bin: Curve["bins"][number]) => number) => Point[]} */
  const line = (pick) => bins.map((bin, n) => [x((n + 0.5) * width), y(pick(bin))]);
  chart.axes({
    box,
    x,
    y,
    name: "step",
    xs: evenly(0, steps).map((step) => [step, count(step)]),
    ys: (log ? decades(low, high) : evenly(low, high)).map((value) => [value, number(value)]),
  });
  if (width > 1)
    chart.through([...line(([, , most]) => most), ...line(([, least]) => least).reverse()], "cg-band", true);
  chart.through(
    line(([mean]) => mean),
    "cg-loss",
  );
  chart.text(number(last), x((bins.length - 0.5) * width) + 6, y(last) + 4, "cg-strong");
}

/**
 * The lowest and the highest value of the axis.
 * @param {Curve["bins"]} bins
 * @param {number[]} means
 * @param {boolean} log
 */
function rangeOfLosses(bins, means, log) {
  let low = Math.min(...bins.map(([, least]) => least));
  const high = Math.max(...bins.map(([, , most]) => most));
  if (log) low = Math.max(low, Math.min(...means) / 10); // one step without any loss would squash the rest
  if (high > low) return [low, high];
  return log ? [low / 2, low * 2] : [low - 1, low + 1];
}

// ---------------------------------------------------------------- epochs

/**
 * @param {Chart} chart
 * @param {Passed} passed
 * @param {number} epochs
 * @param {BoardState["sample"]} sample looked at between the ends of epochs, where there are labels
 */
export function drawEpochs(chart, passed, epochs, sample = {}) {
  const accuracy = passed.kind === "accuracy";
  const looks = sample.points ?? [];
  chart.title.textContent = accuracy ? "Accuracy of each epoch" : "Loss of each epoch";
  const series = resultsOf(passed);
  if (!series.length && !looks.length) return chart.waiting("after the first epoch");
  const seen = looks.length ? percent(looks[looks.length - 1][1]) : "";
  const said = series.map(({ name, result }) => `${name} ${passed.kind} ${result}`);
  const sheet = chart.clear([...said, ...(seen && [`${seen} of ${sample.size} right`])].join(", "));
  const values = series.flatMap((one) => one.values);
  const [low, high] = rangeOfEpochs(values.length ? values : looks.map(([, share]) => share), accuracy);
  /** @type {Box} */
  const box = [42, 8, sheet - 88, chart.height - 20];
  const [left, top, right, bottom] = box;
  const log = !accuracy && low > 0;
  const share = scale(low, high, log);
  const begin = looks.length ? 0 : 1;
  /** @param {number} epoch */
  const x = (epoch) => left + 12 + ((right - left - 24) * (epoch - begin)) / Math.max(1, epochs - begin);
  /** @param {number} value */
  const y = (value) => bottom - (bottom - top) * share(value);
  const labelled = log ? decades(low, high) : evenly(low, high);
  chart.axes({
    box,
    x,
    y,
    name: "epoch",
    xs: evenly(begin, epochs, 8)
      .filter((epoch) => epoch % 1 === 0 && epoch >= begin)
      .map((epoch) => [epoch, String(epoch)]),
    ys: labelled.map((value) => [value, accuracy ? `${number(100 * value)} %` : number(value)]),
  });
  const inside = looks.filter((_, n) => looks.slice(n).every(([, share]) => share >= low));
  if (inside.length) {
    const look = inside.length > 1 ? "thin line" : "dot";
    if (inside.length > 1 || !series.length)
      element("span", "", chart.title, `  ${look}: ${count(sample.size)} of the test`);
    /** @type {Point[]} */
    const line = inside.map(([epoch, share]) => [x(epoch), y(share)]);
    chart.through(line, "cg-look");
    const [across, down] = line[line.length - 1];
    if (!series.length) {
      chart.rectangle(across - 2.5, down - 2.5, 5, 5, { class: "cg-mark cg-test", rx: "2.5" });
      chart.text(`${seen} right`, across + 9, down + 4, "cg-name cg-test");
    }
  }
  const ends = apart(
    series.map(({ last }) => y(last)),
    bottom - 4,
  );
  series.forEach(({ name, values, result }, n) => {
    /** @type {Point[]} */
    const points = values.map((value, at) => [x(at + 1), y(value)]);
    chart.through(points, `cg-line cg-${name}`);
    for (const [across, down] of points) drawMark(chart, name, across, down);
    chart.text(`${name} ${result}`, points[points.length - 1][0] + 9, ends[n] + 4, `cg-name cg-${name}`);
  });
}

/**
 * The series that there are, each with its last value as text.
 * @param {Passed} passed
 */
export function resultsOf(passed) {
  const write = passed.kind === "accuracy" ? percent : number;
  return /** @type {const} */ (["train", "test"])
    .filter((name) => passed[name].length)
    .map((name) => {
      const values = passed[name];
      const last = values[values.length - 1];
      return { name, values, last, result: write(last) };
    });
}

/**
 * Circles for training and squares for the test, so that they differ by more than their colour.
 * @param {Chart} chart
 * @param {"train" | "test"} name
 * @param {number} x
 * @param {number} y
 */
function drawMark(chart, name, x, y) {
  const rounding = name === "train" ? "3.5" : "0";
  chart.rectangle(x - 3.5, y - 3.5, 7, 7, { class: `cg-mark cg-${name}`, rx: rounding });
}

/**
 * Heights at which two names do not cover each other, none of them too low.
 * @param {number[]} heights
 * @param {number} lowest
 */
function apart(heights, lowest) {
  const ends = [...heights];
  if (ends.length === 2 && Math.abs(ends[0] - ends[1]) < 14) {
    const [middle, above] = [(ends[0] + ends[1]) / 2, ends[0] <= ends[1] ? 0 : 1];
    ends[above] = middle - 7;
    ends[1 - above] = middle + 7;
  }
  const sunk = Math.max(0, Math.max(...ends) - lowest);
  return ends.map((end) => end - sunk);
}

/**
 * The lowest and the highest value of the axis.
 * @param {number[]} values
 * @param {boolean} accuracy
 */
function rangeOfEpochs(values, accuracy) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!accuracy) return low > 0 ? [low / 1.2, high * 1.2] : [0, high || 1];
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((size) => 1 - low <= 5 * size) ?? 1;
  return [Math.max(0, Math.floor(low / step) * step - (1 - low < 1e-9 ? step : 0)), 1];
}

// ---------------------------------------------------------------- filters

/**
 * @param {Chart} chart
 * @param {BoardState["filters"]} filters
 */
export function drawFilters(chart, { shares, largest }) {
  chart.box.hidden = !shares;
  if (!shares) return;
  chart.title.textContent = "First layer's filters";
  const sheet = chart.clear(`${shares.length} filters of the first layer, values up to ${number(largest)}`);
  const [rows, columns, gap] = [shares[0].length, shares[0][0].length, 0.5];
  const { cell, across, down } = arranged(shares.length, rows + gap, columns + gap, sheet, chart.height - 24);
  shares.forEach((filter, n) => {
    const left = (n % across) * (columns + gap) * cell + 0.5;
    const top = Math.floor(n / across) * (rows + gap) * cell + 0.5;
    drawFilter(chart, filter, left, top, cell);
  });
  const words = `full colour ±${number(largest)}${cell >= ROOM_FOR_MINUS ? "; a dash is below zero" : ""}`;
  chart.text(words, 0, Math.min(chart.height - 4, down * (rows + gap) * cell + 14), "cg-soft");
}

/**
 * @param {Chart} chart
 * @param {number[][]} filter in 99ths of the largest
 * @param {number} left
 * @param {number} top
 * @param {number} cell
 */
function drawFilter(chart, filter, left, top, cell) {
  for (const [i, row] of filter.entries()) {
    for (const [j, value] of row.entries()) {
      const [x, y] = [left + j * cell, top + i * cell];
      const tone = `color-mix(in srgb, var(--cg-${value < 0 ? "below" : "above"}) ${Math.abs(value)}%, var(--cg-paper))`;
      chart.rectangle(x, y, cell, cell, { style: `fill: ${tone}` });
      if (value < -4 && cell >= ROOM_FOR_MINUS) {
        chart.straight(x + cell * 0.3, y + cell / 2, x + cell * 0.7, y + cell / 2, "cg-minus");
      }
    }
  }
  chart.rectangle(left, top, filter[0].length * cell, filter.length * cell, { class: "cg-frame" });
}

/**
 * How many filters stand side by side, so that their cells are as large as there is room for.
 * @param {number} filters
 * @param {number} rows
 * @param {number} columns
 * @param {number} width
 * @param {number} height
 */
function arranged(filters, rows, columns, width, height) {
  let best = { cell: 0, across: 1, down: filters };
  for (let across = 1; across <= filters; across++) {
    const down = Math.ceil(filters / across);
    const cell = Math.min(width / (across * columns), height / (down * rows), LARGEST_CELL_OF_FILTER);
    if (cell > best.cell + 0.01) best = { cell, across, down };
  }
  return best;
}

// ---------------------------------------------------------------- gradients

/**
 * A bar for each layer, and a line where it ended at the start of the training.
 * @param {Chart} chart
 * @param {Norm[]} norms
 * @param {boolean} running
 */
export function drawNorms(chart, norms, running) {
  if (!norms.length) return chart.waiting(running ? "after the first step" : "no step was taken this time");
  const sheet = chart.clear(norms.map(([name, now]) => `${name} ${number(now)}`).join(", "));
  const known = norms.flatMap(([, now, first]) => [now, first]).filter((value) => value > 0 && value < INFINITE);
  const low = 10 ** Math.floor(Math.log10(known.length ? Math.min(...known) : 1) - 0.3);
  const high = 10 ** Math.ceil(Math.log10(Math.max(...known, low * 10)) + 0.05);
  const [left, right, bottom] = [96, sheet - 44, chart.height - 20];
  const share = scale(low, high, true);
  /** @param {number} value */
  const x = (value) => left + (right - left) * share(clamp(value, low, high));
  const step = Math.min(40, (bottom - 4) / norms.length);
  const thick = Math.max(2, step * 0.55);
  const most = clamp(Math.floor((right - left) / ROOM_FOR_TICK), 2, 6);
  for (const value of decades(low, high, most)) {
    chart.straight(x(value), 4, x(value), bottom, "cg-rule");
    chart.text(number(value), x(value), bottom + 15, "cg-soft", "middle");
  }
  norms.forEach(([name, now, first], n) => {
    const middle = 4 + (n + 0.5) * step;
    if (step >= 11 || n % 2 === 0) chart.text(name, left - 6, middle + 4, "cg-soft", "end");
    chart.rectangle(left, middle - thick / 2, Math.max(0, x(now) - left), thick, { class: "cg-bar-of-gradient" });
    if (first > 0) chart.straight(x(first), middle - step * 0.42, x(first), middle + step * 0.42, "cg-start");
    const end = x(first) - x(now) > ROOM_FOR_LENGTH ? x(now) : Math.max(x(now), x(first)); // the bar's, not the line's
    if (step >= 11) chart.text(number(now), end + 6, middle + 4, "cg-strong");
  });
}
