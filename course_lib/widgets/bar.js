// @ts-check
// The controls below the panels: buttons, the slider with its marks, the count of frames, the speed.

/** @import { Clock } from "./clock.js" */
/** @import { Panel } from "./panel.js" */
import { button, context2d, element, labelled, shape } from "./dom.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const ICONS = {
  first: "M3 2h2v12H3zM14 2v12L6 8z",
  back: "M10.5 2L4.5 8l6 6 1.5-1.5L7.5 8 12 3.5z",
  play: "M4 2l9 6-9 6z",
  pause: "M4 2h3v12H4zM9 2h3v12H9z",
  next: "M5.5 2L4 3.5 8.5 8 4 12.5 5.5 14l6-6z",
  last: "M11 2h2v12h-2zM2 2v12l8-6z",
  code: "M5.2 3.2L.6 8l4.6 4.8 1.4-1.3L3.3 8l3.3-3.5zM10.8 3.2L15.4 8l-4.6 4.8-1.4-1.3L12.7 8 9.4 4.5z",
  film: "M7 1.5h2V7h3.2L8 11.5 3.8 7H7zM2 12.5h12v2H2z",
};
const TICKS_HEIGHT = 8;
const [SLIDER_MARGIN, TICK_WIDTH] = [8, 4];

/** @typedef {{ first(): void, back(): void, toggle(): void, next(): void, last(): void }} Actions */

export class Bar {
  /**
   * @param {Actions} actions what the buttons do
   * @param {(frame: number) => void} scrub what the slider does
   * @param {() => void} code what the icon of the code does
   */
  constructor(actions, scrub, code) {
    this.speed = 1;
    this.node = element("div", "cg-bar");
    /** @type {(icon: keyof typeof ICONS, label: string, action: () => void) => HTMLButtonElement} */
    const add = (icon, label, action) => iconOn(button(this.node, "", action), icon, label);
    add("first", "First frame (Home)", actions.first);
    add("back", "One step back (left arrow)", actions.back);
    this.play = add("play", "Play (space)", actions.toggle);
    add("next", "One step on (right arrow)", actions.next);
    add("last", "Last frame (End)", actions.last);
    const time = element("div", "cg-time", this.node);
    this.ticks = element("canvas", "", time);
    this.ticks.setAttribute("aria-hidden", "true");
    this.slider = element("input", "", time);
    Object.assign(this.slider, { type: "range", min: 0, max: 0, value: 0 });
    this.slider.setAttribute("aria-label", "Frame");
    this.slider.addEventListener("input", () => scrub(Number(this.slider.value)));
    this.count = element("span", "cg-count", this.node);
    this.addSpeeds();
    this.code = add("code", "The code", code);
  }

  /**
   * The icon that opens and closes the code, where there is any.
   * @param {boolean} any
   * @param {boolean} shown
   */
  offerCode(any, shown) {
    this.code.hidden = !any;
    this.code.setAttribute("aria-expanded", String(shown));
  }

  /** The icon that saves the animation. @param {() => void} save */
  offerFilms(save) {
    iconOn(button(this.node, "", save), "film", "Save as a GIF beside the notebook");
  }

  addSpeeds() {
    const menu = element("select", "", this.node);
    menu.setAttribute("aria-label", "Speed");
    for (const value of SPEEDS) element("option", "", menu, `${value}×`).value = String(value);
    menu.value = String(this.speed);
    menu.addEventListener("change", () => {
      this.speed = Number(menu.value);
    });
  }

  /** @param {boolean} playing */
  setPlaying(playing) {
    iconOn(this.play, playing ? "pause" : "play", playing ? "Pause (space)" : "Play (space)");
  }

  /**
   * @param {number} position
   * @param {number} last
   */
  show(position, last) {
    this.slider.max = String(last);
    this.slider.value = String(position);
    this.slider.setAttribute("aria-valuetext", `frame ${position} of ${last}`);
    this.count.textContent = `${position} / ${last}`;
  }

  /** @param {number} ratio */
  resize(ratio) {
    this.ticks.width = Math.round(this.ticks.clientWidth * ratio);
    this.ticks.height = Math.round(TICKS_HEIGHT * ratio);
    context2d(this.ticks).setTransform(ratio, 0, 0, ratio, 0, 0);
    this.ticksWidth = this.ticks.clientWidth;
  }

  /**
   * A mark for every step in which a chosen cell takes part.
   * @param {Panel[]} panels
   * @param {Clock} clock
   */
  mark(panels, clock) {
    context2d(this.ticks).clearRect(0, 0, this.ticks.width, this.ticks.height);
    for (const [n, { story, chosen, pen }] of panels.entries()) {
      if (!chosen || !pen) continue;
      const { line } = pen.theme.roles[story.grids[chosen.grid].role];
      for (const term of story.partners[chosen.grid][chosen.cell]) this.tick(clock.share(n, term.at), line);
    }
  }

  /**
   * A mark above the slider.
   * @param {number} share from 0 (the first frame) to 1 (the last)
   * @param {string} colour
   */
  tick(share, colour) {
    const context = context2d(this.ticks);
    const width = (this.ticksWidth ?? 0) - 2 * SLIDER_MARGIN;
    context.fillStyle = colour;
    context.fillRect(SLIDER_MARGIN + share * width - TICK_WIDTH / 2, 0, TICK_WIDTH, TICKS_HEIGHT);
  }
}

/**
 * @param {HTMLButtonElement} node
 * @param {keyof typeof ICONS} icon
 * @param {string} label
 */
function iconOn(node, icon, label) {
  node.replaceChildren();
  shape("path", { d: ICONS[icon] }, shape("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, node));
  labelled(node, label);
  return node;
}
