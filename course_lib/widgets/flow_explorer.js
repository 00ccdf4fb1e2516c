// @ts-check
// A deep network as tiles: how large a signal and its gradient are in each, and a pulse that runs there and back.
// While the slider of the initialisation is dragged, sizes are interpolated between networks that Python has measured
// ahead; on release Python measures that very network. render() is the anywidget entry point.

/** @import { AnyModel, Render } from "@anywidget/types" */
import { button, element, keepKeys } from "./dom.js";
import { FlowPicture } from "./flow_picture.js";
import { clamp } from "./geometry.js";
import { number } from "./looks.js";

const STEPS = 400; // of the slider of the initialisation
const [MARK_ROW, MARKS_APART] = [23, 4]; // pixels: the height of a row of marks, and between two marks in it
const NEAR = 0.012; // how close to a mark a pointer sticks to it, as a share of the slider's length

/** @param {number[]} values @param {number} of */
const beside = (values, of) => values.map((value) => Math.log10(value / values[of]));

/**
 * The sizes as powers of ten: those of gradients and weights beside the last layer's, those of signals beside the first's.
 * @param {FlowSizes} sizes
 * @returns {FlowSizes}
 */
function powers({ gradients, signals, weights }) {
  const last = gradients.length - 1;
  return { gradients: beside(gradients, last), signals: beside(signals, 0), weights: beside(weights, last) };
}

/**
 * The powers at a scale, on the straight lines between the networks measured ahead.
 * @param {FlowGrid} grid
 * @param {number} scale
 * @returns {FlowSizes}
 */
function interpolated(grid, scale) {
  const logs = grid.scales.map(Math.log);
  const upper = clamp(
    logs.findIndex((log) => log >= Math.log(scale)),
    1,
    logs.length - 1,
  );
  const share = (Math.log(scale) - logs[upper - 1]) / (logs[upper] - logs[upper - 1]);
  const [low, high] = [powers(grid.sizes[upper - 1]), powers(grid.sizes[upper])];
  /** @param {keyof FlowSizes} kind */
  const mixed = (kind) => low[kind].map((value, n) => value + (high[kind][n] - value) * share);
  return { gradients: mixed("gradients"), signals: mixed("signals"), weights: mixed("weights") };
}

/** The factor of one layer, from the powers of all. @param {number} whole @param {number} layers */
const perLayer = (whole, layers) => 10 ** (whole / (layers - 1));

