// @ts-check
// The way back through a network, cell by cell. Python sends all values and gradients of one digit; who pays whom is
// looked up here. render() is the anywidget entry point.

/** @import { AnyModel, Render } from "@anywidget/types" */
/** @import { Spot } from "./walk_plan.js" */
import { button, context2d, element, keepKeys, labelled } from "./dom.js";
import { number, Theme } from "./looks.js";
import { Walk } from "./paying.js";
import { WalkChoice } from "./walk_choice.js";
import { WalkPad } from "./walk_pad.js";
import { sentenceOf, writePayments } from "./walk_parts.js";
import { WalkPicture } from "./walk_picture.js";
import { writeScores } from "./walk_scores.js";
import { WalkZoom } from "./walk_zoom.js";

const [SIDE, EXAMPLE, SMALLEST_PICTURE] = [28, 34, 300];
const STEP = 420; // milliseconds that a gradient takes to the layer before
const HINT =
  "Point at an entry of a gradient: the entries that pay it light up. A click keeps it; Shift with an arrow key moves it.";
const KEYS =
  "Arrows lead on to the loss and to the pixels, Shift with an arrow chooses the entry beside, " +
  "Shift with Page Up or Page Down the same entry of another channel, Escape lets it go.";

/**
 * A button that shows a digit.
 * @param {Element} parent
 * @param {DataView} pixels
 * @param {number} label
 * @param {() => void} action
 */
function digitButton(parent, pixels, label, action) {
  const node = button(parent, "", action);
  labelled(node, `A ${label}`);
  const canvas = element("canvas", "", node);
  canvas.width = canvas.height = SIDE;
  const image = context2d(canvas).createImageData(SIDE, SIDE);
  for (let at = 0; at < SIDE * SIDE; at++) image.data.set([0, 0, 0, pixels.getUint8(at)], 4 * at);
  context2d(canvas).putImageData(image, 0, 0);
  return node;
}

