// @ts-check
// Taking hold of a cell: up and down changes its number, where it may be changed; along, the window follows.

/** @import { Panel } from "./panel.js" */
/** @import { Player } from "./player.js" */

const STEP = 14; // pixels that change a number by one
const START = 6; // pixels after which a press is a drag

/**
 * @typedef {object} Held a cell that is held, and what it was when it was taken
 * @property {Panel} panel
 * @property {Cell} cell
 * @property {Point} from
 * @property {number} value
 * @property {number} given the value that was asked for last
 * @property {"" | "value" | "window"} way
 */

/**
 * Enter in a field for a line of numbers takes them, as it does where a field has one row only. ipywidgets, which
 * makes the field, would begin a new row.
 * @param {KeyboardEvent} event
 */
export function takeLine(event) {
  const field = event.target;
  if (event.key !== "Enter" || event.defaultPrevented || !(field instanceof HTMLTextAreaElement)) return;
  if (!field.closest(".cg-line")) return;
  event.preventDefault();
  event.stopPropagation();
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

export class Handle {
  /** @param {Player} player whose root stays, whatever is drawn anew inside of it */
  constructor(player) {
    this.player = player;
    /** @type {Held | null} */
    this.held = null;
  }

  /** The names of the arrays whose numbers may be changed. */
  get turnable() {
    return this.player.model.get("turnable") ?? [];
  }

  /** Whether a cell is being dragged, so that nothing else heeds the pointer. */
  get busy() {
    return Boolean(this.held?.way);
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const { root } = this.player;
    root.addEventListener("pointermove", (event) => this.move(event), { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      root.addEventListener(end, () => this.letGo(), { signal });
    }
    if (this.turnable.length)
      document.addEventListener("keydown", (event) => takeLine(event), { signal, capture: true });
  }

  /**
   * The cell under the pointer, whose look says whether it can be changed.
   * @param {MouseEvent} event
   * @param {Panel} panel
   */
  over(event, panel) {
    const cell = panel.cellAt(event);
    panel.canvas.style.cursor = cell && this.mayTurn(panel, cell) ? "ns-resize" : "";
    return cell;
  }

  /**
   * @param {PointerEvent} event
   * @param {Panel} panel
   */
  take(event, panel) {
    const cell = panel.cellAt(event);
    if (!cell || event.button !== 0) return;
    const value = panel.story.grids[cell.grid].value(cell.cell, panel.at) ?? 0;
    this.held = { panel, cell, from: [event.clientX, event.clientY], value, given: value, way: "" };
  }

  letGo() {
    this.held = null;
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { held } = this;
    if (!held) return;
    const [across, up] = [event.clientX - held.from[0], held.from[1] - event.clientY];
    if (!held.way) {
      if (Math.hypot(across, up) < START) return;
      held.way = Math.abs(up) > Math.abs(across) && this.mayTurn(held.panel, held.cell) ? "value" : "window";
      this.player.root.setPointerCapture(event.pointerId);
      this.player.selection.letGo();
    }
    if (held.way === "value") this.turnTo(held, held.value + Math.round(up / STEP));
    else this.follow(held, event);
  }

  /**
   * Go to the step whose window in the grid that is held lies under the pointer.
   * @param {Held} held
   * @param {PointerEvent} event
   */
  follow({ panel, cell }, event) {
    const { player } = this;
    const frame = panel.canvas.getBoundingClientRect();
    const steps = Array.from({ length: player.last + 1 }, (_, position) => player.positionIn(panel, position));
    /** @type {Point} */
    const point = [event.clientX - frame.left, event.clientY - frame.top];
    const position = nearestWindow(panel, cell.grid, point, steps, player.position);
    if (position >= 0 && position !== player.position) player.go(position);
  }

  /**
   * @param {Held} held
   * @param {number} value
   */
  turnTo(held, value) {
    if (value === held.given) return;
    held.given = value;
    this.change(held.panel, held.cell, value);
  }

  /**
   * @param {Panel} panel
   * @param {Cell} cell
   */
  mayTurn(panel, { grid, cell }) {
    const { key, fillers } = panel.story.grids[grid];
    return this.turnable.includes(key) && !fillers[cell];
  }

  /** What the arrow keys up and down do: they change the number that is chosen. */
  get keys() {
    const { kept } = this.player.selection;
    if (!kept || !this.mayTurn(kept.panel, kept)) return {};
    const value = kept.panel.story.grids[kept.grid].value(kept.cell, kept.panel.at) ?? 0;
    return {
      ArrowUp: () => this.change(kept.panel, kept, value + 1),
      ArrowDown: () => this.change(kept.panel, kept, value - 1),
    };
  }

  /**
   * @param {Panel} panel
   * @param {Cell} cell
   * @param {number} value
   */
  change({ story }, { grid, cell }, value) {
    const { key, ndim } = story.grids[grid];
    this.player.model.set("turned", { key, place: story.grids[grid].place(cell).slice(2 - ndim), value });
    this.player.model.save_changes();
  }
}

/**
 * The position at which the window of a grid lies nearest to a point, or -1 where no step has a window in it.
 * @param {Panel} panel
 * @param {number} grid
 * @param {Point} point
 * @param {number[]} steps for every position, the step of this panel
 * @param {number} now the position that is shown: of two that are as near, the one next to it is taken
 */
export function nearestWindow({ story, layout }, grid, [x, y], steps, now) {
  let [nearest, best] = [-1, Number.POSITIVE_INFINITY];
  for (const [position, at] of steps.entries()) {
    const lit = story.litAt(at)[grid];
    if (!lit.size || lit.size === story.grids[grid].count) continue;
    const [left, top, right, bottom] = layout.around(grid, lit, story.places[at]);
    const away = Math.hypot((left + right) / 2 - x, (top + bottom) / 2 - y) + 0.001 * Math.abs(position - now);
    if (away < best) [nearest, best] = [position, away];
  }
  return nearest;
}
