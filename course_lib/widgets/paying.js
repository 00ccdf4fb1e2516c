// @ts-check
// Who pays whom on the way back through a network: every entry of dx is a sum of entries of dy, each times a factor.

/** an entry of one gradient that adds to an entry of the next: amount = its value times the factor */
/** @typedef {{ cell: number, factor: number, amount: number, why: string }} Payment */

/** @param {DataView} bytes */
const floats = ({ buffer, byteOffset, byteLength }) =>
  new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));

/** One array between two layers: its values, and the gradient of the loss for each. */
class Column {
  /** @param {WalkColumn} data */
  constructor({ shape, values, gradient }) {
    this.channels = shape[0];
    this.rows = shape[1] ?? 1;
    this.columns = shape[2] ?? 1;
    this.isPicture = shape.length === 3;
    this.values = floats(values);
    this.gradient = floats(gradient);
    this.mean = this.gradient.reduce((sum, value) => sum + Math.abs(value), 0) / this.gradient.length;
    this.largest = largestOf(this.gradient);
    this.largestValue = largestOf(this.values);
  }

  /** @param {number} channel @param {number} row @param {number} column */
  cell(channel, row, column) {
    return (channel * this.rows + row) * this.columns + column;
  }

  /** @param {number} cell @returns {[channel: number, row: number, column: number]} */
  place(cell) {
    const inside = cell % (this.rows * this.columns);
    return [Math.floor(cell / (this.rows * this.columns)), Math.floor(inside / this.columns), inside % this.columns];
  }

  /** @param {number} cell */
  indices(cell) {
    return this.isPicture ? `[${this.place(cell).join(", ")}]` : `[${cell}]`;
  }
}

/** @param {Float32Array} values */
const largestOf = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);

export class Walk {
  /** @param {WalkData} data */
  constructor(data) {
    this.columns = data.columns.map((column) => new Column(column));
    this.layers = data.layers.map((layer) => ({
      ...layer,
      weights: layer.weight ? floats(layer.weight) : new Float32Array(),
    }));
    this.probabilities = data.probabilities;
    this.label = data.label;
    this.loss = data.loss;
    this.largest = Math.max(...this.columns.map(({ largest }) => largest));
  }

  get last() {
    return this.columns.length - 1;
  }

  /** The pixel with the largest gradient. */
  get strongest() {
    const { gradient } = this.columns[0];
    const sizes = gradient.map(Math.abs);
    return { at: 0, cell: sizes.indexOf(Math.max(...sizes)) };
  }

  /**
   * The payments that make up the gradient of a cell of column `at`, from the column behind it, largest first.
   * @param {number} at
   * @param {number} cell
   * @returns {Payment[]}
   */
  received(at, cell) {
    if (at === this.last) return [];
    const { gradient } = this.columns[at + 1];
    /** @param {[cell: number, factor: number, why: string]} part */
    const paid = ([from, factor, why]) => ({ cell: from, factor, amount: factor * gradient[from], why });
    return this.factors(at, cell)
      .map(paid)
      .sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
  }

  /**
   * The cells of column `at - 1` to which a cell of column `at` pays, largest payment first.
   * @param {number} at
   * @param {number} cell
   * @returns {Payment[]}
   */
  given(at, cell) {
    if (at === 0) return [];
    const value = this.columns[at].gradient[cell];
    const found = this.fedBy(at, cell).flatMap((to) =>
      this.factors(at - 1, to)
        .filter(([from]) => from === cell)
        .map(([, factor, why]) => ({ cell: to, factor, amount: factor * value, why })),
    );
    return found.sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
  }

