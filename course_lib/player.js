// Plays the stories of course_lib.frames. Python sends what happens; this file draws it and keeps the time.
// render() is the anywidget entry point; it needs only model.get, model.on, model.off and an element.

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const ICONS = {
  first: "M3 2h2v12H3zM14 2v12L6 8z",
  back: "M12 2v12L4 8z",
  play: "M4 2l9 6-9 6z",
  pause: "M4 2h3v12H4zM9 2h3v12H9z",
  next: "M4 2v12l8-6z",
  last: "M11 2h2v12h-2zM2 2v12l8-6z",
};

// ---------------------------------------------------------------- numbers, names and colours

export function number(value) {
  const size = Math.abs(value);
  let text;
  if (Math.abs(value - Math.round(value)) < 1e-9 && size < 1e5) text = String(Math.round(value) || 0);
  else if (size >= 0.01 && size < 1000) text = tidy(value, size < 10 ? 2 : 1);
  else text = value.toExponential(0).replace("e+", "e");
  return text.replace("-", "−");
}

function tidy(value, digits) {
  const text = value.toFixed(digits);
  return Math.abs(Number(text) - value) < 1e-9 ? text.replace(/\.?0+$/, "") : text;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const mix = (a, b, t) => a + (b - a) * t;
const smooth = (t) => t * t * (3 - 2 * t);
const list = (cells) => (Array.isArray(cells) ? cells : [cells]);
const pick = (cells, n) => (Array.isArray(cells) ? cells[n] : cells);

function channels(colour) {
  const hex = colour.replace("#", "");
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function blend(from, to, share) {
  return from.map((value, n) => Math.round(mix(value, to[n], share)));
}

const css = (rgb) => `rgb(${rgb.join()})`;
const luminance = ([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b) / 255;

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
    this.dark = luminance(this.paper) < 0.5;
    this.numberFont = style.fontFamily;
    this.codeFont = getComputedStyle(root.querySelector(".cg-formula") ?? root).fontFamily;
    this.roles = {};
    for (const [role, tones] of Object.entries(palette)) {
      const [fill, text] = tones.slice(this.dark ? 2 : 0);
      this.roles[role] = { fill: channels(fill), text, line: fill };
    }
    this.soft = css(blend(this.paper, this.ink, 0.55));
    this.faint = css(blend(this.paper, this.ink, 0.25));
  }

  cell(role, share) {
    return blend(this.paper, this.roles[role].fill, 0.05 + 0.75 * share);
  }

  // gradient pictures: orange below zero, the role's own colour above
  signed(role, share) {
    const side = share < 0 ? this.roles.kernel.fill : this.roles[role].fill;
    return blend(this.paper, side, Math.abs(share));
  }

  textOn(rgb) {
    return luminance(rgb) > 0.5 ? "#111" : "#fff";
  }
}

// ---------------------------------------------------------------- a story, ready to be asked

class Grid {
  constructor(data) {
    Object.assign(this, data);
    [this.rows, this.columns] = data.shape;
    this.history = null;
    this.largest = Math.max(1e-12, ...this.values.map(Math.abs));
  }

  collect(steps) {
    this.history = this.values.map((value) => ({ at: [0], sums: [value] }));
    for (const [at, cell, amount] of steps) {
      const past = this.history[cell];
      const sum = past.sums.at(-1) + amount;
      if (past.at.at(-1) === at) past.sums[past.sums.length - 1] = sum;
      else past.at.push(at), past.sums.push(sum);
    }
    for (const past of this.history) for (const sum of past.sums) this.largest = Math.max(this.largest, Math.abs(sum));
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

  place(cell) {
    let [row, column] = [Math.floor(cell / this.columns), cell % this.columns];
    if (this.flipped) [row, column] = [this.rows - 1 - row, this.columns - 1 - column];
    return [Math.floor((row - this.pad[0]) / this.gaps[0]), Math.floor((column - this.pad[1]) / this.gaps[1])];
  }

  isFiller(cell) {
    const [row, column] = [Math.floor(cell / this.columns) - this.pad[0], (cell % this.columns) - this.pad[1]];
    const inside = row >= 0 && column >= 0 && row < this.rows - 2 * this.pad[0] && column < this.columns - 2 * this.pad[1];
    return !inside || row % this.gaps[0] !== 0 || column % this.gaps[1] !== 0;
  }

  name_of(cell) {
    const index = [...this.prefix, ...this.place(cell).slice(-this.ndim)];
    return `${this.name}[${index.join(", ")}]`;
  }
}

class Story {
  constructor(data) {
    this.title = data.title;
    this.code = data.code;
    this.grids = data.grids.map((grid) => new Grid(grid));
    this.byKey = new Map(this.grids.map((grid, n) => [grid.key, n]));
    this.steps = data.steps;
    const written = this.grids.map(() => []);
    this.eachTerm((at, to, cell, factors, amount) => written[to].push([at, cell, amount]));
    this.grids.forEach((grid, n) => grid.collects && grid.collect(written[n]));
    this.moves = this.placesOverTime();
  }

  get last() {
    return this.steps.length - 1;
  }

  // calls back with (step, grid written, cell written, [[grid, cell], ...] read, amount)
  eachTerm(callback) {
    this.steps.forEach((step, at) => this.eachTermOf(step, (...term) => callback(at, ...term)));
  }

  eachTermOf(step, callback) {
    for (const [to, cells, factors, scale] of step.flows ?? []) {
      cells.forEach((cell, n) => {
        const read = factors.map(([grid, from]) => [grid, pick(from, n)]);
        const amount = read.reduce((product, [grid, from]) => product * this.grids[grid].values[from], scale ?? 1);
        callback(to, cell, read, amount);
      });
    }
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
    if (this._partners) return this._partners;
    const partners = this.grids.map((grid) => grid.values.map(() => []));
    this.eachTerm((at, to, cell, read, amount) => {
      const term = { at, to, cell, read, amount };
      partners[to][cell].push(term);
      for (const [grid, from] of read) partners[grid][from].push(term);
    });
    return (this._partners = partners);
  }

  find(name) {
    for (const [n, grid] of this.grids.entries()) {
      if (!name.startsWith(grid.name + "[")) continue;
      const cell = grid.values.findIndex((_, cell) => !grid.isFiller(cell) && grid.name_of(cell) === name);
      if (cell >= 0) return [n, cell];
    }
    return null;
  }
}

// ---------------------------------------------------------------- one story drawn

class Panel {
  constructor(story, parent, player) {
    this.story = story;
    this.player = player;
    this.node = element("section", "cg-panel", parent);
    element("h4", "cg-title", this.node, story.title);
    this.canvas = element("canvas", "cg-picture", this.node);
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d");
    const words = element("div", "cg-words", this.node);
    this.sentence = element("p", "cg-sentence", words);
    this.formula = element("div", "cg-formula", words);
    this.readout = element("p", "cg-readout", this.node);
    this.lines = story.code ? this.makeCode(story.code) : [];
    this.box = this.bounds();
    this.at = -1;
    this.canvas.addEventListener("pointermove", (event) => player.hover(this.hit(event), this));
    this.canvas.addEventListener("pointerleave", () => player.hover(null, this));
    this.canvas.addEventListener("click", (event) => player.pin(this.hit(event), this));
  }

  makeCode({ lines, open, lab }) {
    const details = element("details", "cg-code", this.node);
    details.open = open;
    element("summary", "", details, open ? "The code" : `The code (it is the answer of the lab ${lab})`);
    const pre = element("pre", "", details);
    return lines.map((line) => element("span", "", pre, line || " "));
  }

  // the rectangle, in cells, that holds every grid wherever it goes, with room for labels
  bounds() {
    const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    const { grids, moves } = this.story;
    for (const places of moves) {
      grids.forEach((grid, n) => {
        const [column, row] = places[n];
        const side = grid.ndim === 1;
        const width = (grid.columns - 1) * grid.pitch[0] * grid.scale + grid.scale;
        const height = (grid.rows - 1) * grid.pitch[1] * grid.scale + grid.scale;
        box.left = Math.min(box.left, column - (side ? 1.1 : 0.45));
        box.top = Math.min(box.top, row - (side ? 0.4 : 1.15));
        box.right = Math.max(box.right, column + width + 0.15);
        box.bottom = Math.max(box.bottom, row + height + (side ? 0.1 : 0.15));
      });
    }
    return box;
  }

  resize() {
    const width = this.canvas.parentElement.clientWidth;
    if (!width) return;
    const across = this.box.right - this.box.left;
    this.unit = Math.min(46, (width - 4) / across);
    const height = Math.ceil((this.box.bottom - this.box.top) * this.unit) + 2;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.origin = [(width - across * this.unit) / 2 - this.box.left * this.unit, -this.box.top * this.unit + 1];
    this.size = [width, height];
  }

  // the square of a cell in pixels: x, y, side
  square(n, cell, places) {
    const grid = this.story.grids[n];
    const [column, row] = places[n];
    const x = column + (cell % grid.columns) * grid.pitch[0] * grid.scale;
    const y = row + Math.floor(cell / grid.columns) * grid.pitch[1] * grid.scale;
    return [this.origin[0] + x * this.unit, this.origin[1] + y * this.unit, grid.scale * this.unit];
  }

  centre(n, cell, places) {
    const [x, y, side] = this.square(n, cell, places);
    return [x + side / 2, y + side / 2];
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
      if (column < 0 || row < 0 || column >= grid.columns || row >= grid.rows) continue;
      const cell = row * grid.columns + column;
      const [cellX, cellY] = this.square(n, cell, places);
      if (x <= cellX + side && y <= cellY + side) return { grid: n, cell };
    }
    return null;
  }

  // -------------------------------------------------------------- words

  say(at) {
    if (at === this.at) return;
    this.at = at;
    const step = this.story.steps[at];
    this.sentence.textContent = step.sentence;
    this.formula.replaceChildren();
    for (const text of [step.formula, step.numbers]) if (text) this.write(text);
    this.lines.forEach((line, n) => {
      if (n === step.line) line.setAttribute("aria-current", "step");
      else line.removeAttribute("aria-current");
    });
    this.canvas.setAttribute("aria-label", `${this.story.title}. ${step.sentence}`);
  }

  write(text) {
    const line = element("div", "", this.formula);
    for (const part of text.split(/(\{[^{}|]*\|[^{}]*\})/)) {
      const marked = part.match(/^\{([^|]*)\|(.*)\}$/);
      if (!marked) line.append(part);
      else {
        const role = this.story.grids[this.story.byKey.get(marked[1])].role;
        element("b", "", line, marked[2]).style.color = this.player.theme.roles[role].text;
      }
    }
  }

  recolour() {
    const at = this.at;
    this.at = -1;
    this.say(at);
  }

  describe(selected) {
    this.readout.textContent = selected ? this.sumOf(selected) : "";
  }

  sumOf({ grid: n, cell }) {
    const grid = this.story.grids[n];
    const name = grid.isFiller(cell) ? "This filler cell" : grid.name_of(cell);
    const terms = this.story.partners[n][cell];
    if (!terms.length) return `${name} takes part in no step.`;
    const steps = new Set(terms.map((term) => term.at)).size;
    const writes = terms.filter((term) => term.to === n && term.cell === cell);
    const total = terms.reduce((sum, term) => sum + term.amount, 0);
    const shown = terms.slice(0, 9);
    const parts = shown.map((term) => (writes.length ? number(term.amount) : this.given(term)));
    const more = terms.length > shown.length ? ` and ${terms.length - shown.length} more` : "";
    if (writes.length) {
      return `${name} collects in ${steps} ${steps === 1 ? "step" : "steps"}: ${parts.join(" + ").replaceAll("+ −", "− ")}${more} = ${number(total)}`;
    }
    return `${name} takes part in ${steps} ${steps === 1 ? "step" : "steps"}: gives ${parts.join(", ")}${more}. In all ${number(total)}.`;
  }

  given({ to, cell, amount }) {
    const grid = this.story.grids[to];
    return `${number(amount)} to ${grid.isFiller(cell) ? "padding" : grid.name_of(cell)}`;
  }

  // -------------------------------------------------------------- drawing

  // progress runs from 0 (the picture before this step) to 1 (the step is done)
  draw(progress, selected) {
    if (!this.size || this.at < 0) return;
    const { context, story, at } = this;
    const before = story.moves[Math.max(0, at - 1)];
    const glide = smooth(clamp(progress / 0.35, 0, 1));
    const places = story.moves[at].map((place, n) => place.map((value, axis) => mix(before[n][axis], value, glide)));
    const landed = progress >= 0.85 ? at : at - 1;
    const lit = selected ? this.litBy(selected) : this.litByStep(at);
    context.clearRect(0, 0, ...this.size);
    story.grids.forEach((grid, n) => this.drawGrid(n, places, landed, lit[n], Boolean(selected)));
    if (selected) this.drawPartners(selected, places);
    else if (glide === 1) this.drawFlows(places, clamp((progress - 0.35) / 0.5, 0, 1));
  }

  litByStep(at) {
    const lit = this.story.grids.map(() => new Set());
    const step = this.story.steps[at];
    this.story.eachTermOf(step, (to, cell, read) => {
      lit[to].add(cell);
      for (const [grid, from] of read) lit[grid].add(from);
    });
    for (const [grid, cells] of Object.entries(step.looks ?? {})) for (const cell of cells) lit[grid].add(cell);
    return lit;
  }

  litBy({ grid, cell }) {
    const lit = this.story.grids.map(() => new Set());
    lit[grid].add(cell);
    for (const term of this.story.partners[grid][cell]) {
      lit[term.to].add(term.cell);
      for (const [from, source] of term.read) if (from !== grid) lit[from].add(source);
    }
    return lit;
  }

  drawGrid(n, places, at, lit, dimmed) {
    const { context, story, player } = this;
    const theme = player.theme;
    const grid = story.grids[n];
    const role = theme.roles[grid.role];
    const untouched = new Set(grid.untouched);
    const [, , side] = this.square(n, 0, places);
    const numbers = !grid.picture && side >= 15;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let cell = 0; cell < grid.values.length; cell++) {
      const [x, y] = this.square(n, cell, places);
      const value = grid.value(cell, at);
      const filler = grid.isFiller(cell);
      const share = value === null ? 0 : value / grid.largest;
      const rgb = grid.picture ? theme.signed(grid.role, share) : theme.cell(grid.role, value === null || filler ? 0 : Math.abs(share));
      context.globalAlpha = dimmed && !lit.has(cell) ? 0.35 : 1;
      context.fillStyle = value === null || (filler && !grid.picture) ? css(theme.paper) : css(rgb);
      context.fillRect(x, y, side, side);
      if (untouched.has(cell)) this.hatch(x, y, side, theme.faint);
      if (side >= 8) {
        context.setLineDash(filler ? [3, 3] : []);
        context.lineWidth = 1;
        context.strokeStyle = filler ? theme.soft : role.line;
        context.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
      }
      if (numbers && value !== null) this.number(value, x, y, side, filler ? theme.soft : theme.textOn(rgb));
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
    this.label(n, places);
    for (const cell of lit) this.outline(n, cell, places, role.line);
  }

  number(value, x, y, side, colour) {
    const { context } = this;
    const text = number(value);
    const size = Math.min(0.4 * side, (1.55 * side) / Math.max(3, text.length), 17);
    context.font = `${size}px ${this.player.theme.numberFont}`;
    context.fillStyle = colour;
    context.fillText(text, x + side / 2, y + side / 2 + 0.5);
  }

  hatch(x, y, side, colour) {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(x, y, side, side);
    context.clip();
    context.beginPath();
    for (let shift = -side; shift < side; shift += 6) {
      context.moveTo(x + shift, y + side);
      context.lineTo(x + shift + side, y);
    }
    context.lineWidth = 1.2;
    context.strokeStyle = colour;
    context.stroke();
    context.restore();
  }

  outline(n, cell, places, colour) {
    const { context } = this;
    const [x, y, side] = this.square(n, cell, places);
    context.lineWidth = side >= 14 ? 3 : 2;
    context.strokeStyle = colour;
    context.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
  }

  label(n, places) {
    const { context, story, player } = this;
    const grid = story.grids[n];
    const [x, y, side] = this.square(n, 0, places);
    const theme = player.theme;
    const text = grid.caption || grid.key;
    context.fillStyle = theme.roles[grid.role].text;
    context.textBaseline = "alphabetic";
    if (grid.ndim === 1) {
      context.font = `600 15px ${theme.codeFont}`;
      context.textAlign = "right";
      context.fillText(grid.key, x - 10, y + side / 2 + 5);
      context.font = `10px ${theme.numberFont}`;
      context.fillStyle = theme.soft;
      context.textAlign = "center";
      for (let cell = 0; cell < grid.columns; cell++) {
        if (grid.isFiller(cell)) continue;
        const [cellX, cellY] = this.square(n, cell, places);
        context.fillText(grid.place(cell)[1], cellX + side / 2, cellY - 4);
      }
      return;
    }
    context.font = `600 14px ${theme.codeFont}`;
    context.textAlign = "left";
    context.fillText(text, x, y - 0.42 * this.unit);
  }

  // the terms of this step as curves from what is read to what is written, each with its product on the way
  drawFlows(places, progress) {
    const terms = [];
    this.story.eachTermOf(this.story.steps[this.at], (to, cell, read, amount) => terms.push({ to, cell, read, amount }));
    if (!terms.length || terms.length > 40) return;
    const many = new Set(terms.map((term) => term.cell)).size > 1;
    const rest = many ? 0.74 : 0.7;
    for (const term of terms) this.drawTerm(term, places, progress < 1 ? progress : 1);
    for (const term of terms) {
      const [x, y] = this.along(this.path(term, places), progress < 1 ? progress : rest);
      this.chip(x, y, number(term.amount), this.story.grids[term.to].role);
    }
  }

  // source -> kernel cell, where it stands between them -> target
  path({ to, cell, read }, places) {
    const grids = this.story.grids;
    const line = grids.every((grid) => grid.ndim === 1);
    const via = line ? read.filter(([grid]) => grids[grid].role === "kernel") : [];
    const sources = read.filter(([grid]) => grids[grid].role !== "kernel");
    const stops = [...sources.slice(0, 1), ...via].map(([grid, from]) => this.centre(grid, from, places));
    return [...stops, this.centre(to, cell, places)];
  }

  along(points, share) {
    const last = points.length - 1;
    const at = clamp(share * last, 0, last - 1e-6);
    const [from, to] = points.slice(Math.floor(at));
    return [mix(from[0], to[0], at % 1), mix(from[1], to[1], at % 1)];
  }

  drawTerm(term, places, progress) {
    const { context } = this;
    const points = this.path(term, places);
    const role = this.player.theme.roles[this.story.grids[term.to].role];
    context.beginPath();
    context.moveTo(...points[0]);
    for (let share = 0; share < progress; share += 0.02) context.lineTo(...this.along(points, share));
    context.lineWidth = 1.6;
    context.globalAlpha = 0.55;
    context.strokeStyle = role.line;
    context.stroke();
    context.globalAlpha = 1;
  }

  drawPartners({ grid, cell }, places) {
    const { context, player } = this;
    const [x, y] = this.centre(grid, cell, places);
    context.lineWidth = 1.4;
    context.strokeStyle = player.theme.roles[this.story.grids[grid].role].line;
    this.outline(grid, cell, places, css(player.theme.ink));
  }

  chip(x, y, text, role) {
    const { context, player } = this;
    const theme = player.theme;
    const rgb = theme.roles[role].fill;
    context.font = `600 12px ${theme.numberFont}`;
    const width = Math.max(20, context.measureText(text).width + 10);
    context.fillStyle = css(rgb);
    context.beginPath();
    context.roundRect(x - width / 2, y - 9, width, 18, 9);
    context.fill();
    context.fillStyle = theme.textOn(rgb);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, x, y + 0.5);
  }
}

