// @ts-check
// Plays the stories of course_lib.frames. Python sends what happens; the scripts draw it and keep the time.
// render() is the anywidget entry point; it needs only model.get, model.on, model.off and an element.

/** @import { AnyModel, Render } from "@anywidget/types" */
import { Bar } from "./bar.js";
import { Clock } from "./clock.js";
import { Codes } from "./code.js";
import { element, keepKeys } from "./dom.js";
import { Films } from "./films.js";
import { clamp } from "./geometry.js";
import { Handle } from "./handle.js";
import { LARGEST_STACKED, SMALLEST_WITH_NUMBER } from "./layout.js";
import { Theme } from "./looks.js";
import { hintIn, Panel } from "./panel.js";
import { Selection } from "./selection.js";
import { Story, unpacked } from "./story.js";

const KEYS =
  "Space plays and pauses, arrows step, Home and End jump, Shift with an arrow chooses a cell, Escape lets it go.";
const TYPICAL_LENGTH = 40000; // milliseconds that a story of many steps takes at speed 1

export class Player {
  /**
   * @param {AnyModel<PlayerState>} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.position = this.from = this.last = 0;
    this.progress = 1; // how far the motion from the last position to this one has come, from 0 to 1
    this.playing = false;
    this.frame = this.loads = this.width = 0;
    this.clock = new Clock([]);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {Panel[]} */
    this.panels = [];
    /** @type {Theme | null} */
    this.theme = null;
    this.selection = new Selection(() => this.choose());
    this.handle = new Handle(this);
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.stage = element("div", "cg-panels");
    this.stage.setAttribute("aria-live", "polite");
    this.bar = new Bar(
      {
        first: () => this.go(0),
        back: () => this.go(this.position - 1),
        toggle: () => this.toggle(),
        next: () => this.step(),
        last: () => this.go(this.last),
      },
      (frame) => this.go(frame),
      () => this.codes.toggle(),
    );
    this.codes = new Codes(this.bar);
    this.films = new Films(model, this.bar);
    this.hint = element("p", "cg-hint", null);
    root.className = "cg-player";
    root.tabIndex = 0;
    keepKeys(root);
    root.setAttribute("role", "group");
    root.setAttribute("aria-description", KEYS);
    this.listen();
    this.load();
  }

  listen() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.onChange = () => this.load();
    this.model.on("change:stories", this.onChange);
    this.root.addEventListener("keydown", (event) => this.key(event), { signal });
    this.root.addEventListener("focusin", ({ target }) => target instanceof HTMLElement && keepKeys(target), {
      signal,
    });
    this.handle.listen(signal);
    this.resizer = new ResizeObserver(() => this.root.clientWidth !== this.width && this.resize());
    this.resizer.observe(this.root);
    this.themeWatch = new MutationObserver(() => this.rethemed());
    this.themeWatch.observe(document.body, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rethemed(), { signal });
  }

  destroy() {
    this.pause();
    cancelAnimationFrame(this.frame);
    this.gone?.abort();
    this.films.close();
    this.model.off("change:stories", this.onChange);
    this.resizer?.disconnect();
    this.themeWatch?.disconnect();
    this.root.remove();
  }

  async load() {
    this.loads += 1;
    const load = this.loads;
    const { packed, message, clock, halt } = this.model.get("stories");
    const stories = packed === undefined ? [] : await unpacked(packed);
    if (load === this.loads) this.build(stories, message, clock, halt);
  }

  /**
   * @param {StoryData[]} stories
   * @param {string} [message] in place of stories
   * @param {number[][]} [ticks]
   * @param {number | null} [halt]
   */
  build(stories, message, ticks, halt) {
    this.pause();
    const { kept } = this.selection;
    const of = kept ? this.panels.indexOf(kept.panel) : -1;
    this.selection.clear();
    this.stage.replaceChildren();
    this.panels = stories.map((data) => this.addPanel(new Story(data)));
    if (message !== undefined) {
      this.root.replaceChildren();
      element("p", "cg-message", this.root, message).setAttribute("role", "status");
      return;
    }
    this.hint.textContent = hintIn(this.root, this.handle.turnable);
    this.root.replaceChildren(this.stage, this.bar.node, this.films.node, this.hint);
    this.codes.take(
      this.panels.flatMap(({ code }) => code ?? []),
      ticks !== undefined, // code of the reader's own is what there is to see
    );
    this.root.setAttribute("aria-label", `Animation: ${stories.map((story) => story.title).join("; ")}`);
    this.clock = new Clock(
      this.panels.map((panel) => panel.story),
      ticks,
      halt,
    );
    this.last = this.clock.last;
    this.position = this.from = Math.min(this.position, this.last);
    this.resize();
    const panel = this.panels[of];
    if (kept && kept.cell < (panel?.story.grids[kept.grid]?.count ?? 0)) this.selection.keep(kept, panel);
  }

  /** @param {Story} story */
  addPanel(story) {
    const panel = new Panel(story, this.stage);
    panel.canvas.addEventListener("pointermove", (event) => {
      if (!this.handle.busy) this.selection.hover(this.handle.over(event, panel), panel);
    });
    panel.canvas.addEventListener("pointerdown", (event) => this.handle.take(event, panel));
    panel.canvas.addEventListener("pointerleave", () => this.selection.hover(null, panel));
    panel.canvas.addEventListener("click", (event) => this.selection.keep(panel.cellAt(event), panel));
    return panel;
  }

  // -------------------------------------------------------------- time

  /** Milliseconds from one step to the next. */
  get interval() {
    return clamp(TYPICAL_LENGTH / this.last, 120, 1600) / this.bar.speed;
  }

  /**
   * @param {number} position
   * @param {number} [progress]
   */
  show(position, progress = 1) {
    this.position = clamp(position, 0, this.last);
    this.progress = progress;
    if (progress === 1) this.from = this.position;
    for (const panel of this.panels) panel.say(this.positionIn(panel));
    this.bar.show(this.position, this.last);
    this.root.dataset.position = String(this.position);
    this.draw();
  }

  /** @param {Panel} panel */
  positionIn(panel, position = this.position) {
    return this.clock.step(this.panels.indexOf(panel), position);
  }

  draw() {
    for (const panel of this.panels) {
      const moved = this.positionIn(panel) !== this.positionIn(panel, this.from);
      panel.draw(moved ? this.progress : 1, this.playing);
    }
    this.bar.mark(this.panels, this.clock);
  }

  /** @param {number} position */
  go(position) {
    this.pause();
    cancelAnimationFrame(this.frame);
    this.show(position);
  }

  step() {
    this.pause();
    if (this.position < this.last) this.glide(this.position + 1, () => {});
  }

  /**
   * Show the motion of one step, then call back.
   * @param {number} position
   * @param {() => void} done
   */
  glide(position, done) {
    cancelAnimationFrame(this.frame);
    const length = this.calm.matches ? 0 : Math.min(0.75 * this.interval, 1100);
    const start = performance.now();
    /** @param {number} now */
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
    this.setPlaying(true);
    this.playOn();
  }

  playOn() {
    if (!this.playing) return;
    if (this.position >= this.last) return this.pause();
    const due = performance.now() + this.interval;
    this.glide(this.position + 1, () => {
      if (this.position === this.clock.halt) return this.pause();
      this.timer = setTimeout(() => this.playOn(), Math.max(0, due - performance.now()));
    });
  }

  pause() {
    clearTimeout(this.timer);
    if (!this.playing) return;
    this.setPlaying(false);
    this.draw();
  }

  /** @param {boolean} playing */
  setPlaying(playing) {
    this.playing = playing;
    this.stage.setAttribute("aria-live", playing ? "off" : "polite");
    this.bar.setPlaying(playing);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const tag = event.target instanceof Element ? event.target.tagName : "";
    if (tag === "SELECT" || event.altKey || event.ctrlKey || event.metaKey) return;
    const choose = () => this.selection.move(event.key, this.panels[0]);
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowRight: () => this.step(),
      ArrowLeft: () => this.go(this.position - 1),
      Home: () => this.go(0),
      End: () => this.go(this.last),
      Escape: () => this.selection.letGo(),
      " ": () => this.toggle(),
      ...(event.shiftKey && { ArrowRight: choose, ArrowLeft: choose, ArrowUp: choose, ArrowDown: choose }),
    };
    if (!event.shiftKey) Object.assign(actions, this.handle.keys);
    const pressed = event.key === " " && ["BUTTON", "SUMMARY"].includes(tag);
    if (pressed || !this.panels.length || !actions[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    actions[event.key]();
  }

  // -------------------------------------------------------------- a cell chosen

  choose() {
    for (const panel of this.panels) panel.choose(this.selection.in(panel));
    this.draw();
  }

  // -------------------------------------------------------------- sizes and colours

  /** Panels share the size of their cells, and their height where they stand side by side. */
  resize() {
    if (!this.panels[0]?.node.clientWidth) return;
    this.width = this.root.clientWidth;
    this.takeTheme();
    const ratio = window.devicePixelRatio || 1;
    const fitting = this.fittingUnit();
    const unit = fitting < SMALLEST_WITH_NUMBER ? fitting : Math.floor(fitting * ratio) / ratio; // lines on whole pixels
    const heights = this.panels.map(({ layout }) => layout.heightFor(unit));
    const beside = !this.stage.classList.contains("cg-stacked");
    for (const [n, panel] of this.panels.entries())
      panel.resize(panel.node.clientWidth, beside ? Math.max(...heights) : heights[n], unit, ratio);
    this.bar.resize(ratio);
    this.show(this.position, this.progress);
  }

  /** The side of a cell. Where it would be too small side by side, the panels are stacked. */
  fittingUnit() {
    const fits = () => Math.min(...this.panels.map(({ layout, node }) => layout.fit(node.clientWidth)));
    this.stage.classList.remove("cg-stacked");
    const least = Math.max(...this.panels.map(({ layout }) => layout.smallestBeside));
    if (this.panels.length === 1 || fits() >= least) return fits();
    this.stage.classList.add("cg-stacked");
    return Math.min(fits(), LARGEST_STACKED);
  }

  rethemed() {
    if (!this.theme || !this.panels.length || this.theme.sameAs(new Theme(this.root))) return;
    this.takeTheme();
    this.draw();
  }

  takeTheme() {
    this.theme = new Theme(this.root);
    this.root.style.colorScheme = this.theme.dark ? "dark" : "light"; // for the slider and the menu
    for (const panel of this.panels) panel.dress(this.theme);
  }
}

/** @type {Render<PlayerState>} */
function render({ model, el }) {
  const player = new Player(model, element("div", "", el));
  return () => player.destroy();
}

export default { render };