class Explorer {
  /**
   * @param {AnyModel<FlowState>} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.limits = model.get("limits");
    this.scale = model.get("measured").scale;
    this.dragging = false;
    this.held = false;
    /** @type {FlowSizes} */
    this.shown = powers(model.get("measured").sizes);
    /** @type {number[]} */
    this.kept = [];
    /** @type {number[]} */
    this.before = [];
    this.marked = ""; // which marks stand below the slider
    root.className = "fe-root";
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Gradients in a deep network");
    const head = element("div", "fe-head", root);
    const words = element("div", "fe-words", head);
    this.name = element("div", "fe-name", words);
    this.says = element("div", "fe-says", words);
    this.says.setAttribute("role", "status");
    this.saysBack = element("div", "", this.says);
    this.saysAhead = element("div", "", this.says);
    button(head, "Send a pulse", () => this.pulse(), "Send a signal through all layers, and its gradient back");
    this.picture = new FlowPicture(root);
    this.pointed = element("div", "fe-pointed", root);
    const start = element("div", "fe-start", root);
    this.sigma = element("label", "fe-sigma", start);
    const track = element("div", "fe-track", start);
    this.slider = element("input", "", track);
    this.marks = element("div", "fe-marks", track);
    this.prepareSlider();
    const row = element("div", "fe-controls", root);
    const { depth, channels, activations } = this.limits;
    /** @param {number} which */
    const other = (which) => this.model.get("settings").channels[1 - which];
    this.depth = this.addRange(row, "layers", depth, (value) => ({ depth: value }));
    this.first = this.addRange(row, "channels, first layer", channels, (value) => ({ channels: [value, other(0)] }));
    this.last = this.addRange(row, "last layer", channels, (value) => ({ channels: [other(1), value] }));
    const choices = element("div", "fe-choices", row);
    choices.setAttribute("role", "group");
    choices.setAttribute("aria-label", "nonlinearity");
    this.choices = activations.map((name) => button(choices, name, () => this.ask({ activation: name })));
    this.norm = this.addBox(row, "batch norm", (checked) => ({ batch_norm: checked }));
    this.residual = this.addBox(row, "residual", (checked) => ({ residual: checked }));
    this.onMeasured = () => this.take();
    this.onGrid = () => this.draw();
    model.on("change:measured", this.onMeasured);
    model.on("change:grid", this.onGrid);
    this.picture.svg.addEventListener("pointermove", (event) => this.say(this.picture.layerAt(event)));
    this.picture.svg.addEventListener("pointerleave", () => this.say(-1));
    this.resizer = new ResizeObserver(() => this.draw());
    this.resizer.observe(root);
    this.take();
  }

  close() {
    this.picture.stop();
    this.resizer.disconnect();
    this.model.off("change:measured", this.onMeasured);
    this.model.off("change:grid", this.onGrid);
  }

  // ---------------------------------------------------------------- controls

  prepareSlider() {
    Object.assign(this.slider, { type: "range", min: "0", max: String(STEPS), step: "1" });
    this.slider.setAttribute("aria-label", "Standard deviation of the weights");
    keepKeys(this.slider);
    this.slider.addEventListener("pointerdown", () => {
      this.held = true;
    });
    this.slider.addEventListener("pointerup", () => {
      this.held = false;
    });
    this.slider.addEventListener("input", () => {
      this.dragging = true;
      this.scale = this.scaleAt(Number(this.slider.value) / STEPS);
      this.shown = interpolated(this.model.get("grid"), this.scale);
      this.press(this.startAt(this.scale));
      this.draw();
    });
    this.slider.addEventListener("change", () => this.ask({ start: this.startAt(this.scale) }));
  }

  /**
   * @param {Element} row
   * @param {string} name
   * @param {[number, number]} limits
   * @param {(value: number) => Partial<FlowSettings>} changed
   */
  addRange(row, name, [least, most], changed) {
    const label = element("label", "fe-range", row);
    element("span", "", label, name);
    const input = element("input", "", label);
    Object.assign(input, { type: "range", min: String(least), max: String(most), step: "1" });
    keepKeys(input);
    const value = element("output", "", label);
    input.addEventListener("input", () => {
      value.textContent = input.value;
    });
    input.addEventListener("change", () => this.ask(changed(Number(input.value))));
    return input;
  }

  /**
   * @param {Element} row
   * @param {string} name
   * @param {(checked: boolean) => Partial<FlowSettings>} changed
   */
  addBox(row, name, changed) {
    const label = element("label", "fe-box", row);
    const input = element("input", "", label);
    input.type = "checkbox";
    keepKeys(input);
    label.append(name);
    input.addEventListener("change", () => this.ask(changed(input.checked)));
    return input;
  }

  /** The share of the slider's length at which a scale stands. @param {number} scale */
  place(scale) {
    const [least, most] = this.limits.scale;
    return clamp(Math.log(scale / least) / Math.log(most / least), 0, 1);
  }

  /** @param {number} share */
  scaleAt(share) {
    const [least, most] = this.limits.scale;
    const near = this.held ? NEAR : 0.5 / STEPS; // with keys, every step counts
    const mark = this.model.get("measured").marks.find(([, scale]) => Math.abs(this.place(scale) - share) < near);
    return mark ? mark[1] : least * (most / least) ** share;
  }

  /** The name of an initialisation where the scale is that of a mark, else the scale. @param {number} scale */
  startAt(scale) {
    return this.model.get("measured").marks.find(([, other]) => other === scale)?.[0] ?? Number(scale.toPrecision(4));
  }

  /** How the initialisation is called that is being dragged. */
  startNow() {
    const start = this.startAt(this.scale);
    return typeof start === "string" ? start : `${number(start, 2)} × He`;
  }

  /**
   * Have another network measured. A shortcut needs as many channels behind a block as before it.
   * @param {Partial<FlowSettings>} changes
   */
  ask(changes) {
    const settings = { ...this.model.get("settings"), ...changes };
    if (settings.residual) settings.channels = [settings.channels[0], settings.channels[0]];
    const [first, last] = settings.channels;
    if (first === last && settings.start === "He fan-out") settings.start = "He"; // the same here, and it has a mark
    this.model.set("settings", settings);
    this.model.save_changes();
  }

  /** Of the marks, the one of the start is down. @param {string | number} start */
  press(start) {
    for (const mark of this.marks.children) mark.setAttribute("aria-pressed", String(mark.textContent === start));
  }

  pulse() {
    this.picture.pulse(() => this.dragging);
  }

  // ---------------------------------------------------------------- what was measured

  take() {
    const { settings, sizes, scale, marks } = this.model.get("measured");
    this.before = this.kept;
    this.dragging = false;
    this.scale = scale;
    this.shown = powers(sizes);
    this.kept = this.shown.gradients;
    this.slider.value = String(Math.round(STEPS * this.place(scale)));
    for (const [input, value] of /** @type {[HTMLInputElement, number][]} */ ([
      [this.depth, settings.depth],
      [this.first, settings.channels[0]],
      [this.last, settings.channels[1]],
    ])) {
      input.value = String(value);
      if (input.nextElementSibling) input.nextElementSibling.textContent = String(value);
    }
    this.last.disabled = settings.residual;
    this.norm.checked = settings.batch_norm;
    this.residual.checked = settings.residual;
    for (const one of this.choices) one.setAttribute("aria-pressed", String(one.textContent === settings.activation));
    this.mark(marks);
    this.press(settings.start);
    this.draw();
    this.pulse();
  }

  /** Where the marks are those that stand there, they stay, and so does the focus. @param {[string, number][]} marks */
  mark(marks) {
    const wanted = JSON.stringify(marks);
    if (this.marked === wanted) return;
    this.marked = wanted;
    this.marks.replaceChildren();
    for (const [name, at] of marks) {
      const mark = button(this.marks, name, () => this.ask({ start: name }), `initialisation: ${name}`);
      mark.style.left = `${100 * this.place(at)}%`;
    }
  }

  // ---------------------------------------------------------------- what is shown

  draw() {
    const { gradients, signals } = this.shown;
    this.tell(gradients, signals, gradients.length);
    this.picture.draw(this.shown, this.before, this.root.clientWidth - 28);
    this.arrangeMarks();
  }

  /** Each mark stands in the first row in which it lies on no other. */
  arrangeMarks() {
    /** @type {number[]} where each row ends, in pixels */
    const ends = [];
    for (const mark of /** @type {NodeListOf<HTMLElement>} */ (this.marks.querySelectorAll("button"))) {
      const left = mark.offsetLeft - mark.offsetWidth / 2;
      const free = ends.findIndex((end) => end < left);
      const row = free < 0 ? ends.length : free;
      ends[row] = left + mark.offsetWidth + MARKS_APART;
      mark.style.setProperty("--fe-row", String(row));
    }
    this.marks.style.height = `${MARK_ROW * ends.length}px`;
  }

  /**
   * Title and sentences: measured, or about right while the slider moves.
   * @param {number[]} gradients
   * @param {number[]} signals
   * @param {number} layers
   */
  tell(gradients, signals, layers) {
    const { name, back, ahead, sigma, words, ...measured } = this.model.get("measured");
    const about = this.dragging ? "≈ " : "";
    const [slope, signal] = this.dragging
      ? [perLayer(gradients[0], layers), perLayer(signals[layers - 1], layers)]
      : [back, ahead];
    const times = this.scale / measured.scale;
    const [low, high] = sigma.map((one) => number(one * times, 2));
    const verdict = this.dragging ? this.verdict(10 ** gradients[0]) : measured.verdict;
    const [network, start, activation] = name;
    this.name.textContent = [network, this.dragging ? this.startNow() : start, activation].join(", ");
    const whole = number(10 ** gradients[0], 2);
    this.saysBack.textContent = `The gradient ${verdict}: × ${about}${number(slope, 2)} with each layer (× ${whole} over all).`;
    this.saysAhead.textContent = `The signal: × ${about}${number(signal, 2)} with each layer.`;
    this.sigma.textContent = `σ = ${low === high ? low : `${low} … ${high}`}`;
    this.picture.svg.setAttribute("aria-label", words);
  }

  /** What happens to a gradient, in the words of flow.verdict. @param {number} ratio */
  verdict(ratio) {
    const found = this.limits.verdicts.find(([limit]) => limit === null || ratio <= limit);
    return found ? found[1] : "";
  }

  /** Tell the sizes of one layer; -1 for none. @param {number} layer */
  say(layer) {
    const { sizes } = this.model.get("measured");
    const known = layer >= 0 && !this.dragging;
    this.pointed.textContent = known
      ? `Layer ${layer + 1}: mean |y| ${number(sizes.signals[layer], 2)}, mean |dy| ` +
        `${number(sizes.gradients[layer], 2)}, mean |dw| ${number(sizes.weights[layer], 2)}`
      : "";
  }
}

/** @type {Render<FlowState>} */
function render({ model, el }) {
  const explorer = new Explorer(/** @type {AnyModel<FlowState>} */ (model), element("div", "", el));
  return () => explorer.close();
}

export default { render };
