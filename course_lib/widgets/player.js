// Plays the stories of course_lib.frames. Python sends what happens; this file draws it and keeps the time.
// render() is the anywidget entry point; it needs only model.get, model.on, model.off and an element.

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const ICONS = {
  first: "M3 2h2v12H3zM14 2v12L6 8z",
  back: "M10.5 2L4.5 8l6 6 1.5-1.5L7.5 8 12 3.5z",
  play: "M4 2l9 6-9 6z",
  pause: "M4 2h3v12H4zM9 2h3v12H9z",
  next: "M5.5 2L4 3.5 8.5 8 4 12.5 5.5 14l6-6z",
  last: "M11 2h2v12h-2zM2 2v12l8-6z",
};

// ---------------------------------------------------------------- numbers, names and colours

export function number(value) {
  const size = Math.abs(value);
  let text;
  if (Math.abs(value - Math.round(value)) < 1e-9 && size < 1e5) text = String(Math.round(value) || 0);
  else if (size >= 0.01 && size < 1e5) text = tidy(value, size < 10 ? 2 : size < 1000 ? 1 : 0);
  else text = value.toExponential(0).replace("e+", "e");
  return text.replaceAll("-", "−");
}

function tidy(value, digits) {
  const text = value.toFixed(digits);
  return digits && Math.abs(Number(text) - value) < 1e-9 ? text.replace(/\.?0+$/, "") : text;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const mix = (a, b, t) => a + (b - a) * t;
const smooth = (t) => t * t * (3 - 2 * t);
const pick = (cells, n) => (Array.isArray(cells) ? cells[n] : cells);

function channels(colour) {
  const hex = colour.replace("#", "");
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function blend(from, to, share) {
  return from.map((value, n) => Math.round(mix(value, to[n], share)));
}

const css = (rgb) => `rgb(${rgb.join()})`;

// relative luminance, as the Web Content Accessibility Guidelines define it
function brightness(rgb) {
  const [r, g, b] = rgb.map((value) => (value <= 10 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

class Theme {
  constructor(root, palette) {
    const probe = element("canvas", "", null).getContext("2d", { willReadFrequently: true });
    const read = (colour) => {
      probe.fillStyle = colour;
      probe.fillRect(0, 0, 1, 1);
      return [...probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    };
    const style = getComputedStyle(root);
    this.paper = read(style.backgroundColor);
    this.ink = read(style.color);
    this.dark = brightness(this.paper) < 0.2;
    this.font = style.fontFamily;
    this.codeFont = getComputedStyle(root.querySelector(".cg-formula") ?? root).fontFamily;
    this.roles = {};
    for (const [role, tones] of Object.entries(palette)) {
      const [fill, text] = tones.slice(this.dark ? 2 : 0);
      this.roles[role] = { rgb: channels(fill), line: fill, text };
    }
    this.soft = css(blend(this.paper, this.ink, 0.62));
  }

  cell(role, share) {
    return blend(this.paper, this.roles[role].rgb, 0.05 + 0.75 * share);
  }

  // gradient pictures: orange below zero, the role's own colour above
  signed(role, share) {
    const side = share < 0 ? this.roles.kernel.rgb : this.roles[role].rgb;
    return blend(this.paper, side, Math.abs(share));
  }

  // black or white, whichever stands out more
  textOn(rgb) {
    return brightness(rgb) > 0.179 ? "#000" : "#fff";
  }
}

// ---------------------------------------------------------------- a story, ready to be asked

// the values of a picture come as whole multiples of their first number; none at all are zeros
const spread = ([unit, ...counts], length) => (counts.length ? counts.map((count) => count * unit) : Array(length).fill(0));

class Grid {
  constructor(data) {
    Object.assign(this, data);
    [this.rows, this.columns] = data.shape;
    [this.symbol, ...this.owner] = data.name.split(" "); // as in "y of network[2]"
    if (this.picture) this.values = spread(this.values, this.rows * this.columns);
    this.width = ((this.columns - 1) * this.pitch[0] + 1) * this.scale;
    this.height = ((this.rows - 1) * this.pitch[1] + 1) * this.scale;
    this.fillers = this.values.map((_, cell) => this.isFiller(cell));
    this.missed = new Set(this.untouched);
    this.all = this.values.map((_, cell) => cell);
    this.history = null;
    this.largest = this.values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-12);
  }

  // what each cell has added up to, and since which step
  startHistory() {
    this.history = this.values.map((value) => ({ at: [0], sums: [value] }));
  }

  record(at, cell, amount) {
    const past = this.history[cell];
    const sum = past.sums.at(-1) + amount;
    if (past.at.at(-1) === at) past.sums[past.sums.length - 1] = sum;
    else {
      past.at.push(at);
      past.sums.push(sum);
    }
    this.largest = Math.max(this.largest, Math.abs(sum));
  }

  // the value of a cell after step `at`, or null while it is empty
  value(cell, at) {
    if (!this.history) return this.values[cell];
    const past = this.history[cell];
    let low = 0;
    for (let high = past.at.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (past.at[middle] <= at) low = middle;
      else high = middle;
    }
    return low === 0 && this.empty ? null : past.sums[low];
  }

  // all that its cells ever hold
  everyValue() {
    return this.history ? this.history.flatMap(({ sums }) => sums) : this.values;
  }

  place(cell) {
    let [row, column] = [Math.floor(cell / this.columns), cell % this.columns];
    if (this.flipped) [row, column] = [this.rows - 1 - row, this.columns - 1 - column];
    return [Math.floor((row - this.pad[0]) / this.gaps[0]), Math.floor((column - this.pad[1]) / this.gaps[1])];
  }

  isFiller(cell) {
    if (this.folded) return cell >= this.folded;
    const [row, column] = [Math.floor(cell / this.columns) - this.pad[0], (cell % this.columns) - this.pad[1]];
    const inside = row >= 0 && column >= 0 && row < this.rows - 2 * this.pad[0] && column < this.columns - 2 * this.pad[1];
    return !inside || row % this.gaps[0] !== 0 || column % this.gaps[1] !== 0;
  }

  nameOf(cell) {
    const index = [...this.prefix, ...(this.folded ? [cell] : this.place(cell).slice(-this.ndim))];
    return [`${this.symbol}[${index.join(", ")}]`, ...this.owner].join(" ");
  }

  // the cells that can be chosen: all but those behind the end of a folded vector
  get count() {
    return this.folded || this.values.length;
  }
}

export class Story {
  constructor(data) {
    this.title = data.title;
    this.code = data.code;
    this.box = data.box; // left, top, right, bottom, in cells, of all that is drawn
    this.grids = data.grids.map((grid) => new Grid(grid));
    this.byKey = new Map(this.grids.map((grid, n) => [grid.key, n]));
    this.steps = data.steps.map((step) => ({ ...step, ...this.words(step.words, data.patterns) }));
    for (const { flows } of this.steps) for (const flow of flows ?? []) if (flow[3]?.length) flow[3] = this.scales(flow);
    this.terms = [];
    this.lit = [];
    for (const grid of this.grids) if (grid.collects) grid.startHistory();
    this.steps.forEach((_, at) => {
      for (const { to, cell, amount } of this.termsAt(at)) this.grids[to].record(at, cell, amount);
    });
    this.moves = this.placesOverTime();
  }

  // a pattern with a # for each number, and the numbers
  words([pattern, numbers], patterns) {
    const filling = numbers.split(" ");
    const text = patterns[pattern].split("#").reduce((text, part, n) => text + filling[n - 1] + part);
    const [sentence, formula, products] = text.split("\t");
    return { sentence, formula, numbers: products };
  }

  scales([to, cells, , scale]) {
    return spread(scale, this.allOr(to, cells).length);
  }

  get last() {
    return this.steps.length - 1;
  }

  // each term of a step: an amount on its way from the cells it is the product of to the cell it is added to
  termsAt(at) {
    return (this.terms[at] ??= (this.steps[at].flows ?? []).flatMap((flow) => this.termsOf(at, ...flow)));
  }

  allOr(grid, cells) {
    return cells === -1 ? this.grids[grid].all : cells;
  }

  // cells are a list, one number for all terms, or -1 for all cells of the grid in order
  termsOf(at, to, cells, factors, scale = 1) {
    const lists = [[to, cells], ...factors].map(([grid, some]) => this.allOr(grid, some));
    const count = Math.max(...[...lists, scale].map((some) => some.length ?? 1));
    return Array.from({ length: count }, (_, n) => {
      const [cell, ...from] = lists.map((some) => pick(some, n));
      const read = factors.map(([grid], k) => [grid, from[k]]);
      const amount = read.reduce((product, [grid, source]) => product * this.grids[grid].values[source], pick(scale, n));
      return { at, to, cell, read, amount };
    });
  }

  // for each grid, the cells that amounts leave or reach in a step
  flowingAt(at) {
    const flowing = this.grids.map(() => new Set());
    for (const { to, cell, read } of this.termsAt(at)) {
      flowing[to].add(cell);
      for (const [grid, from] of read) flowing[grid].add(from);
    }
    return flowing;
  }

  // the same, and the cells that are only looked at
  litAt(at) {
    if (this.lit[at]) return this.lit[at];
    const lit = this.flowingAt(at);
    for (const [grid, cells] of Object.entries(this.steps[at].looks ?? {})) {
      for (const cell of this.allOr(grid, cells)) lit[grid].add(cell);
    }
    return (this.lit[at] = lit);
  }

  // for each step, where every grid stands
  placesOverTime() {
    let places = this.grids.map((grid) => grid.at);
    return this.steps.map((step) => {
      if (step.moves) places = places.map((place, n) => step.moves[n] ?? place);
      return places;
    });
  }

  // grid -> cell -> the terms it takes part in; made when first asked for
  get partners() {
    if (this.met) return this.met;
    this.met = this.grids.map((grid) => grid.values.map(() => []));
    this.steps.forEach((_, at) => {
      for (const term of this.termsAt(at)) {
        this.met[term.to][term.cell].push(term);
        for (const [grid, cell] of term.read) this.met[grid][cell].push(term);
      }
    });
    return this.met;
  }

  // the chosen cell and every cell it meets; a count has met what was added beside it, in the same place
  litBy(terms, selected) {
    const lit = this.grids.map(() => new Set());
    lit[selected.grid].add(selected.cell);
    for (const term of terms) {
      const beside = term.read.length ? [] : this.termsAt(term.at).filter(({ cell, read }) => cell === term.cell && read.length);
      for (const { to, cell, read } of [term, ...beside]) {
        lit[to].add(cell);
        for (const [grid, from] of read) if (grid !== selected.grid) lit[grid].add(from);
      }
    }
    return lit;
  }

  find(name) {
    for (const [n, grid] of this.grids.entries()) {
      if (!name.startsWith(grid.symbol + "[")) continue;
      const cell = grid.values.findIndex((_, cell) => !grid.fillers[cell] && grid.nameOf(cell) === name);
      if (cell >= 0) return [n, cell];
    }
    return null;
  }
}

// ---------------------------------------------------------------- one story drawn

const LARGEST_CELL = 46;
const SMALLEST_WITH_NUMBER = 15; // smaller cells have no lines around them either
const SMALLEST_LETTERS = 6; // in pixels; what would be smaller is left to the shade and to pointing
const SMALLEST_WITH_CORNERS = 32;
const SMALLEST_BESIDE = 24; // with smaller cells, panels stand below each other
const SMALLEST_LINE_BESIDE = 30; // the same for stories in one dimension, which have an index in every cell
const LARGEST_STACKED = 30;
const TALLEST = 540; // so that the picture and its controls fit a screen
const ROOM_FOR_NAMES = 14; // in pixels, above the picture, however small its cells are
const MOST_CHIPS = 40;
const [DIMMED, DIMMED_TEXT] = [0.35, 0.5];
const NARROW = 500; // a panel below this lists fewer of the amounts of a chosen cell
const HINT = "Point at a cell to see every step it takes part in. Click, or Shift with an arrow key, chooses one.";
const GLIDE = 0.35; // the share of a step in which kernel and window move; then the amounts travel
const LANDED = 0.85;
const BEHIND_KERNEL = 0.68; // of the way from source to target: where the products rest, still apart from each other

class Panel {
  constructor(story, parent, player) {
    this.story = story;
    this.player = player;
    this.hint = player.panels.length ? "" : HINT; // once is enough
    this.at = -1;
    this.node = element("section", "cg-panel", parent);
    element("h4", "cg-title", this.node, story.title);
    this.canvas = element("canvas", "cg-picture", this.node);
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d");
    this.words = element("div", "cg-words", this.node);
    this.sentence = element("p", "cg-sentence", this.words);
    this.formula = element("div", "cg-formula", this.words);
    this.readout = element("p", "cg-readout", this.node);
    this.lines = story.code ? this.makeCode(story.code) : [];
    this.inLine = story.grids.every((grid) => grid.ndim === 1);
    this.smallestBeside = this.inLine ? SMALLEST_LINE_BESIDE : SMALLEST_BESIDE;
    this.canvas.addEventListener("pointermove", (event) => player.hover(this.hit(event), this));
    this.canvas.addEventListener("pointerleave", () => player.hover(null, this));
    this.canvas.addEventListener("click", (event) => player.pin(this.hit(event), this));
  }

  // what would give a lab away stays closed until it is solved, or the reader opens it
  makeCode({ lines, lab, secret }) {
    const details = element("details", "cg-code", this.node);
    details.open = !secret;
    element("summary", "", details, secret ? `The code: it gives away the lab ${lab}` : "The code");
    const pre = element("pre", "", details);
    return lines.map((line) => {
      const node = element("span", "", pre, line || " ");
      node.style.setProperty("--cg-hang", `${line.search(/\S|$/) + 4}ch`);
      return node;
    });
  }

  unitFor(width) {
    const [left, top, right, bottom] = this.story.box;
    return Math.min(LARGEST_CELL, (width - 4) / (right - left), TALLEST / (bottom - top));
  }

  heightFor(unit) {
    const [, top, , bottom] = this.story.box;
    return Math.ceil((bottom - top) * unit) + 2 + this.aboveFor(unit);
  }

  aboveFor(unit) {
    return this.inLine ? 0 : Math.max(0, ROOM_FOR_NAMES - unit);
  }

  resize(width, unit, height) {
    const ratio = window.devicePixelRatio || 1;
    this.unit = unit;
    this.snap = (length) => Math.round(length * ratio) / ratio;
    this.sides = this.story.grids.map(({ scale }) => (scale * unit < SMALLEST_WITH_NUMBER ? scale * unit : this.snap(scale * unit)));
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const [left, top, right, bottom] = this.story.box;
    this.origin = [(width - (left + right) * unit) / 2, (height + this.aboveFor(unit) - (top + bottom) * unit) / 2];
    this.size = [width, height];
    this.nameSize = this.sizeOfNames();
    this.keepRoomForWords();
  }

  // the longest words decide the height, so that nothing below jumps while the story plays
  keepRoomForWords() {
    const longest = (part) => this.story.steps.map(part).reduce((a, b) => (b.length > a.length ? b : a), "");
    this.words.style.minHeight = "0";
    this.write(longest((step) => step.sentence), longest((step) => step.formula), longest((step) => step.numbers));
    this.words.style.minHeight = `${Math.ceil(this.words.getBoundingClientRect().height)}px`;
    this.rewrite();
    this.readout.style.minHeight = "0";
    this.readout.textContent = this.longestReadout();
    this.readout.style.minHeight = `${Math.ceil(this.readout.getBoundingClientRect().height)}px`;
    this.describe(this.player.selectionIn(this));
  }

  // of the cells that take part in most: one of each grid is enough to tell how long the words become
  longestReadout() {
    const busiest = this.story.partners.map((cells) => {
      const most = Math.max(...cells.map((terms) => terms.length));
      return cells.map((_, cell) => cell).filter((cell) => cells[cell].length === most).slice(0, 20);
    });
    const texts = busiest.flatMap((cells, grid) => cells.map((cell) => this.sumOf({ grid, cell }, this.story.last)));
    return [HINT, ...texts].reduce((a, b) => (b.length > a.length ? b : a));
  }

  // -------------------------------------------------------------- where things are, in pixels

  // the square of a cell: x, y, side. still.py draws by the same rule: what moves is laid out here, what stands still
  // there, where there may be no browser; a test holds them together
  square(n, cell, places) {
    const grid = this.story.grids[n];
    const side = this.sides[n];
    const [left, top] = places[n].map((place, axis) => this.snap(this.origin[axis] + place * this.unit));
    const [row, column] = [Math.floor(cell / grid.columns), cell % grid.columns];
    return [left + column * grid.pitch[0] * side, top + row * grid.pitch[1] * side, side];
  }

  // the rectangle around some cells of one grid: left, top, right, bottom
  around(n, cells, places) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const cell of cells) {
      const [x, y, side] = this.square(n, cell, places);
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x + side);
      box[3] = Math.max(box[3], y + side);
    }
    return box;
  }

  hit(event) {
    const frame = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const places = this.story.moves[this.at];
    for (let n = this.story.grids.length - 1; n >= 0; n--) {
      const grid = this.story.grids[n];
      const [left, top, side] = this.square(n, 0, places);
      const column = Math.floor((x - left) / (grid.pitch[0] * side));
      const row = Math.floor((y - top) / (grid.pitch[1] * side));
      const cell = row * grid.columns + column;
      if (column < 0 || row < 0 || column >= grid.columns || row >= grid.rows || cell >= grid.count) continue;
      const [cellX, cellY] = this.square(n, cell, places);
      if (x <= cellX + side && y <= cellY + side) return { grid: n, cell };
    }
    return null;
  }

  // -------------------------------------------------------------- words

  say(at) {
    if (at === this.at) return;
    this.at = at;
    this.rewrite();
    this.describe(this.player.selectionIn(this));
    const step = this.story.steps[at];
    this.lines.forEach((line, n) => {
      if (n === step.line) line.setAttribute("aria-current", "step");
      else line.removeAttribute("aria-current");
    });
    this.canvas.setAttribute("aria-label", `${this.story.title}. ${step.sentence}`);
  }

  rewrite() {
    const { sentence, formula, numbers } = this.story.steps[Math.max(0, this.at)];
    this.write(sentence, formula, numbers);
  }

  write(sentence, ...formulas) {
    this.sentence.textContent = sentence;
    this.formula.replaceChildren();
    for (const formula of formulas) if (formula) this.writeFormula(formula);
  }

  // "{dx|dx[2]} += ..." with what stands in braces in the colour of the grid named
  writeFormula(text) {
    const line = element("div", "", this.formula);
    for (const part of text.split(/(\{[^{}|]*\|[^{}]*\})/)) {
      const marked = part.match(/^\{([^|]*)\|(.*)\}$/);
      if (!marked) {
        line.append(part);
        continue;
      }
      const { role } = this.story.grids[this.story.byKey.get(marked[1])];
      element("b", "", line, marked[2]).style.color = this.player.theme.roles[role].text;
    }
  }

  describe(selected) {
    this.readout.textContent = selected ? this.sumOf(selected, this.at) : this.hint;
  }

  // what a cell is worth after step `at`, and all it collects or gives away in the whole story
  sumOf({ grid: n, cell }, at) {
    const grid = this.story.grids[n];
    const value = grid.value(cell, at);
    const name = grid.fillers[cell] ? "This padding cell" : grid.nameOf(cell);
    const now = value === null ? `${name} is still empty` : `${name} = ${number(value)}`;
    const terms = this.story.partners[n][cell];
    if (!terms.length) return `${now}${value === null ? " and" : "; it"} ${grid.collects ? "receives" : "gives"} nothing in any step.`;
    const steps = new Set(terms.map((term) => term.at)).size;
    const times = steps === 1 ? "1 step" : `${steps} steps`;
    const total = number(terms.reduce((sum, term) => sum + term.amount, 0));
    const shown = terms.slice(0, this.size[0] < NARROW ? 4 : 9);
    const more = terms.length > shown.length ? ` and ${terms.length - shown.length} more` : "";
    if (!grid.collects) {
      return `${now} takes part in ${times}: gives ${shown.map((term) => this.given(term)).join(", ")}${more}. In all ${total}.`;
    }
    const collects = `${now}${value === null ? "" : " now"}; it collects`;
    if (terms.length === 1) return `${collects} ${total} in 1 step.`;
    const sum = shown.map((term) => number(term.amount)).join(" + ").replaceAll("+ −", "− ");
    return `${collects} in ${times}: ${sum}${more} = ${total}.`;
  }

  given({ to, cell, amount }) {
    const grid = this.story.grids[to];
    return `${number(amount)} to ${grid.fillers[cell] ? "padding" : grid.nameOf(cell)}`;
  }

  // -------------------------------------------------------------- drawing

  // progress runs from 0 (the picture before this step) to 1 (the step is done); a chosen cell is shown with all its
  // steps, but while the story plays it is only framed
  draw(progress, chosen, playing) {
    const { context, story, at } = this;
    const glide = smooth(clamp(progress / GLIDE, 0, 1));
    const travel = clamp((progress - GLIDE) / (LANDED - GLIDE), 0, 1);
    const before = story.moves[Math.max(0, at - 1)];
    const places = story.moves[at].map((place, n) => place.map((value, axis) => mix(before[n][axis], value, glide)));
    const selected = playing ? null : chosen;
    const terms = selected ? story.partners[selected.grid][selected.cell] : story.termsAt(at);
    const lit = selected ? story.litBy(terms, selected) : story.litAt(at);
    context.clearRect(0, 0, ...this.size);
    if (selected) this.drawWays(selected, places, terms);
    else if (!this.inLine && glide === 1) this.drawBeams(places, lit);
    const shown = progress < LANDED ? at - 1 : at;
    story.grids.forEach((grid, n) => this.drawGrid(n, places, shown, selected || this.isIdle(n, lit) ? lit[n] : null));
    if (selected) this.drawSelection(selected, places, terms, lit);
    else this.drawStep(places, terms, lit, glide, travel, progress);
    if (chosen) this.frame(this.around(chosen.grid, [chosen.cell], places), css(this.player.theme.ink), 3.5);
  }

  // one of several channels, images or kernels, while a step concerns others of them
  isIdle(n, lit) {
    const { prefix, picture } = this.story.grids[n];
    return prefix.length > 0 && !picture && !lit[n].size && this.story.steps[this.at].flows !== undefined;
  }

  drawGrid(n, places, at, lit) {
    const { context, story, player } = this;
    const { theme } = player;
    const grid = story.grids[n];
    const [left, top, side] = this.square(n, 0, places);
    if (grid.picture) {
      context.imageSmoothingEnabled = false;
      context.drawImage(this.image(grid, at), left, top, grid.columns * side, grid.rows * side);
      context.lineWidth = 1;
      context.strokeStyle = theme.roles[grid.role].line;
      context.strokeRect(left - 0.5, top - 0.5, grid.columns * side + 1, grid.rows * side + 1);
    } else {
      const cells = grid.all.map((cell) => ({ cell, at: this.square(n, cell, places), ...this.looks(grid, cell, at) }));
      const each = (draw, dimmed = DIMMED) => {
        for (const one of cells) {
          context.globalAlpha = lit && !lit.has(one.cell) ? dimmed : 1;
          draw(one);
        }
        context.globalAlpha = 1;
      };
      each((one) => this.fillCell(grid, one));
      if (side < SMALLEST_WITH_NUMBER) this.drawRim(n, places);
      else {
        each((one) => grid.fillers[one.cell] && this.dashes(...one.at));
        each((one) => grid.fillers[one.cell] || this.edge(grid, one));
        each((one) => this.writeCell(grid, one), DIMMED_TEXT);
      }
    }
    this.drawNames(n, places, side);
  }

  // the value of a cell at a step, and the colour it has because of that
  looks(grid, cell, at) {
    const { theme } = this.player;
    const value = grid.value(cell, at);
    const blank = grid.fillers[cell] || value === null;
    return { value, rgb: blank ? theme.paper : theme.cell(grid.role, Math.abs(value) / grid.largest) };
  }

  fillCell(grid, { cell, at: [x, y, side], rgb }) {
    const { context } = this;
    const gap = side < SMALLEST_WITH_NUMBER && side > 4 ? 0.75 : 0; // of paper, in place of lines
    context.fillStyle = css(this.player.theme.paper);
    if (gap) context.fillRect(x, y, side, side);
    context.fillStyle = css(rgb);
    context.fillRect(x, y, side - gap, side - gap);
    if (grid.missed.has(cell)) this.hatch(x, y, side);
  }

  // neighbours share the line between them
  edge(grid, { at: [x, y, side] }) {
    const { context } = this;
    context.lineWidth = 1;
    context.strokeStyle = this.player.theme.roles[grid.role].line;
    context.strokeRect(x + 0.5, y + 0.5, side, side);
  }

  // every side from left to right or downwards, so that the dashes of neighbours fall on each other
  dashes(x, y, side) {
    const { context } = this;
    const [left, top] = [x + 0.5, y + 0.5];
    context.setLineDash([3, 3]);
    context.lineWidth = 1;
    context.strokeStyle = this.player.theme.soft;
    context.beginPath();
    for (const shift of [0, side]) {
      context.moveTo(left, top + shift);
      context.lineTo(left + side, top + shift);
      context.moveTo(left + shift, top);
      context.lineTo(left + shift, top + side);
    }
    context.stroke();
    context.setLineDash([]);
  }

  // around a grid of cells too small for lines of their own: one line, and a dashed one around its padding
  drawRim(n, places) {
    const { context, story, player } = this;
    const grid = story.grids[n];
    const real = grid.all.filter((cell) => !grid.fillers[cell]);
    this.frame(this.around(n, [real[0], real.at(-1)], places), player.theme.roles[grid.role].line, 1);
    if (real.length === grid.all.length) return;
    context.setLineDash([3, 3]);
    this.frame(this.around(n, [0, grid.all.length - 1], places), player.theme.soft, 1);
    context.setLineDash([]);
  }

  writeCell(grid, { cell, at: [x, y, side], value, rgb: bright }) {
    const { context } = this;
    const { theme } = this.player;
    const rgb = context.globalAlpha < 1 ? blend(theme.paper, bright, DIMMED) : bright;
    const filler = grid.fillers[cell];
    if (grid.ndim === 1 && !filler && side >= 24) {
      const alpha = context.globalAlpha;
      context.globalAlpha = 0.65 * alpha;
      this.text(grid.place(cell)[1], x + 4, y + 8, theme.textOn(rgb), this.small(side, 10), "left");
      context.globalAlpha = alpha;
    }
    const size = this.letters(grid, side);
    if (value === null || size < SMALLEST_LETTERS) return;
    const [text, font] = [number(value), `${size}px ${theme.font}`];
    const [middleX, middleY] = [x + side / 2, y + (grid.ndim === 1 ? 0.54 : 0.5) * side + 0.5];
    if (grid.missed.has(cell)) {
      context.font = font;
      const width = Math.min(side - 4, context.measureText(text).width + 6);
      context.fillStyle = css(rgb); // no lines through the number
      context.fillRect(middleX - width / 2, middleY - 0.65 * size, width, 1.2 * size);
    }
    this.text(text, middleX, middleY, filler ? theme.soft : theme.textOn(rgb), font);
  }

  // all numbers of a grid are written in one size, in which the longest fits its cell
  letters(grid, side) {
    const { font } = this.player.theme;
    if (grid.longest?.font !== font) {
      this.context.font = `100px ${font}`;
      const texts = new Set(grid.everyValue().map(number));
      grid.longest = { font, width: Math.max(...[...texts].map((text) => this.context.measureText(text).width)) / 100 };
    }
    const wished = grid.ndim === 1 ? clamp(0.4 * side, 11, 19) : clamp(0.36 * side, 11, 17);
    return Math.min(wished, (0.86 * side) / grid.longest.width);
  }

  // the letters of indices
  small(side, most = 11) {
    return `${clamp(0.24 * side, 9, most)}px ${this.player.theme.font}`;
  }

  text(text, x, y, colour, font, align = "center") {
    const { context } = this;
    context.font = font;
    context.fillStyle = colour;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(text, x, y);
  }

  // an image grid as one small bitmap, kept until its values or the theme change
  image(grid, at) {
    const { theme } = this.player;
    if (grid.drawn?.at === at && grid.drawn.theme === theme) return grid.drawn.bitmap;
    const bitmap = grid.drawn?.bitmap ?? document.createElement("canvas");
    [bitmap.width, bitmap.height] = [grid.columns, grid.rows];
    const context = bitmap.getContext("2d");
    const pixels = context.createImageData(grid.columns, grid.rows);
    for (let cell = 0; cell < grid.values.length; cell++) {
      const value = grid.value(cell, at) ?? 0;
      pixels.data.set([...theme.signed(grid.role, value / grid.largest), 255], 4 * cell);
    }
    context.putImageData(pixels, 0, 0);
    grid.drawn = { at, theme, bitmap };
    return bitmap;
  }

  // a cell that nothing ever reads or writes
  hatch(x, y, side) {
    const { context, player } = this;
    context.save();
    context.beginPath();
    context.rect(x, y, side, side);
    context.clip();
    context.beginPath();
    for (let shift = 6 - side; shift < side; shift += 6) {
      context.moveTo(x + shift, y + side);
      context.lineTo(x + shift + side, y);
    }
    context.lineWidth = 1;
    context.globalAlpha *= 0.6;
    context.strokeStyle = player.theme.soft;
    context.stroke();
    context.restore();
  }

  drawNames(n, places, side) {
    const { story, player } = this;
    const { theme } = player;
    const grid = story.grids[n];
    const [x, y] = this.square(n, 0, places);
    const colour = theme.roles[grid.role].text;
    if (grid.ndim === 1) {
      this.text(grid.key, x - 9, y + side / 2, colour, `600 15px ${theme.codeFont}`, "right");
      return;
    }
    const counted = side >= 20 && !grid.picture;
    const above = counted ? Math.max(0.78 * this.unit, 20) : Math.max(0.45 * this.unit, 9);
    const name = grid.caption || grid.key;
    const font = `600 ${this.nameSize}px ${theme.codeFont}`;
    this.context.font = font;
    const left = Math.min(x, this.size[0] - this.context.measureText(name).width - 1); // not beyond the edge
    this.text(name, left, y - above, colour, font, "left");
    if (!counted) return;
    const small = this.small(side);
    for (let column = 0; column < grid.columns; column++) this.index(n, places, column, 1, column, small);
    for (let row = 0; row < grid.rows; row++) this.index(n, places, row * grid.columns, 0, row, small);
  }

  // the size of the names above grids; where pictures stand close, none runs into the next
  sizeOfNames() {
    const places = this.story.moves[0];
    const fitting = this.story.grids.map((grid, n) => {
      if (!grid.picture) return Infinity;
      const [column, row] = places[n];
      const next = places.filter((place) => place[1] === row && place[0] > column).map((place) => place[0] - column);
      const room = Math.min(Math.min(...next) * this.unit - 4, this.size[0] - this.origin[0] - column * this.unit);
      return room / (0.61 * (grid.caption || grid.key).length); // letters of code are that wide
    });
    return Math.max(SMALLEST_LETTERS, Math.min(clamp(0.36 * this.unit, 10, 14), ...fitting));
  }

  // the number of a row (axis 0) or column (axis 1), beside its first cell
  index(n, places, cell, axis, count, font) {
    const grid = this.story.grids[n];
    const at = count - grid.pad[axis];
    const size = axis ? grid.columns : grid.rows;
    if (at < 0 || count >= size - grid.pad[axis] || at % grid.gaps[axis]) return;
    const [x, y, side] = this.square(n, cell, places);
    const [dx, dy] = axis ? [side / 2, -8] : [-8, side / 2];
    this.text(grid.place(cell)[axis], x + dx, y + dy, this.player.theme.soft, font);
  }

  // ------------------------------------------------------------- what flows

  drawStep(places, terms, lit, glide, travel, progress) {
    const { context, story } = this;
    const before = story.litAt(Math.max(0, this.at - 1));
    const flowing = story.flowingAt(this.at);
    lit.forEach((cells, n) => {
      if (!cells.size) return;
      const colour = this.lineColour(n);
      const goal = this.around(n, cells, places);
      const start = before[n].size && glide < 1 ? this.around(n, before[n], places) : goal;
      const grid = story.grids[n];
      if (glide === 1 && !grid.picture && grid.scale * this.unit >= 7) {
        const chosen = flowing[n].size < cells.size; // some are only looked at
        for (const cell of flowing[n]) this.frame(this.around(n, [cell], places), chosen ? this.textColour(n) : colour, chosen ? 3 : 1.5);
      }
      this.frame(start.map((value, side) => mix(value, goal[side], glide)), this.textColour(n), 3);
    });
    if (!terms.length || terms.length > MOST_CHIPS || glide < 1) return;
    if (this.inLine) for (const term of terms) this.drawTerm(term, places, travel);
    if (travel === 1) this.flash(terms, places, (progress - LANDED) / (1 - LANDED));
    if (travel === 1 && !this.inLine) return this.drawCorners(places, terms);
    // before the kernel the chip is the number read; behind it, the product
    for (const term of terms) {
      const path = this.path(term, places);
      const [x, y] = along(path, travel < 1 ? travel : path.length === 3 ? BEHIND_KERNEL : 0.5);
      const source = path.length === 3 && travel < 0.5 && term.read.find(([grid]) => story.grids[grid].role !== "kernel");
      if (source) this.chip(x, y, number(story.grids[source[0]].values[source[1]]), story.grids[source[0]].role);
      else this.chip(x, y, number(term.amount), story.grids[term.to].role);
    }
  }

  lineColour(n) {
    return this.player.theme.roles[this.story.grids[n].role].line;
  }

  textColour(n) {
    return this.player.theme.roles[this.story.grids[n].role].text;
  }

  frame([left, top, right, bottom], colour, width) {
    const { context } = this;
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.strokeRect(left + 0.5, top + 0.5, right - left, bottom - top);
  }

  flash(terms, places, share) {
    if (share >= 1) return;
    const { context } = this;
    context.globalAlpha = 0.45 * (1 - share);
    for (const { to, cell } of terms) {
      const [x, y, side] = this.square(to, cell, places);
      context.fillStyle = this.lineColour(to);
      context.fillRect(x, y, side, side);
    }
    context.globalAlpha = 1;
  }

  // source, kernel cell where it stands between them, target: the squares that an amount passes
  path({ to, cell, read }, places) {
    const { grids } = this.story;
    const isKernel = ([grid]) => grids[grid].role === "kernel";
    const sources = read.filter((part) => !isKernel(part)).slice(0, 1);
    const via = this.inLine ? read.filter(isKernel) : [];
    const stops = [...sources, ...via, [to, cell]];
    return stops.map(([grid, at]) => this.square(grid, at, places));
  }

  // the way of the amount, and a line from any other number that is a factor of it
  drawTerm(term, places, travel) {
    const { grids } = this.story;
    const sources = term.read.filter(([grid]) => grids[grid].role !== "kernel");
    const target = this.square(term.to, term.cell, places);
    for (const [grid, cell] of sources.slice(1)) this.drawCurve([this.square(grid, cell, places), target], grid, travel);
    this.drawCurve(this.path(term, places), term.to, travel);
  }

  drawCurve(squares, to, travel, strength = 0.6) {
    const { context } = this;
    context.lineWidth = 1.6;
    context.strokeStyle = context.fillStyle = this.lineColour(to);
    context.globalAlpha = strength;
    for (let leg = 0; leg + 1 < squares.length; leg++) {
      const drawn = clamp(travel * (squares.length - 1) - leg, 0, 1);
      if (!drawn) continue;
      const [from, goal] = between(squares[leg], squares[leg + 1]);
      const end = [mix(from[0], goal[0], drawn), mix(from[1], goal[1], drawn)];
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...end);
      context.stroke();
      if (drawn === 1 && leg + 2 === squares.length) this.arrowhead(from, goal);
    }
    context.globalAlpha = 1;
  }

  arrowhead(from, tip) {
    const { context } = this;
    const angle = Math.atan2(tip[1] - from[1], tip[0] - from[0]);
    context.beginPath();
    context.moveTo(...tip);
    for (const turn of [2.7, -2.7]) context.lineTo(tip[0] + 9 * Math.cos(angle + turn), tip[1] + 9 * Math.sin(angle + turn));
    context.fill();
  }

  // from the cells read to the cells written, as light falls through a window
  drawBeams(places, lit) {
    const { context, story } = this;
    const { flows = [], looks = {} } = story.steps[this.at];
    for (const [to, , factors] of flows) {
      const goal = this.around(to, lit[to], places);
      if (!factors.length) for (const grid of Object.keys(looks)) this.drawArrow(this.around(grid, lit[grid], places), goal);
      for (const [grid] of factors) {
        if (story.grids[grid].role === "kernel") continue;
        const [start, end] = facing(this.around(grid, lit[grid], places), goal);
        context.beginPath();
        context.moveTo(...start[0]);
        for (const point of [end[0], end[1], start[1]]) context.lineTo(...point);
        context.closePath();
        context.fillStyle = this.lineColour(grid);
        context.globalAlpha = this.player.theme.dark ? 0.22 : 0.14;
        context.fill();
        context.globalAlpha = 1;
        this.drawHead(start, end, to, places);
      }
    }
  }

  // where a beam enters the grid it runs to, outside of it and of its indices: so even one frame tells the direction
  drawHead(start, end, to, places) {
    const [a, b] = [start, end].map(([p, q]) => share([p, q], 0.5));
    const [left, top, right, bottom] = this.around(to, [0, this.story.grids[to].all.length - 1], places);
    const level = start[0][0] === start[1][0];
    const [axis, edge] = level ? [0, b[0] < a[0] ? right + 2 : left - 16] : [1, b[1] < a[1] ? bottom + 2 : top - 32];
    const tip = share([a, b], clamp((edge - a[axis]) / (b[axis] - a[axis] || 1), 0, 1));
    this.context.fillStyle = this.textColour(to);
    this.arrowhead(a, tip);
  }

  // between pictures at the same height
  drawArrow(from, goal) {
    const row = (box) => (box[1] + box[3]) / 2;
    if (Math.abs(row(from) - row(goal)) > 1) return;
    const { context, player } = this;
    const [start, end] = from[0] > goal[2] ? [from[0] - 2, goal[2] + 2] : [from[2] + 2, goal[0] - 2];
    context.strokeStyle = context.fillStyle = css(player.theme.ink);
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(start, row(from));
    context.lineTo(end, row(goal));
    context.stroke();
    this.arrowhead([start, row(from)], [end, row(goal)]);
  }

  // where many cells meet one: the weight and the amount, small, in the corners of the many
  drawCorners(places, terms) {
    const { grids } = this.story;
    const single = new Set(terms.map((term) => `${term.to}:${term.cell}`)).size === 1;
    const outwards = !single || terms.length === 1; // one cell gives to many
    for (const { to, cell, read, amount } of terms) {
      const weight = read.find(([grid]) => grids[grid].role === "kernel");
      const source = read.find((part) => part !== weight);
      if (!source || (outwards && grids[to].empty)) continue;
      const [grid, at] = outwards ? [to, cell] : source;
      const [x, y, side] = this.square(grid, at, places);
      if (side < SMALLEST_WITH_CORNERS) continue;
      const font = this.tagFont(side);
      if (weight) this.tag(`×${number(grids[weight[0]].values[weight[1]])}`, x + 2, y + 2, "kernel", font, 0);
      const sign = outwards && amount >= 0 ? "+" : "";
      this.tag(sign + number(amount), x + side - 2, y + side - 2, grids[to].role, font, 1);
    }
  }

  // a small text in a corner: 0 top left, 1 bottom right
  tag(text, x, y, role, font, corner) {
    const { context, player } = this;
    context.font = font;
    const width = context.measureText(text).width + 3;
    const height = parseFloat(font.slice(4)) + 1;
    const [left, top] = corner ? [x - width, y - height] : [x, y];
    context.fillStyle = css(player.theme.paper);
    context.globalAlpha = 0.85;
    context.fillRect(left, top, width, height);
    context.globalAlpha = 1;
    this.text(text, left + width / 2, top + height / 2 + 0.5, player.theme.roles[role].text, font);
  }

  chip(x, y, text, role) {
    const { context, player } = this;
    const { theme } = player;
    const rgb = theme.roles[role].rgb;
    const height = clamp(0.4 * this.unit, 13, 18);
    const font = `600 ${0.67 * height}px ${theme.font}`;
    context.font = font;
    const width = Math.max(height + 2, context.measureText(text).width + 0.55 * height);
    context.fillStyle = css(rgb);
    context.beginPath();
    context.roundRect(x - width / 2, y - height / 2, width, height, height / 2);
    context.fill();
    this.text(text, x, y + 0.5, theme.textOn(rgb), font);
  }

  // lines between the chosen cell and every cell it meets, before the grids are drawn: no line crosses a number
  drawWays(selected, places, terms) {
    if (terms.length > MOST_CHIPS) return;
    const goal = this.square(selected.grid, selected.cell, places);
    for (const term of terms) {
      const end = this.far(term, selected, places);
      if (!end) continue;
      const way = this.story.grids[selected.grid].collects ? [end, goal] : [goal, end];
      this.drawCurve(way, term.to, 1, this.inLine ? 0.6 : 0.5);
    }
  }

  // the chosen cell, every cell it meets in any step, and the amounts that pass between them
  drawSelection(selected, places, terms, lit) {
    lit.forEach((cells, n) => {
      if (this.story.grids[n].picture) return;
      for (const cell of cells) this.frame(this.around(n, [cell], places), this.lineColour(n), 2);
    });
    if (terms.length > MOST_CHIPS) return;
    const goal = this.square(selected.grid, selected.cell, places);
    for (const term of terms) this.drawShare(term, this.far(term, selected, places), goal);
  }

  // the amount of a term, at the other end of its line
  drawShare({ to, amount }, end, goal) {
    if (!end) return;
    const { role } = this.story.grids[to];
    const [x, y, side] = end;
    const overKernel = Math.abs(goal[1] - end[1]) > 3 * side; // then the amount stands beyond it
    if (this.inLine) this.chip(...share(between(goal, end), overKernel ? 0.84 : 0.5), number(amount), role);
    else if (side >= 24) this.tag(number(amount), x + side - 2, y + side - 2, role, this.tagFont(side), 1);
  }

  tagFont(side) {
    return `600 ${clamp(0.23 * side, 8, 10)}px ${this.player.theme.font}`;
  }

  // the other end of a term, seen from the chosen cell
  far({ to, cell, read }, selected, places) {
    const { grids } = this.story;
    if (!grids[selected.grid].collects) return this.square(to, cell, places);
    const source = read.find(([grid]) => grids[grid].role !== "kernel") ?? read[0];
    return source && this.square(source[0], source[1], places);
  }
}

const middle = ([x, y, side]) => [x + side / 2, y + side / 2];

// the centre line between two squares, from edge to edge
export function between(from, to) {
  const [a, b] = [middle(from), middle(to)];
  const reach = Math.max(Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1]), 1e-9);
  const start = Math.min(0.5, from[2] / 2 / reach);
  const end = 1 - Math.min(0.5, (to[2] / 2 + 1) / reach);
  return [share([a, b], start), share([a, b], end)];
}

