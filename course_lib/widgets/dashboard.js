// Draws a training while it goes on. Python (dashboard.py) sends numbers; this file turns them into pictures, and
// knocks at the kernel with what the buttons wish. A kernel that does not answer is said to be busy, with what to do.

const PATIENCE = 4; // knocks without an answer
const MINUS = "−";

// ---------------------------------------------------------------- numbers and words

export function short(value) {
  const size = Math.abs(value);
  let text;
  if (!Number.isFinite(value)) return "∞";
  if (size === 0) text = "0";
  else if (size < 0.001 || size >= 10000) text = value.toExponential(1).replace("e+", "e").replace(".0e", "e");
  else text = String(Number(value.toPrecision(2)));
  return text.replaceAll("-", MINUS);
}

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const count = (value) => (Math.round(value) || 0).toLocaleString("en-US");
const percent = (share) => `${(100 * share).toFixed(1)} %`;

// places for labels: 1, 2 and 5 times powers of ten, fewer where there are many
export function decades(low, high, most = 5) {
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const step of steps) {
        const value = step * 10 ** power;
        if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
      }
    if (found.length <= most) return found;
    if (steps.length === 1) return found.filter((_, n) => n % Math.ceil(found.length / most) === 0);
  }
}

export function evenly(low, high, most = 5) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high * (1 + 1e-9); n++) found.push(n * step);
  return found;
}

// ---------------------------------------------------------------- what came from Python, put together

// the curve comes as a whole now and then, and in between as pieces that follow on what is there
export function joined(curve, news) {
  if (news.width !== curve.width || news.from > curve.bins.length) return curve; // a piece got lost: the next whole mends it
  return { width: curve.width, bins: [...curve.bins.slice(0, news.from), ...news.bins] };
}

class Link {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.curve = model.get("curve");
    this.knocks = 0;
    this.heard = null; // null: not known yet, whether the kernel answers
    this.pressed = null;
    this.timer = null;
    const listeners = {
      "change:curve": () => (this.curve = model.get("curve")),
      "change:news": () => (this.curve = joined(this.curve, model.get("news"))),
      "change:now": () => this.moved(),
      "change:passed": () => this.draw(),
      "msg:custom": (content) => "heard" in content && this.answered(),
    };
    for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
    this.close = () => {
      clearTimeout(this.timer);
      for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
    };
    this.moved();
  }

  get running() {
    return ["training", "paused"].includes(this.model.get("now").status);
  }

  moved() {
    const { status } = this.model.get("now");
    if (this.pressed && status !== this.pressed.before) this.pressed = null;
    if (!this.running) clearTimeout(this.timer);
    else if (!this.knocks) this.knock(); // does anybody answer?
    this.draw();
  }

  // says it again until somebody answers: a wish may come twice
  knock(wish) {
    if (wish) this.pressed = { wish, before: this.model.get("now").status };
    this.waited = 0;
    this.say(wish);
    this.draw();
  }

  say(wish) {
    this.model.send({ knock: ++this.knocks, wish });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.waited += 1;
      if (this.waited < PATIENCE) return this.say(wish);
      this.heard = false;
      this.pressed = null;
      this.draw();
    }, 700);
  }

  answered() {
    clearTimeout(this.timer);
    this.heard = true;
    this.draw();
  }

  draw() {
    for (const view of this.views) view.draw();
  }
}

// ---------------------------------------------------------------- pieces of the page

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

