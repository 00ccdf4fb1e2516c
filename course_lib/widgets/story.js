// @ts-check
// A story as it was told in Python, ready to be asked: what a cell is worth after a step, and what it meets when.

/**
 * Stories travel as JSON that zlib has made small, in letters that JSON may hold.
 * @param {string} packed
 * @returns {Promise<StoryData[]>}
 */
export function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(text).json();
}

/**
 * Many values come as whole multiples of their first number.
 * @param {number[]} values
 */
const spread = ([unit, ...counts]) => counts.map((count) => count * unit);

class Grid {
  /** @param {GridData} data */
  constructor(data) {
    this.key = data.key;
    this.role = data.role;
    this.at = data.at;
    this.pitch = data.pitch;
    this.scale = data.scale;
    this.ndim = data.ndim;
    this.collects = data.collects;
    this.empty = data.empty;
    this.picture = data.picture;
    this.title = data.caption || data.key;
    this.pad = data.pad;
    this.gaps = data.gaps;
    this.flipped = data.flipped;
    this.turns = data.turns;
    this.struck = new Set(data.struck);
    this.strikes = data.strikes ?? 0;
    this.appears = data.appears ?? 0;
    this.prefix = data.prefix;
    this.folded = data.folded;
    this.rows = data.shape[0];
    this.columns = data.shape[1];
    const [symbol, ...owner] = data.name.split(" "); // as in "y of network[2]"
    this.symbol = symbol;
    this.owner = owner;
    this.values = data.picture ? spread(data.values) : data.values;
    this.all = this.values.map((_, cell) => cell);
    this.fillers = this.all.map((cell) => this.isFiller(cell));
    this.untouched = new Set(data.untouched);
    /** @type {number | undefined} */
    this.knownLargest = undefined;
    /**
     * of a grid that collects, for every cell: the steps in which it changed, and its sum since each of them
     * @type {{ at: number[], sums: number[] }[]}
     */
    this.history = data.collects ? this.values.map((value) => ({ at: [0], sums: [value] })) : [];
  }

  /**
   * Add an amount to a cell in step `at`, which no later step may precede.
   * @param {number} at
   * @param {number} cell
   * @param {number} amount
   */
  add(at, cell, amount) {
    const past = this.history[cell];
    const sum = past.sums[past.sums.length - 1] + amount;
    if (past.at[past.at.length - 1] === at) past.sums[past.sums.length - 1] = sum;
    else {
      past.at.push(at);
      past.sums.push(sum);
    }
  }

  /**
   * The value of a cell after step `at`, or null while it is empty.
   * @param {number} cell
   * @param {number} at
   */
  value(cell, at) {
    if (!this.collects) return this.values[cell];
    const past = this.history[cell];
    let low = 0;
    for (let high = past.at.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (past.at[middle] <= at) low = middle;
      else high = middle;
    }
    return low === 0 && this.empty ? null : past.sums[low];
  }

  /** All values that its cells have after any step. */
  everyValue() {
    return this.collects ? this.history.flatMap(({ sums }) => sums) : this.values;
  }

  /** The largest size that any cell has after any step, for shades; never 0. Known once all amounts are added. */
  get largest() {
    this.knownLargest ??= this.everyValue().reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-12);
    return this.knownLargest;
  }

  /**
   * The row and column of a cell as the array counts them: without padding, gaps and flips.
   * @param {number} cell
   */
  place(cell) {
    let [row, column] = [Math.floor(cell / this.columns), cell % this.columns];
    if (this.flipped) [row, column] = [this.rows - 1 - row, this.columns - 1 - column];
    return [Math.floor((row - this.pad[0]) / this.gaps[0]), Math.floor((column - this.pad[1]) / this.gaps[1])];
  }

  /**
   * Whether a cell is padding, a zero between the values of a dilated array, or behind the end of a folded vector.
   * @param {number} cell
   */
  isFiller(cell) {
    if (this.folded) return cell >= this.folded;
    const [row, column] = [Math.floor(cell / this.columns) - this.pad[0], (cell % this.columns) - this.pad[1]];
    const inside =
      row >= 0 && column >= 0 && row < this.rows - 2 * this.pad[0] && column < this.columns - 2 * this.pad[1];
    return !inside || row % this.gaps[0] !== 0 || column % this.gaps[1] !== 0;
  }

  /** @param {number} cell */
  nameOf(cell) {
    const index = [...this.prefix, ...(this.folded ? [cell] : this.place(cell).slice(2 - this.ndim))];
    if (!index.length) return [this.symbol, ...this.owner].join(" ");
    return [`${this.symbol}[${index.join(", ")}]`, ...this.owner].join(" ");
  }

  /** How many cells can be chosen: all but those behind the end of a folded vector. */
  get count() {
    return this.folded || this.values.length;
  }
}

