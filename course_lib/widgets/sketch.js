// @ts-check
// Pictures of lines, dots, arrows and texts on a slider. Python has computed all of them; nothing is asked of it later.

/** @import { AnyModel, Render } from "@anywidget/types" */
import { button, context2d, element, keepKeys } from "./dom.js";
import { css, Theme } from "./looks.js";
import { Pen } from "./pen.js";

const FRAME = 90; // milliseconds from one picture to the next
const DOT = 5;
const NARROW = 520; // pixels: below it, the right part of a picture goes below the left one

class Slides {
  /**
   * @param {AnyModel<SketchState>} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.sketches = model.get("sketches");
    this.sketch = this.sketches[0];
    this.root = root;
    this.at = this.width = 0;
    root.className = "sk-root";
    this.choices = this.sketches.length > 1 ? this.addChoices() : [];
    if (!this.choices.length) element("h4", "sk-title", root, this.sketch.title);
    this.canvas = element("canvas", "sk-picture", root);
    this.canvas.setAttribute("role", "img");
    this.words = element("p", "sk-words", root);
    this.words.setAttribute("aria-live", "polite");
    const row = element("div", "sk-row", root);
    button(row, "▶", () => this.play(), "Move the slider to its end");
    this.slider = element("input", "", row);
    Object.assign(this.slider, { type: "range", min: 0 });
    keepKeys(this.slider);
    this.slider.addEventListener("input", () => {
      clearInterval(this.timer);
      this.show(Number(this.slider.value));
    });
    /** @type {Map<string, HTMLImageElement>} */
    this.images = new Map();
    this.theme = new Theme(root);
    this.choose(this.sketch);
    this.loadImages();
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(root);
    this.themeWatch = new MutationObserver(() => {
      this.theme = new Theme(root);
      this.show(this.at);
    });
    this.themeWatch.observe(document.body, { attributes: true });
  }

  /** A button for each sketch, in place of a title. The slider stays where it is. */
  addChoices() {
    const row = element("div", "sk-choices", this.root);
    row.setAttribute("role", "group");
    return this.sketches.map((sketch) => button(row, sketch.title, () => this.choose(sketch)));
  }

  /** @param {SketchState["sketches"][number]} sketch */
  choose(sketch) {
    this.sketch = sketch;
    this.slider.max = String(sketch.pictures.length - 1);
    this.slider.setAttribute("aria-label", sketch.title);
    for (const one of this.choices) one.setAttribute("aria-pressed", String(one.textContent === sketch.title));
    this.at = Math.min(this.at, sketch.pictures.length - 1);
    this.width = 0; // its height may be another
    this.resize();
    this.show(this.at);
  }

  /** Every image that a mark brings, so that no picture waits for its own. */
  async loadImages() {
    const all = this.sketches.flatMap(({ marks, pictures }) => [...marks, ...pictures.flatMap((one) => one.marks)]);
    for (const { kind, text } of all) {
      if (kind !== "image" || this.images.has(text)) continue;
      const image = new Image();
      image.src = `data:image/png;base64,${text}`;
      this.images.set(text, image);
    }
    await Promise.all([...this.images.values()].map((image) => image.decode()));
    this.show(this.at);
  }

  destroy() {
    clearInterval(this.timer);
    this.resizer.disconnect();
    this.themeWatch.disconnect();
    this.root.remove();
  }

  play() {
    clearInterval(this.timer);
    const last = this.sketch.pictures.length - 1;
    if (this.at === last) this.show(0);
    this.timer = setInterval(() => {
      this.show(this.at + 1);
      if (this.at === last) clearInterval(this.timer);
    }, FRAME);
  }

  resize() {
    const width = this.canvas.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    this.theme = new Theme(this.root); // only what stands on the page has its colours
    const ratio = window.devicePixelRatio || 1;
    const [left, bottom, right, top] = this.sketch.box;
    const { shape, cut } = this.sketch;
    this.cut = cut !== null && width < NARROW ? cut : null;
    this.across = (this.cut ?? right) - left;
    this.down = (top - bottom) * (this.cut === null ? 1 : 2);
    this.height = Math.round(width * shape * (this.down / this.across) * ((right - left) / (top - bottom)));
    this.canvas.style.height = `${this.height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    context2d(this.canvas).setTransform(ratio, 0, 0, ratio, 0, 0);
    this.show(this.at);
  }

  /** @param {number} at */
  show(at) {
    this.at = at;
    this.root.dataset.at = String(at);
    this.root.style.colorScheme = this.theme.dark ? "dark" : "light";
    this.slider.value = String(at);
    const { name, sentence, marks } = this.sketch.pictures[at];
    this.slider.setAttribute("aria-valuetext", name);
    this.words.replaceChildren(element("b", "", null, name), `. ${sentence}`);
    this.canvas.setAttribute("aria-label", `${name}. ${sentence}`);
    const pen = new Pen(context2d(this.canvas), this.theme);
    pen.context.clearRect(0, 0, this.width, this.height ?? 0);
    for (const mark of [...this.sketch.marks, ...marks]) this.draw(pen, mark);
  }

  /** @param {Pen} pen @param {SketchMark} mark */
  draw(pen, { kind, points, role, text }) {
    const { context, theme } = pen;
    const colour = role === "ink" ? css(theme.ink) : role === "soft" ? theme.soft : theme.roles[role].line;
    const places = this.placesOf(points);
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = role === "soft" ? 1 : 2;
    if (kind === "image") this.drawImage(context, text, places);
    else if (kind === "arrow") pen.arrow(places[0], places[1], colour);
    else if (kind === "text") pen.text(text, places[0], colour, pen.font(13), places[0][0] < 20 ? "left" : "center");
    else if (kind === "line") {
      pen.path(places);
      context.stroke();
    } else {
      for (const [x, y] of places) {
        context.beginPath();
        context.arc(x, y, DOT, 0, 2 * Math.PI);
        context.fill();
      }
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {string} png @param {Point[]} corners */
  drawImage(context, png, [[left, bottom], [right, top]]) {
    const image = this.images.get(png);
    if (!image?.complete) return;
    context.imageSmoothingEnabled = false;
    context.drawImage(image, left, top, right - left, bottom - top);
  }

  /** @param {Point[]} points @returns {Point[]} */
  placesOf(points) {
    const [left, bottom, , top] = this.sketch.box;
    const cut = this.cut ?? null;
    const below = cut !== null && points.every(([x]) => x > cut);
    return points.map(([x, y]) => [
      ((x - (below ? cut : left)) / (this.across ?? 1)) * this.width,
      ((top - y + (below ? top - bottom : 0)) / (this.down ?? 1)) * (this.height ?? 0),
    ]);
  }
}

/** @type {Render<SketchState>} */
function render({ model, el }) {
  const slides = new Slides(model, element("div", "", el));
  return () => slides.destroy();
}

export default { render };
