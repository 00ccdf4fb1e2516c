// @ts-check
// Which cell is chosen: the one under the pointer, or else the one that was kept by a click or by the keyboard.

/** @import { Panel } from "./panel.js" */
import { clamp } from "./geometry.js";

/** @typedef {Cell & { panel: Panel }} Chosen */

export class Selection {
  /** @param {() => void} changed is called whenever another cell is chosen, or none */
  constructor(changed) {
    this.changed = changed;
    /** @type {Chosen | null} */
    this.hovered = null;
    /** @type {Chosen | null} */
    this.kept = null;
  }

  clear() {
    this.hovered = this.kept = null;
  }

  /**
   * @param {Cell | null} found the cell under the pointer
   * @param {Panel} panel
   */
  hover(found, panel) {
    const moved = found?.cell !== this.hovered?.cell || found?.grid !== this.hovered?.grid;
    if (!moved && panel === this.hovered?.panel) return;
    this.hovered = found && { ...found, panel };
    this.changed();
  }

  /**
   * Keep a cell chosen, or let it go if it was kept already.
   * @param {Cell | null} found
   * @param {Panel} panel
   */
  keep(found, panel) {
    const same = found && this.kept?.cell === found.cell && this.kept?.grid === found.grid;
    this.kept = found && !same ? { ...found, panel } : null;
    this.changed();
  }

  letGo() {
    this.kept = null;
    this.changed();
  }

  /**
   * Keep the neighbour of the kept cell in the direction of an arrow key; past the edge, a cell of the next grid.
   * @param {string} key
   * @param {Panel} first the panel to begin in
   */
  move(key, first) {
    const panel = this.kept?.panel ?? first;
    const { grids } = panel.story;
    let { grid, cell } = this.kept ?? { grid: 0, cell: -1 };
    const { columns } = grids[grid];
    cell += { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[key] ?? 0;
    if (cell < 0 && this.kept) [grid, cell] = [(grid + grids.length - 1) % grids.length, Number.POSITIVE_INFINITY];
    else if (cell >= grids[grid].count) [grid, cell] = [(grid + 1) % grids.length, 0];
    this.kept = { grid, cell: clamp(cell, 0, grids[grid].count - 1), panel };
    this.changed();
  }

  /**
   * The chosen cell as it is found in a panel: each may have one of the same name.
   * @param {Panel} panel
   * @returns {Cell | null}
   */
  in(panel) {
    const chosen = this.hovered ?? this.kept;
    if (!chosen || chosen.panel === panel) return chosen;
    const grid = chosen.panel.story.grids[chosen.grid];
    return grid.fillers[chosen.cell] ? null : panel.story.find(grid.nameOf(chosen.cell));
  }
}
