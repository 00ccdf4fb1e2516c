// @ts-check
// Draws a training while it runs. Python (dashboard.py) sends numbers, and these scripts turn them into pictures. Button
// presses go back as pings; if no pong arrives, the board says that the kernel is busy and what to do.

/** @import { AnyModel } from "@anywidget/types" */
import { Chart } from "./chart.js";
import { button, element } from "./dom.js";
import { HardOnes } from "./hard.js";
import { Link } from "./link.js";
import { count, duration } from "./scales.js";
import { drawEpochs, drawFilters, drawLoss, drawNorms, resultsOf } from "./views.js";

/** @type {Record<Status, { says: string, sign: string }>} */
const STATUS = {
  training: { says: "Training", sign: "●" },
  paused: { says: "Paused", sign: "❚❚" },
  finished: { says: "Finished", sign: "✓" },
  stopped: { says: "Stopped", sign: "■" },
  failed: { says: "Broken off by an error", sign: "!" },
};
const NO_ANSWER = { says: "No answer from the kernel", sign: "?" };
const BUSY =
  "The buttons do not reach the kernel here while it is busy. To stop, interrupt the kernel (■ in the toolbar): " +
  "training ends after the step it is in, and keeps what it has learnt.";
const LOST =
  "No answer from the kernel for some seconds. If it is gone (no [*] beside its cell), run the notebook again: " +
  "with a checkpoint, training goes on from there.";

class Board {
  /**
   * @param {Link} link
   * @param {HTMLElement} el
   */
  constructor(link, el) {
    this.link = link;
    this.root = element("div", "cg-board", el);
    this.root.setAttribute("role", "region");
    this.root.setAttribute("aria-label", "Training");
    const head = element("div", "cg-board-head", this.root);
    this.status = element("div", "cg-board-status", head);
    this.figures = element("div", "cg-board-figures", head);
    const buttons = element("div", "cg-board-buttons", head);
    this.pause = button(buttons, "Pause", () => link.press(this.paused ? "go on" : "pause"));
    this.stop = button(buttons, "Stop", () => link.press("stop"));
    this.progress = element("div", "cg-board-progress", this.root);
    this.progress.setAttribute("role", "progressbar");
    this.progress.setAttribute("aria-label", "Steps taken");
    this.done = element("div", "", this.progress);
    this.note = element("p", "cg-board-note", this.root);
    this.note.setAttribute("role", "status");
    const grid = element("div", "cg-board-grid", this.root);
    this.loss = new Chart(grid, "Loss", 170);
    this.epochs = new Chart(grid, "Accuracy", 170);
    this.filters = new Chart(grid, "First layer's filters", 200);
    this.norms = new Chart(grid, "Length of each layer's gradient", 200);
    element("span", "", this.norms.title, "  line: at the start");
    this.hard = new HardOnes(this.root);
    this.said = element("p", "cg-board-said", this.root);
    this.said.setAttribute("aria-live", "polite");
    this.told = "";
    this.frame = 0;
    this.resizer = new ResizeObserver(() => this.draw());
    for (const { box } of [this.loss, this.epochs, this.filters, this.norms]) this.resizer.observe(box);
    link.views.add(this);
    this.draw();
  }

  get paused() {
    return this.link.model.get("now").status === "paused";
  }

  /** Draw at the next frame, once, however often it was asked for. */
  draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.drawNow();
    });
  }

  drawNow() {
    if (!this.loss.box.clientWidth) return; // not on the page: it will be drawn when it has a size
    const { link, root } = this;
    const { model } = link;
    const now = model.get("now");
    const passed = model.get("passed");
    Object.assign(root.dataset, {
      status: now.status,
      step: now.step,
      answers: String(link.answers),
      silent: String(link.silent),
    });
    this.drawHead(now);
    drawLoss(this.loss, link.curve);
    drawEpochs(this.epochs, passed, now.epochs, model.get("sample"));
    drawFilters(this.filters, model.get("filters"));
    drawNorms(this.norms, model.get("norms"), link.running);
    this.hard.draw(model.get("hard"), model.get("sample"));
    this.say(now, passed);
  }

  /** @param {Now} now */
  drawHead(now) {
    const { link } = this;
    const ended = !link.running;
    const { says, sign: mark } = link.silent && !ended ? NO_ANSWER : STATUS[now.status];
    const sign = element("span", "cg-board-sign", null, mark);
    sign.setAttribute("aria-hidden", "true");
    const epoch = ended ? "" : `epoch ${now.epoch} of ${now.epochs}`;
    this.status.replaceChildren(sign, element("b", "", null, says), element("span", "", null, epoch));
    const figures = [`step ${count(now.step)} of ${count(now.of)}`];
    if (now.rate) figures.push(`${count(now.rate)} images/s`);
    if (ended) figures.push(`took ${duration(now.seconds)}`);
    else if (now.left != null) figures.push(`${duration(now.left)} left`);
    this.figures.replaceChildren(...figures.map((text) => element("span", "", null, text)));
    this.drawButtons(ended);
    this.note.textContent = ended ? "" : link.silent ? LOST : link.answers === false ? BUSY : "";
    this.note.hidden = !this.note.textContent;
    this.done.style.width = `${(100 * now.step) / now.of}%`;
    this.progress.style.setProperty("--cg-epochs", String(now.epochs));
    for (const [name, value] of Object.entries({ min: 0, max: now.of, now: now.step })) {
      this.progress.setAttribute(`aria-value${name}`, String(value));
    }
  }

  /** @param {boolean} ended */
  drawButtons(ended) {
    const request = this.link.pressed?.request;
    const word = this.paused ? "Continue" : request === "pause" ? "Pausing …" : "Pause";
    this.pause.textContent = request === "go on" ? "Going on …" : word;
    this.stop.textContent = request === "stop" ? "Stopping …" : "Stop";
    for (const node of [this.pause, this.stop]) {
      node.hidden = ended || this.link.silent || this.link.answers === false;
      node.disabled = this.link.answers !== true || request === "stop";
    }
  }

  /**
   * Tell those who cannot see it: at the end of each epoch and when something stops or starts, not at every step.
   * @param {Now} now
   * @param {Passed} passed
   */
  say(now, passed) {
    const what = `${now.status} ${passed.train.length}`;
    if (what === this.told) return;
    this.told = what;
    const results = resultsOf(passed).map(({ name, result }) => `${name} ${passed.kind} ${result}`);
    const epochs = `${passed.train.length} of ${now.epochs} epochs done`;
    this.said.textContent = `${STATUS[now.status].says}. ${[epochs, ...results].join(", ")}.`;
  }

  close() {
    this.link.views.delete(this);
    this.resizer.disconnect();
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }
}

/** One link for all views of a board: in each of them, the buttons are pressed or not. */
export default () => {
  /** @type {Link} */
  let link;
  return {
    /** @param {{ model: AnyModel<BoardState> }} props */
    initialize({ model }) {
      link = new Link(model);
      return () => link.close();
    },
    /** @param {{ el: HTMLElement }} props */
    render({ el }) {
      const board = new Board(link, el);
      return () => board.close();
    },
  };
};
