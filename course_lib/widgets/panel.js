// @ts-check
// One story on the page: its title, its picture, its words and its code.

/** @import { Theme } from "./looks.js" */
/** @import { Story } from "./story.js" */
import { drawChoice, drawWays } from "./choice.js";
import { Code } from "./code.js";
import { context2d, element } from "./dom.js";
import { clamp, mix, smooth } from "./geometry.js";
import { drawEdges, drawGrid } from "./grids.js";
import { Layout } from "./layout.js";
import { css } from "./looks.js";
import { Pen } from "./pen.js";
import { Scene } from "./scene.js";
import { drawBeams, drawStep, GLIDE, LANDED } from "./steps.js";
import { longest, longestSentence, sentenceAbout } from "./words.js";

const HINT = "Point at a cell to see every step it takes part in. Click, or Shift with an arrow key, chooses one.";
const TURN_HINT = "Drag a number up or down to change it; a chosen one follows the arrow keys up and down.";
const NARROW = 500; // a panel below this width lists fewer of the amounts of a chosen cell

/**
 * What a player says below its controls: the first one of a page says how to point, the first one in which numbers can
 * be changed how to do that, and the others say nothing.
 * @param {HTMLElement} root of the player
 * @param {string[]} turnable
 */
export function hintIn(root, turnable) {
  const kind = turnable.length ? "turn" : "point";
  const said = document.querySelector(`[data-hints="${kind}"]`);
  if (said && said !== root) return "";
  root.dataset.hints = kind;
  return turnable.length ? TURN_HINT : HINT;
}

export class Panel {
  /**
   * @param {Story} story
   * @param {Element} parent
   */
  constructor(story, parent) {
    this.story = story;
    this.layout = new Layout(story);
    this.at = -1;
    /** @type {Cell | null} */
    this.chosen = null;
    /** @type {Pen | null} */
    this.pen = null;
    this.node = element("section", "cg-panel", parent);
    element("h4", "cg-title", this.node, story.title);
    this.canvas = element("canvas", "cg-picture", this.node);
    this.canvas.setAttribute("role", "img");
    this.words = element("div", "cg-words", this.node);
    this.sentence = element("p", "cg-sentence", this.words);
    this.readout = element("p", "cg-readout", this.words);
    this.formula = element("div", "cg-formula", this.words);
    this.code = story.code ? new Code(story.code, story.steps, this.node) : null;
  }

  /**
   * The cell under the pointer.
   * @param {MouseEvent} event
   */
  cellAt(event) {
    const frame = this.canvas.getBoundingClientRect();
    return this.layout.hit([event.clientX - frame.left, event.clientY - frame.top], this.at);
  }

  // -------------------------------------------------------------- sizes and colours

  /**
   * @param {number} width
   * @param {number} height
   * @param {number} unit
   * @param {number} ratio
   */
  resize(width, height, unit, ratio) {
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    context2d(this.canvas).setTransform(ratio, 0, 0, ratio, 0, 0);
    this.layout.resize(width, height, unit, ratio);
    this.keepRoomForWords();
  }

  /** @param {Theme} theme */
  dress(theme) {
    this.pen = new Pen(context2d(this.canvas), theme);
    this.rewrite();
  }

  /** Give the words the height of the longest ones, so that nothing below them moves while the story plays. */
  keepRoomForWords() {
    const { steps } = this.story;
    this.words.style.minHeight = "0";
    this.words.classList.remove("cg-chosen");
    this.write(
      longest([...steps.map((step) => step.sentence), longestSentence(this.story, this.isNarrow)]),
      longest(steps.map((step) => step.formula)),
      longest(steps.map((step) => step.numbers)),
    );
    this.words.style.minHeight = `${Math.ceil(this.words.getBoundingClientRect().height)}px`;
    this.rewrite();
    this.describe();
  }

  get isNarrow() {
    return this.layout.width < NARROW;
  }

  // -------------------------------------------------------------- words