function shape(tag, attributes, parent, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

// one of the four pictures: a title, and an SVG as wide as there is room
class Picture {
  constructor(parent, title, height) {
    this.box = element("figure", "cg-board-view", parent);
    this.title = element("figcaption", "", this.box, title);
    this.height = height;
    this.svg = shape("svg", { role: "img", height }, this.box);
  }

  // an empty sheet -> its width
  clear(label) {
    const width = Math.max(200, this.box.clientWidth);
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", this.height);
    this.svg.setAttribute("aria-label", label);
    return width;
  }

  waiting(words) {
    const width = this.clear(words);
    shape("text", { x: width / 2, y: this.height / 2, class: "cg-soft", "text-anchor": "middle" }, this.svg, words);
  }

  line(points, attributes) {
    const path = points.map(([x, y], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    shape("path", { d: path, fill: "none", ...attributes }, this.svg);
  }

  // a frame with labelled axes; x and y turn a value into its place
  axes({ left, right, top, bottom, xs, ys, x, y, xLabel }) {
    for (const [value, text] of ys) {
      shape("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "cg-rule" }, this.svg);
      shape("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", class: "cg-soft" }, this.svg, text);
    }
    for (const [value, text] of xs)
      shape("text", { x: x(value), y: bottom + 15, "text-anchor": "middle", class: "cg-soft" }, this.svg, text);
    shape("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "cg-axis" }, this.svg);
    shape("text", { x: right + 6, y: bottom + 15, class: "cg-soft" }, this.svg, xLabel);
  }
}

// ---------------------------------------------------------------- the four pictures

// a function: value -> its share of the way from low to high, or of the way of its logarithm
function sharer(low, high, log) {
  return log ? (value) => Math.log(value / low) / Math.log(high / low) : (value) => (value - low) / (high - low);
}

function drawLoss(picture, { width, bins }) {
  picture.title.textContent = width === 1 ? "Loss of each step" : `Loss: mean and range of ${width} steps`;
  if (!bins?.length) return picture.waiting("after the first step");
  const last = bins.at(-1)[0];
  const sheet = picture.clear(`Loss, now ${short(last)}`);
  const means = bins.map((bin) => bin[0]);
  const log = Math.min(...means) > 0;
  let low = Math.min(...bins.map((bin) => bin[1]));
  let high = Math.max(...bins.map((bin) => bin[2]));
  if (log) low = Math.max(low, Math.min(...means) / 10); // one step without any loss would squash the rest
  if (!(high > low)) [low, high] = log ? [low / 2, low * 2] : [low - 1, low + 1];
  const [left, right, top, bottom] = [42, sheet - 48, 8, picture.height - 20];
  const steps = width * bins.length;
  const x = (step) => left + ((right - left) * step) / steps;
  const share = sharer(low, high, log);
  const y = (value) => bottom - (bottom - top) * Math.min(1, Math.max(0, share(Math.max(value, low))));
  const middle = (n) => x((n + 0.5) * width);
  picture.axes({
    left, right, top, bottom, x, y, xLabel: "step",
    xs: evenly(0, steps, 5).map((step) => [step, count(step)]),
    ys: (log ? decades(low, high) : evenly(low, high)).map((value) => [value, short(value)]),
  });
  if (width > 1) {
    const there = bins.map((bin, n) => `${middle(n).toFixed(1)} ${y(bin[2]).toFixed(1)}`);
    const back = bins.map((bin, n) => `${middle(n).toFixed(1)} ${y(bin[1]).toFixed(1)}`).reverse();
    shape("path", { d: `M${[...there, ...back].join("L")}Z`, class: "cg-band" }, picture.svg);
  }
  picture.line(means.map((value, n) => [middle(n), y(value)]), { class: "cg-loss" });
  shape("text", { x: middle(bins.length - 1) + 6, y: y(last) + 4, class: "cg-strong" }, picture.svg, short(last));
}

const MARKS = {
  train: (x, y) => ["circle", { cx: x, cy: y, r: 3.5 }],
  test: (x, y) => ["rect", { x: x - 3.5, y: y - 3.5, width: 7, height: 7 }],
};

// where two names stand that would cover each other, or one that would be too low
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

// the lowest and the highest value of the axis
function range(values, accuracy) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!accuracy) return low > 0 ? [low / 1.2, high * 1.2] : [0, high || 1];
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((size) => 1 - low <= 5 * size) ?? 1;
  return [Math.max(0, Math.floor(low / step) * step - (1 - low < 1e-9 ? step : 0)), 1];
}

function drawEpochs(picture, passed, epochs) {
  const accuracy = passed.kind === "accuracy";
  picture.title.textContent = accuracy ? "Accuracy of each epoch" : "Loss of each epoch";
  const series = ["train", "test"].map((name) => [name, passed[name]]).filter(([, values]) => values?.length);
  if (!series.length) return picture.waiting("after the first epoch");
  const show = accuracy ? percent : short;
  const [low, high] = range(series.flatMap(([, values]) => values), accuracy);
  const sheet = picture.clear(series.map(([name, values]) => `${name} ${passed.kind} ${show(values.at(-1))}`).join(", "));
  const [left, right, top, bottom] = [42, sheet - 88, 8, picture.height - 20];
  const log = !accuracy && low > 0;
  const x = (epoch) => left + 12 + ((right - left - 24) * (epoch - 1)) / Math.max(1, epochs - 1);
  const share = sharer(low, high, log);
  const y = (value) => bottom - (bottom - top) * share(value);
  const ticks = log ? decades(low, high) : evenly(low, high);
  picture.axes({
    left, right, top, bottom, x, y, xLabel: "epoch",
    xs: evenly(1, epochs, 8).filter((n) => n % 1 === 0 && n >= 1).map((epoch) => [epoch, String(epoch)]),
    ys: ticks.map((value) => [value, accuracy ? `${Number((100 * value).toFixed(1))} %` : short(value)]),
  });
  const ends = apart(series.map(([, values]) => y(values.at(-1))), bottom - 4);
  series.forEach(([name, values], n) => {
    const places = values.map((value, at) => [x(at + 1), y(value)]);
    picture.line(places, { class: `cg-line cg-${name}` });
    for (const place of places) {
      const [tag, attributes] = MARKS[name](...place);
      shape(tag, { ...attributes, class: `cg-mark cg-${name}` }, picture.svg);
    }
    const where = { x: places.at(-1)[0] + 9, y: ends[n] + 4, class: `cg-name cg-${name}` };
    shape("text", where, picture.svg, `${name} ${show(values.at(-1))}`);
  });
}

// how many filters stand side by side, so that their cells are as large as there is room for
function arranged(count, rows, columns, width, height) {
  let best = { cell: 0 };
  for (let across = 1; across <= count; across++) {
    const down = Math.ceil(count / across);
    const cell = Math.min(width / (across * columns), height / (down * rows), 17);
    if (cell > best.cell + 0.01) best = { cell, across, down };
  }
  return best;
}

function drawFilters(picture, filters) {
  picture.box.hidden = !filters.shares;
  if (!filters.shares) return;
  const { shares, largest } = filters;
  picture.title.textContent = "First layer's filters";
  const sheet = picture.clear(`${shares.length} filters of the first layer, values up to ${short(largest)}`);
  const [rows, columns] = [shares[0].length, shares[0][0].length];
  const gap = 0.5;
  const { cell, across, down } = arranged(shares.length, rows + gap, columns + gap, sheet, picture.height - 24);
  shares.forEach((filter, n) => {
    const left = (n % across) * (columns + gap) * cell;
    const top = Math.floor(n / across) * (rows + gap) * cell;
    filter.forEach((row, i) =>
      row.forEach((value, j) => {
        const [x, y] = [left + j * cell + 0.5, top + i * cell + 0.5];
        const tone = `color-mix(in srgb, var(--cg-${value < 0 ? "test" : "train"}) ${Math.abs(value)}%, var(--cg-paper))`;
        shape("rect", { x, y, width: cell, height: cell, style: `fill: ${tone}` }, picture.svg);
        if (value < -4 && cell >= 8)
          shape("line", { x1: x + cell * 0.3, x2: x + cell * 0.7, y1: y + cell / 2, y2: y + cell / 2, class: "cg-minus" }, picture.svg);
      }),
    );
    shape("rect", { x: left + 0.5, y: top + 0.5, width: columns * cell, height: rows * cell, class: "cg-frame" }, picture.svg);
  });
  const words = `full colour ±${short(largest)}${cell >= 8 ? `; a dash is below zero` : ""}`;
  shape("text", { x: 0, y: Math.min(picture.height - 4, down * (rows + gap) * cell + 14), class: "cg-soft" }, picture.svg, words);
}

function drawNorms(picture, norms, going) {
  if (!norms.length) return picture.waiting(going ? "after the first step" : "no step was taken this time");
  const sheet = picture.clear(norms.map(([name, now]) => `${name} ${short(now)}`).join(", "));
  const known = norms.flatMap(([, now, first]) => [now, first]).filter((value) => value > 0 && value < 1e300);
  const low = 10 ** Math.floor(Math.log10(known.length ? Math.min(...known) : 1) - 0.3);
  const high = 10 ** Math.ceil(Math.log10(Math.max(...known, low * 10)) + 0.05);
  const [left, right, bottom] = [96, sheet - 44, picture.height - 20];
  const share = sharer(low, high, true);
  const x = (value) => left + (right - left) * share(Math.min(high, Math.max(value, low)));
  const step = Math.min(30, (bottom - 4) / norms.length);
  const thick = Math.max(2, step * 0.55);
  for (const value of decades(low, high, 6)) {
    shape("line", { x1: x(value), x2: x(value), y1: 4, y2: bottom, class: "cg-rule" }, picture.svg);
    shape("text", { x: x(value), y: bottom + 15, "text-anchor": "middle", class: "cg-soft" }, picture.svg, short(value));
  }
  norms.forEach(([name, now, first], n) => {
    const middle = 4 + (n + 0.5) * step;
    if (step >= 11 || n % 2 === 0)
      shape("text", { x: left - 6, y: middle + 4, "text-anchor": "end", class: "cg-soft" }, picture.svg, name);
    shape("rect", { x: left, y: middle - thick / 2, width: Math.max(0, x(now) - left), height: thick, class: "cg-bar-of-gradient" }, picture.svg);
    if (first > 0) shape("line", { x1: x(first), x2: x(first), y1: middle - step * 0.42, y2: middle + step * 0.42, class: "cg-start" }, picture.svg);
    if (step >= 11) shape("text", { x: Math.max(x(now), x(first)) + 6, y: middle + 4, class: "cg-strong" }, picture.svg, short(now));
  });
}

// ---------------------------------------------------------------- the whole board

const SAYS = { training: "Training", paused: "Paused", finished: "Finished", stopped: "Stopped", failed: "Broken off by an error" };
const SIGNS = { training: "●", paused: "❚❚", finished: "✓", stopped: "■", failed: "!" };
const DEAF =
  "The buttons do not reach the kernel here while it is busy. To stop, interrupt the kernel " +
  "(■ in the toolbar): training ends after the step it is in, and what was learnt stays.";

class Board {
  constructor(link, el) {
    this.link = link;
    const root = (this.root = element("div", "cg-board", el));
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", "Training");
    for (const [name, tones] of Object.entries(link.model.get("colours")))
      for (const [page, colour] of Object.entries(tones)) root.style.setProperty(`--cg-${name}-${page}`, colour);
    const head = element("div", "cg-board-head", root);
    this.status = element("div", "cg-board-status", head);
    this.figures = element("div", "cg-board-figures", head);
    const buttons = element("div", "cg-board-buttons", head);
    // what has the focus itself must say that JupyterLab may not take its keys
    buttons.addEventListener("focusin", (event) => (event.target.dataset.lmSuppressShortcuts = "true"));
    this.pause = element("button", "", buttons, "Pause");
    this.stop = element("button", "", buttons, "Stop");
    this.pause.addEventListener("click", () => link.knock(this.paused ? "go on" : "pause"));
    this.stop.addEventListener("click", () => link.knock("stop"));
    this.progress = element("div", "cg-board-progress", root);
    this.progress.setAttribute("role", "progressbar");
    this.progress.setAttribute("aria-label", "Steps taken");
    this.done = element("div", "", this.progress);
    this.note = element("p", "cg-board-note", root);
    this.note.setAttribute("role", "status");
    const grid = element("div", "cg-board-grid", root);
    this.loss = new Picture(grid, "Loss", 170);
    this.epochs = new Picture(grid, "Accuracy", 170);
    this.filters = new Picture(grid, "First layer's filters", 150);
    this.norms = new Picture(grid, "Length of each layer's gradient", 150);
    element("span", "", this.norms.title, "  line: at the start");
    this.said = element("p", "cg-board-said", root);
    this.said.setAttribute("aria-live", "polite");
    this.watcher = new ResizeObserver(() => this.draw());
    for (const { box } of [this.loss, this.epochs, this.filters, this.norms]) this.watcher.observe(box);
    link.views.add(this);
    this.draw();
  }

  get paused() {
    return this.link.model.get("now").status === "paused";
  }

  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.drawNow();
    });
  }

  drawNow() {
    const { link, root } = this;
    if (!this.loss.box.clientWidth) return; // not on the page: it will be drawn when it has a size
    const get = (name) => link.model.get(name);
    const now = get("now");
    Object.assign(root.dataset, { status: now.status, step: now.step, heard: String(link.heard) });
    this.drawHead(now);
    drawLoss(this.loss, link.curve);
    drawEpochs(this.epochs, get("passed"), now.epochs);
    drawFilters(this.filters, get("filters"));
    drawNorms(this.norms, get("norms"), ["training", "paused"].includes(now.status));
    this.say(now, get("passed"));
  }

  drawHead(now) {
    const { link } = this;
    const ended = !link.running;
    const epoch = ended ? "" : `epoch ${now.epoch} of ${now.epochs}`;
    this.status.replaceChildren(
      element("span", "cg-board-sign", null, SIGNS[now.status]),
      element("b", "", null, SAYS[now.status]),
      element("span", "", null, epoch),
    );
    this.status.firstChild.setAttribute("aria-hidden", "true");
    const figures = [`step ${count(now.step)} of ${count(now.of)}`];
    if (now.rate) figures.push(`${count(now.rate)} images/s`);
    if (ended) figures.push(`took ${duration(now.seconds)}`);
    else if (now.left !== null) figures.push(`${duration(now.left)} left`);
    this.figures.replaceChildren(...figures.map((text) => element("span", "", null, text)));
    const wish = link.pressed?.wish;
    const word = this.paused ? "Continue" : wish === "pause" ? "Pausing …" : "Pause";
    this.pause.textContent = wish === "go on" ? "Going on …" : word;
    this.stop.textContent = wish === "stop" ? "Stopping …" : "Stop";
    for (const button of [this.pause, this.stop]) {
      button.hidden = ended || link.heard === false;
      button.disabled = link.heard !== true || wish === "stop";
    }
    this.note.textContent = !ended && link.heard === false ? DEAF : "";
    this.note.hidden = !this.note.textContent;
    this.done.style.width = `${(100 * now.step) / now.of}%`;
    this.progress.style.setProperty("--cg-epochs", now.epochs);
    for (const [name, value] of [["valuemin", 0], ["valuemax", now.of], ["valuenow", now.step]])
      this.progress.setAttribute(`aria-${name}`, value);
  }

  // for those who cannot see it: at the end of each epoch and when something stops or starts, not at every step
  say(now, passed) {
    const what = `${now.status} ${passed.train.length}`;
    if (what === this.told) return;
    this.told = what;
    const results = ["train", "test"]
      .filter((name) => passed[name].length)
      .map((name) => `${name} ${passed.kind} ${passed.kind === "accuracy" ? percent(passed[name].at(-1)) : short(passed[name].at(-1))}`);
    const epochs = `${passed.train.length} of ${now.epochs} epochs done`;
    this.said.textContent = `${SAYS[now.status]}. ${[epochs, ...results].join(", ")}.`;
  }

  close() {
    this.link.views.delete(this);
    this.watcher.disconnect();
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }
}

export default () => {
  let link;
  return {
    initialize({ model }) {
      link = new Link(model);
      return () => link.close();
    },
    render({ el }) {
      const board = new Board(link, el);
      return () => board.close();
    },
  };
};