const share = ([a, b], part) => [mix(a[0], b[0], part), mix(a[1], b[1], part)];

// the point at a share of the way through the centres of some squares
function along(squares, part) {
  const points = squares.map(middle);
  const last = points.length - 1;
  if (!last) return points[0];
  const leg = Math.min(Math.floor(part * last), last - 1);
  return share(points.slice(leg), part * last - leg);
}

// the sides by which two rectangles look at each other: two points of each
export function facing(a, b) {
  const [centreX, centreY] = [(a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2];
  if (Math.abs(centreX) >= Math.abs(centreY)) {
    const [x, goal] = centreX < 0 ? [a[2], b[0]] : [a[0], b[2]];
    return [[[x, a[1]], [x, a[3]]], [[goal, b[1]], [goal, b[3]]]];
  }
  const [y, goal] = centreY < 0 ? [a[3], b[1]] : [a[1], b[3]];
  return [[[a[0], y], [a[2], y]], [[b[0], goal], [b[2], goal]]];
}

// ---------------------------------------------------------------- the player

const KEYS = "Space plays and pauses, arrows step, Home and End jump, Shift with an arrow chooses a cell, Escape lets it go.";

// JupyterLab would take the keys: what has the focus itself must say that it may not
function keepKeys(node) {
  node.dataset.lmSuppressShortcuts = "true";
}

class Player {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.position = this.from = 0;
    this.progress = 1;
    this.speed = 1;
    this.playing = false;
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    root.className = "cg-player";
    root.tabIndex = 0;
    keepKeys(root);
    root.setAttribute("role", "group");
    root.setAttribute("aria-description", KEYS);
    this.build();
    this.listen();
  }

  listen() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.onChange = () => this.build();
    this.model.on("change:stories", this.onChange);
    this.root.addEventListener("keydown", (event) => this.key(event), { signal });
    this.root.addEventListener("focusin", (event) => keepKeys(event.target), { signal });
    this.resizer = new ResizeObserver(() => this.root.clientWidth !== this.width && this.resize());
    this.resizer.observe(this.root);
    this.themeWatch = new MutationObserver(() => this.rethemed());
    this.themeWatch.observe(document.body, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rethemed(), { signal });
  }

  destroy() {
    this.pause();
    cancelAnimationFrame(this.frame);
    this.gone.abort();
    this.model.off("change:stories", this.onChange);
    this.resizer.disconnect();
    this.themeWatch.disconnect();
    this.root.remove();
  }

  build() {
    this.pause();
    this.root.replaceChildren();
    this.hovered = this.pinned = null;
    const { stories, message, palette } = this.model.get("stories");
    this.palette = palette;
    if (message) {
      this.panels = [];
      element("p", "cg-message", this.root, message).setAttribute("role", "status");
      return;
    }
    this.root.setAttribute("aria-label", `Animation: ${stories.map((story) => story.title).join("; ")}`);
    this.stage = element("div", "cg-panels", this.root);
    this.stage.setAttribute("aria-live", "polite");
    this.panels = [];
    for (const story of stories) this.panels.push(new Panel(new Story(story), this.stage, this));
    this.last = Math.max(...this.panels.map((panel) => panel.story.last));
    this.position = Math.min(this.position, this.last);
    this.buildBar();
    this.resize();
  }

  buildBar() {
    const bar = element("div", "cg-bar", this.root);
    const button = (name, label, action) => {
      const node = element("button", "", bar);
      node.type = "button";
      this.icon(node, name, label);
      node.addEventListener("click", action);
      return node;
    };
    button("first", "First frame (Home)", () => this.go(0));
    button("back", "One step back (left arrow)", () => this.go(this.position - 1));
    this.playButton = button("play", "Play (space)", () => this.toggle());
    button("next", "One step on (right arrow)", () => this.step());
    button("last", "Last frame (End)", () => this.go(this.last));
    const time = element("div", "cg-time", bar);
    this.ticks = element("canvas", "", time);
    this.ticks.setAttribute("aria-hidden", "true");
    this.slider = element("input", "", time);
    Object.assign(this.slider, { type: "range", min: 0, max: this.last, value: this.position });
    this.slider.setAttribute("aria-label", "Frame");
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.count = element("span", "cg-count", bar);
    const speed = element("select", "", bar);
    speed.setAttribute("aria-label", "Speed");
    for (const value of SPEEDS) element("option", "", speed, `${value}×`).value = value;
    speed.value = this.speed;
    speed.addEventListener("change", () => (this.speed = Number(speed.value)));
  }

  icon(node, name, label) {
    node.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
    node.title = label;
    node.setAttribute("aria-label", label);
  }

  // -------------------------------------------------------------- time

  get interval() {
    return clamp(40000 / this.last, 120, 1600) / this.speed;
  }

  // progress 0 to 1: how far the motion from the last position to this one has come
  show(position, progress = 1) {
    this.position = clamp(position, 0, this.last);
    this.progress = progress;
    if (progress === 1) this.from = this.position;
    for (const panel of this.panels) panel.say(this.positionIn(panel));
    this.slider.value = this.position;
    this.slider.setAttribute("aria-valuetext", `frame ${this.position} of ${this.last}`);
    this.count.textContent = `${this.position} / ${this.last}`;
    this.root.dataset.position = this.position;
    this.draw();
  }

  positionIn(panel, position = this.position) {
    return this.last ? Math.round((position / this.last) * panel.story.last) : 0;
  }

  draw() {
    for (const panel of this.panels) {
      const moved = this.positionIn(panel) !== this.positionIn(panel, this.from);
      panel.draw(moved ? this.progress : 1, this.selectionIn(panel), this.playing);
    }
    this.drawTicks();
  }

  go(position) {
    this.pause();
    cancelAnimationFrame(this.frame);
    this.show(position);
  }

  step() {
    this.pause();
    if (this.position < this.last) this.glide(this.position + 1, () => {});
  }

  // run one step's motion, then call back
  glide(position, done) {
    cancelAnimationFrame(this.frame);
    const length = this.calm.matches ? 0 : Math.min(0.75 * this.interval, 1100);
    const start = performance.now();
    const tick = (now) => {
      const progress = length < 60 ? 1 : clamp((now - start) / length, 0, 1);
      this.show(position, progress);
      if (progress < 1) this.frame = requestAnimationFrame(tick);
      else done();
    };
    tick(start);
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.position >= this.last) this.show(0);
    this.playing = true;
    this.stage.setAttribute("aria-live", "off");
    this.icon(this.playButton, "pause", "Pause (space)");
    this.playOn();
  }

  playOn() {
    if (!this.playing) return;
    if (this.position >= this.last) return this.pause();
    const due = performance.now() + this.interval;
    this.glide(this.position + 1, () => {
      this.timer = setTimeout(() => this.playOn(), Math.max(0, due - performance.now()));
    });
  }

  pause() {
    clearTimeout(this.timer);
    if (!this.playing) return;
    this.playing = false;
    this.stage.setAttribute("aria-live", "polite");
    this.icon(this.playButton, "play", "Play (space)");
    this.draw();
  }

  key(event) {
    if (event.target.tagName === "SELECT" || event.altKey || event.ctrlKey || event.metaKey) return;
    const choose = () => this.moveChoice(event.key);
    const actions = {
      ArrowRight: () => this.step(),
      ArrowLeft: () => this.go(this.position - 1),
      Home: () => this.go(0),
      End: () => this.go(this.last),
      Escape: () => this.pin(null),
      " ": () => this.toggle(),
      ...(event.shiftKey && { ArrowRight: choose, ArrowLeft: choose, ArrowUp: choose, ArrowDown: choose }),
    };
    const pressed = event.key === " " && ["BUTTON", "SUMMARY"].includes(event.target.tagName);
    if (pressed || !this.panels.length || !actions[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    actions[event.key]();
  }

  // -------------------------------------------------------------- a cell chosen

  hover(found, panel) {
    const changed = found?.cell !== this.hovered?.cell || found?.grid !== this.hovered?.grid;
    if (!changed && panel === this.hovered?.panel) return;
    this.hovered = found && { ...found, panel };
    this.selectionChanged();
  }

  pin(found, panel) {
    const same = found && this.pinned?.cell === found.cell && this.pinned?.grid === found.grid;
    this.pinned = found && !same ? { ...found, panel } : null;
    this.selectionChanged();
  }

  // Shift and an arrow: the neighbour of the chosen cell; past the edge, the next grid
  moveChoice(key) {
    const panel = this.pinned?.panel ?? this.panels[0];
    const { grids } = panel.story;
    let { grid, cell } = this.pinned ?? { grid: 0, cell: -1 };
    cell += { ArrowRight: 1, ArrowLeft: -1, ArrowDown: grids[grid].columns, ArrowUp: -grids[grid].columns }[key];
    if (cell < 0 && this.pinned) [grid, cell] = [(grid + grids.length - 1) % grids.length, Infinity];
    else if (cell >= grids[grid].count) [grid, cell] = [(grid + 1) % grids.length, 0];
    this.pinned = { grid, cell: clamp(cell, 0, grids[grid].count - 1), panel };
    this.selectionChanged();
  }

  selectionChanged() {
    for (const panel of this.panels) panel.describe(this.selectionIn(panel));
    this.draw();
  }

  // the chosen cell as it is found in a panel: the same name may stand in each
  selectionIn(panel) {
    const chosen = this.hovered ?? this.pinned;
    if (!chosen) return null;
    if (chosen.panel === panel) return chosen;
    const grid = chosen.panel.story.grids[chosen.grid];
    if (grid.fillers[chosen.cell]) return null;
    const found = panel.story.find(grid.nameOf(chosen.cell));
    return found && { grid: found[0], cell: found[1] };
  }

  // -------------------------------------------------------------- looks

  // panels share one size of cell, and one height where they stand side by side
  resize() {
    if (!this.panels[0]?.node.clientWidth) return;
    this.width = this.root.clientWidth;
    this.takeTheme();
    const ratio = window.devicePixelRatio || 1;
    const fitting = this.unitFor();
    const unit = fitting < SMALLEST_WITH_NUMBER ? fitting : Math.floor(fitting * ratio) / ratio; // lines on whole pixels
    const height = Math.max(...this.panels.map((panel) => panel.heightFor(unit)));
    for (const panel of this.panels) panel.resize(panel.node.clientWidth, unit, height);
    this.makeRoomForTicks();
    this.show(this.position, this.progress);
  }

  // the size of a cell; where it would be too small side by side, the panels are stacked
  unitFor() {
    const fits = () => Math.min(...this.panels.map((panel) => panel.unitFor(panel.node.clientWidth)));
    this.stage.classList.remove("cg-stacked");
    const most = Math.max(...this.panels.map((panel) => panel.smallestBeside));
    if (this.panels.length === 1 || fits() >= most) return fits();
    this.stage.classList.add("cg-stacked");
    return Math.min(fits(), LARGEST_STACKED);
  }

  rethemed() {
    if (!this.theme || !this.panels.length) return;
    const before = css([...this.theme.paper, ...this.theme.ink]);
    this.takeTheme();
    if (css([...this.theme.paper, ...this.theme.ink]) === before) return;
    for (const panel of this.panels) panel.rewrite();
    this.draw();
  }

  takeTheme() {
    this.theme = new Theme(this.root, this.palette);
    this.root.style.colorScheme = this.theme.dark ? "dark" : "light"; // for the slider and the menu
  }

  makeRoomForTicks() {
    const ratio = window.devicePixelRatio || 1;
    this.tickSpace = [this.ticks.clientWidth, ratio];
    this.ticks.width = Math.round(this.ticks.clientWidth * ratio);
    this.ticks.height = Math.round(8 * ratio);
  }

  // a mark for every step, lit where the chosen cell takes part
  drawTicks() {
    const [width, ratio] = this.tickSpace;
    const context = this.ticks.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, 8);
    for (const panel of this.panels) {
      const chosen = this.selectionIn(panel);
      if (!chosen) continue;
      context.fillStyle = this.theme.roles[panel.story.grids[chosen.grid].role].line;
      for (const term of panel.story.partners[chosen.grid][chosen.cell]) {
        const at = term.at / panel.story.last;
        context.fillRect(8 + at * (width - 16) - 2, 0, 4, 8);
      }
    }
  }
}

function render({ model, el }) {
  const player = new Player(model, element("div", "", el));
  return () => player.destroy();
}

export default { render };