  /**
   * How the cells behind a layer depend on a cell before it: their numbers, and the slopes.
   * @param {number} at
   * @param {number} cell
   * @returns {[cell: number, factor: number, why: string][]}
   */
  factors(at, cell) {
    const layer = this.layers[at];
    const [before, after] = [this.columns[at], this.columns[at + 1]];
    if (layer.kind === "same") return [[cell, 1, ""]];
    if (layer.kind === "door") return [[cell, Number(before.values[cell] > 0), ""]];
    if (layer.kind === "linear") {
      return [...after.gradient.keys()].map((row) => [row, layer.weights[row * before.values.length + cell], ""]);
    }
    const [channel, row, column] = before.place(cell);
    const outputs = this.windowsOver(at, row, column);
    if (layer.kind === "maximum") {
      return outputs.map(([i, j]) => {
        const window = after.cell(channel, i, j);
        return [window, Number(this.winner(at, window) === cell), ""];
      });
    }
    const [height, width] = layer.kernel;
    return [...Array(after.channels).keys()].flatMap((filter) =>
      outputs.map(([i, j, a, b]) => {
        const weight = layer.weights[((filter * before.channels + channel) * height + a) * width + b];
        return /** @type {[number, number, string]} */ ([after.cell(filter, i, j), weight, `${a}, ${b}`]);
      }),
    );
  }

  /**
   * The windows of a layer that hold a place, each with the place inside of it.
   * @param {number} at
   * @param {number} row
   * @param {number} column
   * @returns {[i: number, j: number, a: number, b: number][]}
   */
  windowsOver(at, row, column) {
    const { kernel, stride, padding } = this.layers[at];
    const after = this.columns[at + 1];
    /** @type {[number, number, number, number][]} */
    const found = [];
    for (let a = 0; a < kernel[0]; a++) {
      for (let b = 0; b < kernel[1]; b++) {
        const [i, j] = [(row + padding[0] - a) / stride[0], (column + padding[1] - b) / stride[1]];
        const whole = Number.isInteger(i) && Number.isInteger(j);
        if (whole && i >= 0 && j >= 0 && i < after.rows && j < after.columns) found.push([i, j, a, b]);
      }
    }
    return found.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  }

  /**
   * The cells of a column's predecessor that a cell was computed from.
   * @param {number} at
   * @param {number} cell
   */
  fedBy(at, cell) {
    const layer = this.layers[at - 1];
    const [before, after] = [this.columns[at - 1], this.columns[at]];
    if (layer.kind === "same" || layer.kind === "door") return [cell];
    if (layer.kind === "linear") return [...before.values.keys()];
    const [channel, i, j] = after.place(cell);
    const channels = layer.kind === "maximum" ? [channel] : [...Array(before.channels).keys()];
    return channels.flatMap((from) =>
      this.windowOf(at - 1, i, j).map(([row, column]) => before.cell(from, row, column)),
    );
  }

  /**
   * The places that window (i, j) of a layer holds, without padding.
   * @param {number} at
   * @param {number} i
   * @param {number} j
   */
  windowOf(at, i, j) {
    const { kernel, stride, padding } = this.layers[at];
    const before = this.columns[at];
    /** @type {[row: number, column: number][]} */
    const places = [];
    for (let a = 0; a < kernel[0]; a++) {
      for (let b = 0; b < kernel[1]; b++) {
        const [row, column] = [i * stride[0] - padding[0] + a, j * stride[1] - padding[1] + b];
        if (row >= 0 && column >= 0 && row < before.rows && column < before.columns) places.push([row, column]);
      }
    }
    return places;
  }

  /**
   * The cell that won a window of a max pool: the first of the largest.
   * @param {number} at
   * @param {number} window a cell behind the pool
   */
  winner(at, window) {
    const [channel, i, j] = this.columns[at + 1].place(window);
    const before = this.columns[at];
    const cells = this.windowOf(at, i, j).map(([row, column]) => before.cell(channel, row, column));
    return cells.reduce((best, cell) => (before.values[cell] > before.values[best] ? cell : best));
  }

  /**
   * From a cell to the loss, always to the cell that pays most: [column, cell] pairs.
   * @param {number} at
   * @param {number} cell
   */
  wayToTheLoss(at, cell) {
    /** @type {[at: number, cell: number][]} */
    const way = [[at, cell]];
    while (way[way.length - 1][0] < this.last) {
      const [here, from] = way[way.length - 1];
      const [most] = this.received(here, from);
      if (!most || most.amount === 0) break;
      way.push([here + 1, most.cell]);
    }
    return way;
  }
}
