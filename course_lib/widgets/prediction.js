// @ts-check
// A question answered before looking. What is clicked or typed goes to Python; what is said to it comes back.
// render() is the anywidget entry point; it needs only model.get, set, save_changes, on, off and an element.

/** @import { AnyModel, Render } from "@anywidget/types" */
import { button, element, keepKeys } from "./dom.js";
import { following, noteQuestion } from "./fold.js";

const PATIENCE = 1500; // milliseconds until it is said that Python is busy
const BUSY = "Python is busy with another cell. Your answer is judged when that cell has ended.";
const [RIGHT, WRONG] = ["✓", "✗"];

/**
 * Text with `code` and emphasis, as pieces of it.
 * @param {Element} parent
 * @param {Pieces} pieces
 */
function write(parent, pieces) {
  for (const [tag, text] of pieces) {
    if (tag === "code" || tag === "em") element(tag, "", parent, text);
    else parent.append(text);
  }
}

class Question {
  /**
   * @param {AnyModel<QuestionState>} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.model = model;
    this.root = root;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined;
    /** @type {HTMLButtonElement[]} */
    this.choices = [];
    /** @type {HTMLInputElement[]} */
    this.cells = [];
    const { name, slug, choices, shape } = model.get("asked");
    this.mark = `cg-asks-${slug}`;
    root.className = "cg-ask cg-asks";
    root.tabIndex = -1;
    keepKeys(root);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `Your prediction, ${name}`);
    if (shape === null) this.addChoices(choices);
    else this.addCells(shape);
    this.deeds = element("div", "cg-deeds", root);
    if (shape !== null) button(this.deeds, "Answer", () => this.answerWithCells());
    this.skip = button(this.deeds, "Skip", () => this.send(null), "Skip: show what follows without an answer");
    this.how = element("small", "", this.deeds);
    this.says = element("div", "cg-reply", root);
    this.says.setAttribute("role", "status");
    this.first = element("div", "cg-first", root);
    this.gone = new AbortController();
    /** @type {Element | null} */
    this.notebook = null;
    /** @type {Element | null | undefined} */
    this.sheet = null;
    root.addEventListener("keydown", (event) => this.key(event), { signal: this.gone.signal });
    this.onReply = () => this.show(true);
    model.on("change:reply", this.onReply);
    this.show(false);
    this.beginFolding();
  }

  /** Fold what follows in place of the style sheet beside this widget, as soon as both are on the page. */
  beginFolding() {
    if (this.gone.signal.aborted) return;
    if (!this.root.isConnected) {
      setTimeout(() => this.beginFolding(), 20);
      return;
    }
    this.notebook = this.root.closest(".jp-Notebook");
    this.sheet = this.root.closest(".jp-OutputArea")?.querySelector(`style.${this.mark}-fold`);
    this.fold();
    if (this.sheet instanceof HTMLStyleElement) this.sheet.disabled = true;
  }

  fold() {
    const { reveals, code, folded } = this.model.get("asked");
    const open = reveals !== null && !this.model.get("reply").opens && !this.gone.signal.aborted;
    if (this.notebook) noteQuestion(this.notebook, this.root, open ? { reveals, code, says: folded } : null);
  }

  destroy() {
    clearTimeout(this.waiting);
    this.gone.abort();
    this.model.off("change:reply", this.onReply);
    this.root.remove();
    if (this.sheet instanceof HTMLStyleElement) this.sheet.disabled = false;
    this.fold();
  }

  /** @param {[letter: string, says: Pieces][]} choices */
  addChoices(choices) {
    const list = element("div", "cg-choices", this.root);
    this.choices = choices.map(([letter, says]) => {
      const node = button(list, "", () => this.send(letter));
      node.dataset.letter = letter;
      element("kbd", "", node, letter);
      write(element("span", "", node), says);
      element("span", "cg-verdict", node);
      return node;
    });
  }

  /**
   * Cells to type into, laid out as the answer: a number, a row, or rows and columns.
   * @param {number[]} shape
   */
  addCells(shape) {
    const grid = element("div", "cg-cells", this.root);
    const columns = shape.at(-1) ?? 1;
    grid.style.gridTemplateColumns = `repeat(${columns}, max-content)`;
    const count = shape.reduce((product, length) => product * length, 1);
    for (let n = 0; n < count; n++) {
      const place = shape.length === 2 ? `row ${Math.floor(n / columns)}, column ${n % columns}` : `entry ${n}`;
      const label = element("label", "", grid);
      const cell = element("input", "", label);
      cell.type = "text";
      cell.inputMode = "text"; // the number pads of phones have no minus
      cell.autocomplete = "off";
      cell.setAttribute("aria-label", shape.length ? `Your answer, ${place}` : "Your answer, a number");
      keepKeys(cell);
      element("span", "cg-verdict", label);
      cell.addEventListener("paste", (event) => this.paste(event, n));
      cell.addEventListener("input", () => this.unmark());
      this.cells.push(cell);
    }
  }

  /**
   * Several numbers pasted at once fill several cells.
   * @param {ClipboardEvent} event
   * @param {number} from
   */
  paste(event, from) {
    const numbers = event.clipboardData?.getData("text").match(/[^\s,;[\]()]+/g) ?? [];
    if (numbers.length < 2) return;
    event.preventDefault();
    for (const [n, cell] of this.cells.slice(from).entries()) if (n < numbers.length) cell.value = numbers[n];
    this.unmark();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target instanceof HTMLInputElement) {
      if (event.key === "Enter") this.take(event, () => this.enter());
      else event.stopPropagation();
      return;
    }
    const chosen = this.choices.findIndex(({ dataset }) => dataset.letter === event.key.toLowerCase());
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const at = this.choices.findIndex((node) => node.matches(":focus"));
    if (chosen >= 0) this.take(event, () => this.choices[chosen].click());
    else if (step && this.choices.length)
      this.take(event, () => this.choices.at((at + step) % this.choices.length)?.focus());
  }

  /**
   * @param {KeyboardEvent} event
   * @param {() => void} action
   */
  take(event, action) {
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** Enter goes to the next empty cell, and answers when there is none. */
  enter() {
    const empty = this.cells.find(({ value }) => !value.trim());
    if (empty) empty.focus();
    else this.answerWithCells();
  }

  answerWithCells() {
    const texts = this.cells.map(({ value }) => value.trim());
    const shape = this.model.get("asked").shape ?? [];
    const columns = shape.at(-1) ?? 1;
    const rows = Array.from({ length: texts.length / columns }, (_, row) =>
      texts.slice(row * columns, (row + 1) * columns),
    );
    this.send(shape.length === 2 ? rows : shape.length === 1 ? texts : texts[0]);
  }

  /** @param {Answer} answer */
  send(answer) {
    this.model.set("given", { number: this.model.get("given").number + 1, answer });
    this.model.save_changes();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.says.replaceChildren(BUSY), PATIENCE);
  }

  /** @param {boolean} now whether an answer was given just now */
  show(now) {
    clearTimeout(this.waiting);
    const { asked, reply } = { asked: this.model.get("asked"), reply: this.model.get("reply") };
    const { status, head, says, answer, parts, first, opens } = reply;
    this.root.dataset.status = status;
    this.root.classList.toggle(`${this.mark}-open`, opens);
    this.skip.hidden = opens;
    this.how.textContent = status === "wrong" ? "You can change your mind." : "";
    this.says.replaceChildren();
    if (head) element("b", "", this.says, head);
    if (head) this.says.append(" · ");
    write(this.says, status === "neutral" && !says.length ? [["", asked.how]] : says);
    this.first.replaceChildren();
    write(this.first, first);
    for (const node of this.choices) {
      const chosen = node.dataset.letter === answer;
      node.setAttribute("aria-pressed", String(chosen));
      verdict(node, chosen && status !== "neutral" ? status === "right" : undefined);
    }
    if (!now) this.fill(answer);
    this.markParts(parts);
    this.fold();
    if (now && opens) this.unfold(asked);
  }

  /** @param {Answer} answer */
  fill(answer) {
    const texts = [answer ?? []].flat(2);
    for (const [n, cell] of this.cells.entries()) cell.value = String(texts[n] ?? "");
  }

  /** @param {boolean[]} parts */
  markParts(parts) {
    for (const [n, cell] of this.cells.entries()) {
      const label = /** @type {HTMLElement} */ (cell.parentElement);
      verdict(label, parts[n]);
      label.dataset.part = String(parts[n] ?? "");
      if (parts.length) cell.setAttribute("aria-invalid", String(!parts[n]));
      else cell.removeAttribute("aria-invalid");
    }
  }

  unmark() {
    this.markParts([]);
  }

  /**
   * Open what a copy of the lesson came with folded, as a learner would by hand.
   * @param {QuestionState["asked"]} asked
   */
  unfold({ reveals, code }) {
    const start = this.root.closest(".jp-Cell");
    for (const [cell] of start && reveals ? following(start, reveals, code) : [])
      for (const node of cell.querySelectorAll(".jp-OutputPlaceholder, .jp-InputPlaceholder"))
        if (node instanceof HTMLElement && cell.matches(".jp-CodeCell")) node.click();
  }
}

/**
 * A sign beside a choice or in a cell; undefined: none.
 * @param {HTMLElement} node
 * @param {boolean | undefined} right
 */
function verdict(node, right) {
  const sign = /** @type {HTMLElement} */ (node.querySelector(".cg-verdict"));
  sign.textContent = right === undefined ? "" : right ? RIGHT : WRONG;
  sign.setAttribute("aria-hidden", "true"); // the sentence below says it
}

/** @type {Render<QuestionState>} */
function render({ model, el }) {
  const question = new Question(model, element("div", "", el));
  return () => question.destroy();
}

export default { render };