// ---------------------------------------------------------------- the player

class Player {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.position = 0;
    this.playing = false;
    this.progress = 1;
    this.speed = 1;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    root.classList.add("cg-player");
    root.tabIndex = 0;
    root.dataset.lmSuppressShortcuts = "true";
    root.setAttribute("role", "group");
    root.addEventListener("keydown", (event) => this.key(event));
    this.build();
    this.onChange = () => this.build();
    model.on("change:stories", this.onChange);
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(root);
    this.themeWatch = new MutationObserver(() => this.rethemed());
    this.themeWatch.observe(document.body, { attributes: true });
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.onScheme = () => this.rethemed();
    this.scheme.addEventListener("change", this.onScheme);
  }

  destroy() {
    this.pause();
    cancelAnimationFrame(this.frame);
    this.model.off("change:stories", this.onChange);
    this.resizer.disconnect();
    this.themeWatch.disconnect();
    this.scheme.removeEventListener("change", this.onScheme);
    this.root.replaceChildren();
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
    this.words = element("div", "cg-panels", this.root);
    this.panels = stories.map((story) => new Panel(new Story(story), this.words, this));
    this.last = Math.max(...this.panels.map((panel) => panel.story.last));
    this.position = Math.min(this.position, this.last);
    this.buildBar();
    this.theme = new Theme(this.root, this.palette);
    this.resize();
    this.show(this.position);
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
    button("first", "First frame", () => this.go(0));
    button("back", "One step back", () => this.go(this.position - 1));
    this.playButton = button("play", "Play", () => this.toggle());
    button("next", "One step on", () => this.step());
    button("last", "Last frame", () => this.go(this.last));
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

  show(position, progress = 1) {
    this.position = clamp(position, 0, this.last);
    this.progress = progress;
    for (const panel of this.panels) panel.say(this.positionIn(panel));
    this.slider.value = this.position;
    this.slider.setAttribute("aria-valuetext", `frame ${this.position} of ${this.last}`);
    this.count.textContent = `${this.position} / ${this.last}`;
    this.root.dataset.position = this.position;
    this.draw();
  }

  positionIn(panel) {
    return this.last ? Math.round((this.position / this.last) * panel.story.last) : 0;
  }

  draw() {
    for (const panel of this.panels) panel.draw(this.progress, this.selectionIn(panel));
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
    const length = this.still.matches ? 0 : Math.min(0.75 * this.interval, 1100);
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
    this.words.setAttribute("aria-live", "off");
    this.icon(this.playButton, "pause", "Pause");
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
    this.words.setAttribute("aria-live", "polite");
    this.icon(this.playButton, "play", "Play");
  }

  key(event) {
    if (event.target.tagName === "SELECT" || event.altKey || event.ctrlKey || event.metaKey) return;
    const onButton = event.target.tagName === "BUTTON" || event.target.tagName === "SUMMARY";
    const actions = {
      ArrowRight: () => this.step(),
      ArrowLeft: () => this.go(this.position - 1),
      Home: () => this.go(0),
      End: () => this.go(this.last),
      Escape: () => this.pin(null),
    };
    if (!onButton) actions[" "] = () => this.toggle();
    if (!this.panels.length || !actions[event.key]) return;
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
    if (grid.isFiller(chosen.cell)) return null;
    const found = panel.story.find(grid.name_of(chosen.cell));
    return found && { grid: found[0], cell: found[1] };
  }

  // -------------------------------------------------------------- looks

  resize() {
    for (const panel of this.panels) panel.resize();
    if (this.panels.length) this.draw();
  }

  rethemed() {
    if (!this.panels.length) return;
    this.theme = new Theme(this.root, this.palette);
    for (const panel of this.panels) panel.recolour();
    this.draw();
  }

  // a mark for every step, lit where the chosen cell takes part
  drawTicks() {
    const width = this.ticks.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    if (this.ticks.width !== Math.round(width * ratio)) {
      this.ticks.width = Math.round(width * ratio);
      this.ticks.height = Math.round(8 * ratio);
    }
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