  /**
   * Go to a step; `draw` shows it.
   * @param {number} at
   */
  say(at) {
    if (at === this.at) return;
    this.at = at;
    this.rewrite();
    this.describe();
    const step = this.story.steps[at];
    this.code?.light(step);
    this.canvas.setAttribute("aria-label", `${this.story.title}. ${step.sentence}`);
  }

  rewrite() {
    const { sentence, formula, numbers } = this.story.steps[Math.max(0, this.at)];
    this.write(sentence, formula, numbers);
  }

  /**
   * @param {string} sentence
   * @param {string[]} formulas
   */
  write(sentence, ...formulas) {
    this.sentence.textContent = sentence;
    this.formula.replaceChildren();
    for (const formula of formulas) if (formula) this.writeFormula(formula);
  }

  /**
   * "{dx|dx[2]} += ...": what stands in braces has the colour of the grid that is named.
   * @param {string} text
   */
  writeFormula(text) {
    const line = element("div", "", this.formula);
    for (const part of text.split(/(\{[^{}|]*\|[^{}]*\})/)) {
      const [, key, words] = part.match(/^\{([^|]*)\|(.*)\}$/) ?? [];
      const grid = this.story.byKey.get(key);
      if (grid === undefined) line.append(part);
      else element("b", "", line, words).style.color = this.pen?.theme.roles[this.story.grids[grid].role].text ?? "";
    }
  }

  /** @param {Cell | null} chosen */
  choose(chosen) {
    this.chosen = chosen;
    this.describe();
  }

  describe() {
    const { story, chosen, at } = this;
    this.readout.textContent = chosen ? sentenceAbout(story, chosen, at, this.isNarrow) : "";
  }

  // -------------------------------------------------------------- the picture

  /**
   * A chosen cell is shown with all its steps; while the story plays, it is only framed.
   * @param {number} progress from 0 (the picture before this step) to 1 (the step is done)
   * @param {boolean} playing
   */
  draw(progress, playing) {
    if (!this.pen) return;
    const { story, at, layout, pen, chosen } = this;
    this.words.classList.toggle("cg-chosen", chosen !== null && !playing);
    const glide = smooth(clamp(progress / GLIDE, 0, 1));
    const scene = new Scene(story, layout, pen, at, this.placesBetween(glide));
    pen.context.clearRect(0, 0, layout.width, layout.height);
    drawEdges(scene);
    const shown = progress < LANDED ? at - 1 : at;
    if (chosen && !playing) this.drawChosen(scene, chosen, shown);
    else {
      const lit = story.litAt(at);
      if (!layout.inLine && glide === 1) drawBeams(scene, lit);
      for (const n of story.grids.keys()) drawGrid(scene, n, shown, this.isIdle(n, lit) ? lit[n] : null);
      drawStep(scene, lit, glide, progress);
    }
    if (chosen) pen.frame(scene.around(chosen.grid, [chosen.cell]), css(pen.theme.ink), 3.5);
  }

  /**
   * @param {Scene} scene
   * @param {Cell} chosen
   * @param {number} shown
   */
  drawChosen(scene, chosen, shown) {
    const terms = this.story.partners[chosen.grid][chosen.cell];
    const lit = this.story.litBy(terms, chosen);
    drawWays(scene, chosen, terms);
    for (const [n, cells] of lit.entries()) drawGrid(scene, n, shown, cells);
    drawChoice(scene, chosen, terms, lit);
  }

  /**
   * Where the grids stand on their way from the last step to this one.
   * @param {number} glide from 0 to 1
   * @returns {Place[]}
   */
  placesBetween(glide) {
    const { places } = this.story;
    const before = places[Math.max(0, this.at - 1)];
    return places[this.at].map(([column, row, turn], n) => [
      mix(before[n][0], column, glide),
      mix(before[n][1], row, glide),
      mix(before[n][2], turn, glide),
    ]);
  }

  /**
   * Whether a grid is one of several channels, images or kernels, and the step concerns others of them.
   * @param {number} n
   * @param {Set<number>[]} lit
   */
  isIdle(n, lit) {
    const { prefix, picture } = this.story.grids[n];
    return prefix.length > 0 && !picture && !lit[n].size && this.story.steps[this.at].flows.length > 0;
  }
}
