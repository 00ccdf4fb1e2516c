// @ts-check
// A gradient drawn by hand: a cell of each grid is chosen, and each click into an empty cell adds their product.
// render() is the anywidget entry point; it needs only model.get, set, save_changes, on, off and an element.

/** @import { AnyModel, Render } from "@anywidget/types" */
import { button, element, keepKeys, labelled } from "./dom.js";
import { amountText } from "./looks.js";

const PATIENCE = 1500; // milliseconds until it is said that Python is busy
const BUSY = "Python is busy with another cell. Your drawing is judged when that cell has ended.";
const [RIGHT, WRONG] = ["✓", "✗"];
const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

class Sheet {
  /**
   * @param {AnyModel<DrawingState>} model
   * @param {HTMLElement} root
   */
  constructor(model, root) {
    this.model = model;
    this.root = root;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined;
    const { name, tensor, role, shape, grids } = model.get("asked");
    this.rows = shape[0];
    this.columns = shape[1];
    root.className = "cg-draw";
    root.tabIndex = -1;
    keepKeys(root);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `Drawing of ${tensor}, ${name}`);
    const table = element("div", "cg-grids", root);
    /** @type {(number | null)[]} which cell of each grid is chosen */
    this.chosen = grids.map(() => null);
    this.sources = grids.map((grid, n) => this.addGrid(table, grid, n));
    this.cells = this.addCells(table, tensor, role);
    this.product = element("div", "cg-product", root);
    this.product.setAttribute("role", "status");
    this.deeds = element("div", "cg-deeds", root);
    button(this.deeds, "Check", () => this.send());
    button(this.deeds, "Clear", () => this.clear(), "Clear all cells");
    this.says = element("div", "cg-reply", root);
    this.says.setAttribute("role", "status");
    this.onReply = () => this.show();
    model.on("change:reply", this.onReply);
    this.fill(model.get("reply").rows);
    this.tellProduct();
    this.show();
  }

  destroy() {
    clearTimeout(this.waiting);
    this.model.off("change:reply", this.onReply);
    this.root.remove();
  }

  /**
   * A grid with numbers, each a button.
   * @param {HTMLElement} table
   * @param {DrawingState["asked"]["grids"][number]} grid
   * @param {number} n
   */
  addGrid(table, grid, n) {
    const box = element("div", "cg-given", table);
    box.dataset.role = grid.role;
    element("b", "", box, grid.name);
    const cells = element("div", "cg-cells", box);
    cells.style.gridTemplateColumns = `repeat(${grid.rows[0].length}, max-content)`;
    return grid.rows.flat().map((text, cell) => {
      const columns = grid.rows[0].length;
      const place = `${Math.floor(cell / columns)}, ${cell % columns}`;
      const node = button(cells, text, () => this.choose(n, cell));
      labelled(node, `${grid.name}[${place}] = ${text}`);
      return node;
    });
  }

  /**
   * The empty cells, with the numbers of rows and columns beside them.
   * @param {HTMLElement} table
   * @param {string} tensor
   * @param {string} role
   */
  addCells(table, tensor, role) {
    const box = element("div", "cg-given", table);
    box.dataset.role = role;
    element("b", "", box, tensor);
    const grid = element("div", "cg-cells", box);
    grid.style.gridTemplateColumns = `repeat(${this.columns + 1}, max-content)`;
    const index = (/** @type {number | string} */ text) =>
      element("span", "cg-index", grid, String(text)).setAttribute("aria-hidden", "true");
    index("");
    for (let column = 0; column < this.columns; column++) index(column);
    /** @type {HTMLInputElement[]} */
    const cells = [];
    for (let row = 0; row < this.rows; row++) {
      index(row);
      for (let column = 0; column < this.columns; column++)
        cells.push(this.addCell(grid, `${tensor}[${row}, ${column}]`));
    }
    return cells;
  }

  /**
   * @param {HTMLElement} grid
   * @param {string} name
   */
  addCell(grid, name) {
    const label = element("label", "", grid);
    const cell = element("input", "", label);
    cell.type = "text";
    cell.autocomplete = "off";
    cell.setAttribute("aria-label", name);
    keepKeys(cell);
    element("span", "cg-verdict", label).setAttribute("aria-hidden", "true"); // the sentence below counts them
    cell.addEventListener("click", (event) => this.add(cell, event.shiftKey ? -1 : 1));
    cell.addEventListener("input", () => this.mark([]));
    cell.addEventListener("keydown", (event) => this.key(event, cell));
    return cell;
  }

  /**
   * Choose a cell of a grid, or none if it was chosen.
   * @param {number} n
   * @param {number} cell
   */
  choose(n, cell) {
    this.chosen[n] = this.chosen[n] === cell ? null : cell;
    for (const [at, node] of this.sources[n].entries())
      node.setAttribute("aria-pressed", String(at === this.chosen[n]));
    this.tellProduct();
  }

  /** The product of the cells that are chosen; null where one is missing. */
  amount() {
    const grids = this.model.get("asked").grids;
    const values = grids.map((grid, n) => (this.chosen[n] === null ? null : grid.values.flat()[this.chosen[n]]));
    return values.reduce((product, value) => (product === null || value === null ? null : product * value), 1);
  }

  tellProduct() {
    const { grids, how } = this.model.get("asked");
    const amount = this.amount();
    if (amount === null) {
      this.product.textContent = how;
      return;
    }
    const texts = grids.map((grid, n) => {
      const [cell, columns] = [this.chosen[n] ?? 0, grid.rows[0].length];
      const place = `${Math.floor(cell / columns)}, ${cell % columns}`;
      return `${grid.name}[${place}]`;
    });
    this.product.textContent = `Each click adds ${texts.join(" · ")} = ${amountText(amount)}; with Shift it takes that away.`;
  }

  /**
   * Add the product to a cell, if there is one and the cell holds a number or nothing.
   * @param {HTMLInputElement} cell
   * @param {number} sign
   */
  add(cell, sign) {
    const amount = this.amount();
    const before = cell.value.trim() ? Number(cell.value.replace("−", "-")) : 0;
    if (amount === null || Number.isNaN(before)) return;
    cell.value = amountText(before + sign * amount).replace("−", "-");
    this.mark([]);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {HTMLInputElement} cell
   */
  key(event, cell) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    event.stopPropagation();
    const step = STEPS[/** @type {keyof typeof STEPS} */ (event.key)];
    const sign = { "+": 1, " ": 1, "-": this.amount() !== null && cell.value.trim() ? -1 : 0 }[event.key];
    if (event.key === "Enter") this.send();
    else if (step) this.move(cell, step);
    else if (sign && this.amount() !== null) this.add(cell, sign);
    else return;
    event.preventDefault();
  }

  /**
   * @param {HTMLInputElement} cell
   * @param {number[]} step
   */
  move(cell, [down, right]) {
    const at = this.cells.indexOf(cell);
    const [row, column] = [Math.floor(at / this.columns) + down, (at % this.columns) + right];
    if (row >= 0 && row < this.rows && column >= 0 && column < this.columns)
      this.cells[row * this.columns + column].focus();
  }

  clear() {
    this.fill([]);
    this.mark([]);
    this.cells[0].focus();
  }

  send() {
    const texts = this.cells.map(({ value }) => value.trim());
    const rows = Array.from({ length: this.rows }, (_, row) =>
      texts.slice(row * this.columns, (row + 1) * this.columns),
    );
    this.model.set("given", { number: this.model.get("given").number + 1, rows });
    this.model.save_changes();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.says.replaceChildren(BUSY), PATIENCE);
  }

  show() {
    clearTimeout(this.waiting);
    const { status, head, says, parts } = this.model.get("reply");
    this.root.dataset.status = status;
    this.says.replaceChildren();
    if (head) element("b", "", this.says, head);
    if (head) this.says.append(" · ");
    for (const [tag, text] of says)
      if (tag === "code" || tag === "em") element(tag, "", this.says, text);
      else this.says.append(text);
    this.mark(parts);
  }

  /** @param {string[][]} rows */
  fill(rows) {
    const texts = rows.flat();
    for (const [n, cell] of this.cells.entries()) cell.value = texts[n] ?? "";
  }

  /** @param {boolean[]} parts */
  mark(parts) {
    for (const [n, cell] of this.cells.entries()) {
      const label = /** @type {HTMLElement} */ (cell.parentElement);
      /** @type {HTMLElement} */ (label.querySelector(".cg-verdict")).textContent =
        parts[n] === undefined ? "" : parts[n] ? RIGHT : WRONG;
      label.dataset.part = String(parts[n] ?? "");
      if (parts.length) cell.setAttribute("aria-invalid", String(!parts[n]));
      else cell.removeAttribute("aria-invalid");
    }
  }
}

/** @type {Render<DrawingState>} */
function render({ model, el }) {
  const sheet = new Sheet(model, element("div", "", el));
  return () => sheet.destroy();
}

export default { render };
