// @ts-check
// The code of a story, behind an icon: the line of the step is lit, and the loop's variables stand beside it.

/** @import { Bar } from "./bar.js" */
import { element } from "./dom.js";
import { longest } from "./words.js";

const MOST_BESIDE = 34; // letters; what is longer has a row of its own above the code, as in a narrow panel

export class Code {
  /**
   * Code that would give a lab away is folded once more, until the lab is solved.
   * @param {NonNullable<StoryData["code"]>} code
   * @param {StepData[]} steps
   * @param {Element} parent
   */
  constructor({ lines, lab, secret }, steps, parent) {
    this.node = element("div", "cg-code", parent);
    const fold = secret ? element("details", "", this.node) : this.node;
    if (secret) element("summary", "", fold, `This gives away the lab ${lab}`);
    const most = longest(steps.map(({ beside }) => beside)).length;
    if (most) this.row = element("div", "cg-beside", fold);
    const pre = element("pre", most && most <= MOST_BESIDE ? "cg-annotated" : "", fold);
    pre.style.setProperty("--cg-beside", `${most + 2}ch`);
    this.lines = lines.map((line) => {
      const node = element("span", "", pre, line || " ");
      node.style.setProperty("--cg-hang", `${line.search(/\S|$/) + 4}ch`);
      return node;
    });
  }

  /** @param {StepData} step */
  light({ line: lit, beside }) {
    this.lines.forEach((line, n) => {
      if (n === lit) line.setAttribute("aria-current", "step");
      else line.removeAttribute("aria-current");
      line.dataset.beside = n === lit ? beside : "";
    });
    if (this.row) this.row.textContent = beside;
  }
}

/** All code of a player, which one icon opens and closes. */
export class Codes {
  /** @param {Bar} bar that has the icon */
  constructor(bar) {
    this.bar = bar;
    /** @type {Code[]} */
    this.all = [];
    /** @type {boolean | undefined} as it was last; other numbers leave it so */
    this.shown = undefined;
  }

  /**
   * @param {Code[]} all
   * @param {boolean} usually whether it is open at first
   */
  take(all, usually) {
    this.all = all;
    this.show(this.shown ?? usually);
  }

  toggle() {
    this.show(!this.shown);
  }

  /** @param {boolean} shown */
  show(shown) {
    this.shown = shown;
    for (const { node } of this.all) node.hidden = !shown;
    this.bar.offerCode(this.all.length > 0, shown);
  }
}