export class Story {
  /** @param {StoryData} data */
  constructor(data) {
    this.title = data.title;
    this.code = data.code;
    this.box = data.box; // in cells, around all that is drawn
    this.steps = data.steps;
    this.edges = data.edges ?? [];
    this.grids = data.grids.map((grid) => new Grid(grid));
    this.byKey = new Map(this.grids.map((grid, n) => [grid.key, n]));
    this.terms = this.steps.map((step, at) => {
      const terms = step.flows.map((flow) => this.termsOf(at, flow));
      for (const { to, cell, amount } of terms.flat()) this.grids[to].add(at, cell, amount);
      return terms.filter((_, n) => !step.flows[n].quiet).flat();
    });
    this.places = this.placesOverTime();
    /** @type {Set<number>[][]} */
    this.lit = [];
    /** @type {Term[][][] | null} */
    this.met = null;
  }

  get last() {
    return this.steps.length - 1;
  }

  /**
   * @param {number} at
   * @param {FlowData} flow
   * @returns {Term[]}
   */
  termsOf(at, { to, cells, factors, scale, amounts }) {
    const scales = typeof scale === "number" ? null : spread(scale);
    return cells.map((cell, n) => {
      /** @type {Term["read"]} */
      const read = factors.map(([grid, from]) => [grid, typeof from === "number" ? from : from[n]]);
      const start = scales ? scales[n] : Number(scale);
      const amount =
        amounts?.[n] ?? read.reduce((product, [grid, from]) => product * this.grids[grid].values[from], start);
      return { at, to, cell, read, amount };
    });
  }

  /**
   * For each step, where every grid stands.
   * @returns {Place[][]}
   */
  placesOverTime() {
    /** @type {Place[]} */
    let places = this.grids.map(({ at }) => [...at, 1]);
    return this.steps.map(({ moves }, step) => {
      places = places.map(([column, row], n) => [...(moves[n] ?? [column, row]), Number(step >= this.grids[n].turns)]);
      return places;
    });
  }

  /**
   * For each grid, the cells that amounts leave or reach in a step.
   * @param {number} at
   */
  flowingAt(at) {
    const flowing = this.noCells();
    for (const { to, cell, read } of this.terms[at]) {
      flowing[to].add(cell);
      for (const [grid, from] of read) flowing[grid].add(from);
    }
    return flowing;
  }

  /**
   * The same, and the cells that are only looked at, as the losers of a maximum.
   * @param {number} at
   */
  litAt(at) {
    if (this.lit[at]) return this.lit[at];
    const lit = this.flowingAt(at);
    for (const [grid, cells] of Object.entries(this.steps[at].looks)) {
      for (const cell of cells) lit[Number(grid)].add(cell);
    }
    this.lit[at] = lit;
    return lit;
  }

  noCells() {
    return this.grids.map(() => /** @type {Set<number>} */ (new Set()));
  }

  /** grid -> cell -> the terms it takes part in; made when first asked for. */
  get partners() {
    if (this.met) return this.met;
    const met = this.grids.map((grid) => grid.all.map(() => /** @type {Term[]} */ ([])));
    for (const term of this.terms.flat()) {
      met[term.to][term.cell].push(term);
      for (const [grid, cell] of term.read) met[grid][cell].push(term);
    }
    this.met = met;
    return met;
  }

  /**
   * The chosen cell and every cell it meets. A count has met what was added beside it, in the same place.
   * @param {Term[]} terms those of the chosen cell
   * @param {Cell} chosen
   */
  litBy(terms, chosen) {
    const lit = this.noCells();
    lit[chosen.grid].add(chosen.cell);
    for (const term of terms) {
      const beside = term.read.length
        ? []
        : this.terms[term.at].filter(({ cell, read }) => cell === term.cell && read.length);
      for (const { to, cell, read } of [term, ...beside]) {
        lit[to].add(cell);
        for (const [grid, from] of read) if (grid !== chosen.grid) lit[grid].add(from);
      }
    }
    return lit;
  }

  /**
   * The cell with this name. A filler has a name as well, which it may share with a real cell: it is never meant.
   * @param {string} name
   * @returns {Cell | null}
   */
  find(name) {
    for (const [n, grid] of this.grids.entries()) {
      if (!name.startsWith(`${grid.symbol}[`)) continue;
      const cell = grid.all.findIndex((cell) => !grid.fillers[cell] && grid.nameOf(cell) === name);
      if (cell >= 0) return { grid: n, cell };
    }
    return null;
  }
}