class Explorer {
  /**
   * @param {AnyModel<WalkState>} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.choices = model.get("choices");
    this.asked = model.get("asked");
    this.waiting = false; // for an answer of Python
    this.frame = this.walking = this.width = 0;
    this.later = false; // whether another question came while Python worked
    /** @type {Theme | null} */
    this.theme = null;
    /** @type {{ spot: Spot | null, walk: Walk | null }} whose payments are written below */
    this.written = { spot: null, walk: null };
    root.className = "we-root";
    root.tabIndex = 0;
    keepKeys(root);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "The way back through a network");
    root.setAttribute("aria-description", KEYS);
    this.addDigits();
    this.addTraining();
    this.stage = element("div", "we-stage", root);
    this.picture = new WalkPicture(this.stage);
    this.choice = new WalkChoice(this.picture, (wholly) => {
      if (wholly) this.written.walk = null; // what is written below it, too
      this.redraw();
    });
    this.scores = element("div", "we-scores", this.stage);
    this.readout = element("p", "we-readout", root, HINT);
    this.addSteps();
    const detail = element("div", "we-detail", root);
    this.zoom = new WalkZoom(detail, this.picture);
    this.panel = element("div", "we-panel", detail);
    this.listen();
    this.take();
  }

  addDigits() {
    const row = element("div", "we-digits", this.root);
    this.examples = this.choices.pixels.map((pixels, n) => {
      const label = this.choices.labels[n];
      return digitButton(row, pixels, label, () => this.ask({ example: n, strokes: [], label }));
    });
    this.pad = new WalkPad(row, 2 * EXAMPLE, this.choices.pad, (strokes) => this.ask({ example: null, strokes }));
  }

  addTraining() {
    const row = element("div", "we-training", this.root);
    element("span", "", row, "untrained");
    this.slider = element("input", "", row);
    Object.assign(this.slider, { type: "range", min: 0, max: 100 });
    this.slider.setAttribute("aria-label", "How much of the training is done, in percent");
    this.slider.value = String(100 * this.asked.trained);
    element("span", "", row, "trained");
    this.loss = element("output", "", row);
    this.slider.addEventListener("input", () => this.ask({ trained: Number(this.slider?.value) / 100 }));
  }

  addSteps() {
    const row = element("div", "we-steps", this.root);
    button(row, "▶ Walk back", () => this.walkBack(), "Let the gradient come back from the loss, layer by layer");
    this.toPixels = button(
      row,
      "← to the pixels",
      () => this.choice.goOn(-1),
      "Go on to the entry that this one pays most",
    );
    this.toLoss = button(row, "to the loss →", () => this.choice.goOn(1), "Go on to the entry that pays most");
    const label = element("label", "", row);
    this.common = element("input", "", label);
    this.common.type = "checkbox";
    keepKeys(this.common);
    label.append(" one scale for all gradients");
    this.common.addEventListener("change", () => {
      this.picture.common = this.common?.checked === true;
      this.picture.forget();
      this.written.walk = null;
      this.redraw();
    });
  }

  listen() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.onWalk = () => this.take();
    this.model.on("change:walk", this.onWalk);
    const { canvas } = this.picture;
    canvas.addEventListener(
      "pointermove",
      (event) => this.choice.point(this.picture.hit([event.offsetX, event.offsetY]).spot ?? null),
      {
        signal,
      },
    );
    canvas.addEventListener("pointerleave", () => this.choice.point(null), { signal });
    canvas.addEventListener("click", (event) => this.click([event.offsetX, event.offsetY]), { signal });
    this.zoom.canvas.addEventListener(
      "click",
      (event) => this.choice.choose(this.zoom.hit([event.offsetX, event.offsetY]) ?? this.choice.kept),
      {
        signal,
      },
    );
    this.root.addEventListener("keydown", (event) => this.key(event), { signal });
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.root);
    this.themeWatch = new MutationObserver(() => this.rethemed());
    this.themeWatch.observe(document.body, { attributes: true });
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.walking);
    this.gone?.abort();
    this.pad?.destroy();
    this.model.off("change:walk", this.onWalk);
    this.resizer?.disconnect();
    this.themeWatch?.disconnect();
    this.root.remove();
  }

  // -------------------------------------------------------------- what Python is asked

  /**
   * Ask Python, one question at a time; of those that come meanwhile, the last one counts.
   * @param {Partial<WalkAsked>} change
   */
  ask(change) {
    this.asked = { ...this.asked, ...change };
    if (change.example !== undefined) this.pad?.draw(this.asked.strokes);
    if (this.waiting) {
      this.later = true;
      return;
    }
    this.waiting = true;
    this.model.set("asked", this.asked);
    this.model.save_changes();
  }

  take() {
    this.waiting = false;
    this.walk = new Walk(this.model.get("walk"));
    this.picture.take(this.walk);
    if (this.loss) this.loss.textContent = `loss ${number(this.walk.loss)}`;
    this.examples?.forEach((node, n) => {
      node.setAttribute("aria-pressed", String(n === this.asked.example));
    });
    const { walk } = this;
    this.holdingFocus(() =>
      writeScores(this.scores, walk, {
        keep: (digit) => this.choice.choose({ at: walk.last, cell: digit }),
        name: this.asked.example === null ? (digit) => this.ask({ label: digit }) : null,
      }),
    );
    this.choice.take(this.walk);
    this.resize(true);
    if (!this.later) return;
    this.later = false;
    this.ask({});
  }

  // -------------------------------------------------------------- a cell that is chosen

  /** @param {Point} place */
  click(place) {
    const { spot, channel } = this.picture.hit(place);
    if (channel) this.choice.chooseChannel(channel);
    else if (spot) this.choice.choose(spot);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.target instanceof HTMLInputElement || event.altKey || event.ctrlKey || event.metaKey) return;
    if (!this.choice.key(event.key, event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  // -------------------------------------------------------------- time

  /** The gradients come back one by one, from the loss to the pixels. */
  walkBack() {
    cancelAnimationFrame(this.walking);
    if (!this.walk) return;
    const { last } = this.walk;
    const start = performance.now();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.choice.hide();
    /** @param {number} now */
    const tick = (now) => {
      const shown = calm ? 0 : Math.max(0, last - Math.floor((now - start) / STEP));
      if (shown !== this.picture.shown) {
        this.picture.shown = shown;
        this.redraw();
      }
      if (shown > 0) this.walking = requestAnimationFrame(tick);
      else this.choice.showAgain();
    };
    this.picture.shown = last;
    this.redraw();
    tick(start);
  }

  /** @param {boolean} [always] also where the width is what it was */
  resize(always = false) {
    const width = this.root.clientWidth;
    if (!width || !this.walk || (!always && width === this.width)) return;
    this.width = width;
    this.theme ??= new Theme(this.root);
    this.root.style.colorScheme = this.theme.dark ? "dark" : "light";
    this.root.classList.toggle("we-dark", this.theme.dark);
    this.stage.classList.toggle("we-narrow", this.stage.clientWidth - this.scores.clientWidth < SMALLEST_PICTURE);
    this.picture.resize(this.picture.canvas.clientWidth, this.theme);
    this.written.walk = null;
    this.pad?.draw(this.asked.strokes);
    this.redraw();
  }

  rethemed() {
    const theme = new Theme(this.root);
    if (theme.sameAs(this.theme)) return;
    this.theme = theme;
    this.resize(true);
  }

  /** Draw once before the page is shown next. */
  redraw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.show());
  }

  show() {
    const { walk } = this;
    const { kept, pointed, spot: chosen } = this.choice;
    if (!walk || !this.readout) return;
    const way = chosen ? walk.wayToTheLoss(chosen.at, chosen.cell).map(([at, cell]) => ({ at, cell })) : [];
    this.picture.draw({ chosen, paid: { at: (chosen?.at ?? 0) + 1, cells: this.paying(chosen) }, way });
    const score = way.find(({ at }) => at === walk.last)?.cell;
    this.scores.querySelectorAll(".we-score").forEach((node, digit) => {
      node.toggleAttribute("data-lit", digit === score);
    });
    const says = chosen ? sentenceOf(walk, chosen.at, chosen.cell) : HINT;
    this.readout.textContent = pointed ? says : HINT; // what is kept is written below
    this.picture.canvas.setAttribute("aria-label", says);
    if (this.written.spot === kept && this.written.walk === walk) return;
    this.written = { spot: kept, walk };
    this.holdingFocus(() => this.write(walk, kept));
  }

  /**
   * What is kept, below the picture.
   * @param {Walk} walk
   * @param {Spot | null} kept
   */
  write(walk, kept) {
    if (this.toLoss) this.toLoss.disabled = !kept || kept.at === walk.last;
    if (this.toPixels) this.toPixels.disabled = !kept || kept.at === 0;
    this.zoom.draw(kept, this.paying(kept));
    if (kept) writePayments(this.panel, walk, kept.at, kept.cell, (at, cell) => this.choice.choose({ at, cell }));
    else this.panel.replaceChildren();
  }

  /**
   * Where a change takes away what has the focus, the whole has it: the arrow keys still lead on.
   * @param {() => void} change
   */
  holdingFocus(change) {
    const focused = document.activeElement;
    const within = focused && this.root.contains(focused);
    change();
    if (within && (!focused.isConnected || focused.matches(":disabled"))) this.root.focus({ preventScroll: true });
  }

  /**
   * The cells that pay a cell.
   * @param {Spot | null} spot
   */
  paying(spot) {
    const payments = spot && this.walk ? this.walk.received(spot.at, spot.cell) : [];
    return payments.filter(({ amount }) => amount).map(({ cell }) => cell);
  }
}

/** @type {Render<WalkState>} */
function render({ model, el }) {
  const explorer = new Explorer(model, element("div", "", el));
  return () => explorer.destroy();
}

export default { render };
