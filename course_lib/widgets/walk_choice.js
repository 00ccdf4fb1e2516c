// @ts-check
// The entry of a gradient that is chosen in the way back, and whether the channels shown are those of its way.

/** @import { Walk } from "./paying.js" */
/** @import { WalkPicture } from "./walk_picture.js" */
/** @import { Spot } from "./walk_plan.js" */

export class WalkChoice {
  /**
   * @param {WalkPicture} picture
   * @param {(wholly: boolean) => void} changed what is kept or which channels are shown, and not only what is pointed at
   */
  constructor(picture, changed) {
    this.picture = picture;
    this.changed = changed;
    /** @type {Spot | null} */
    this.kept = null;
    /** @type {Spot | null} */
    this.pointed = null;
    this.untouched = true; // nothing was chosen or let go of yet: the pixel with the largest gradient is
    this.following = true; // the channels of the way to the loss are shown, and no other was chosen since
    /** @type {Spot | null} */
    this.hidden = null; // what was kept before the gradients began to come back
  }

  get spot() {
    return this.pointed ?? this.kept;
  }

  /** Another walk is shown. @param {Walk} walk */
  take(walk) {
    this.walk = walk;
    if (this.untouched) this.begin();
    else if (this.following) this.keep(this.kept);
  }

  /** Without a choice of the reader's, the pixel with the largest gradient is kept. */
  begin() {
    if (this.untouched && this.walk) this.keep(this.walk.strongest);
  }

  /** While the gradients come back, nothing is chosen. */
  hide() {
    this.hidden ??= this.kept;
    this.keep(null);
  }

  /** What was chosen before is chosen again, if nothing else is. */
  showAgain() {
    const { hidden } = this;
    this.hidden = null;
    if (this.kept) return;
    if (this.untouched) this.begin();
    else if (this.following) this.keep(hidden);
    else {
      this.kept = hidden;
      this.changed(true);
    }
  }

  /** @param {Spot | null} spot */
  point(spot) {
    if (spot?.at === this.pointed?.at && spot?.cell === this.pointed?.cell) return;
    this.pointed = spot;
    this.changed(false);
  }

  /** The reader's own choice. @param {Spot | null} spot */
  choose(spot) {
    this.untouched = false;
    this.hidden = null;
    this.following = true;
    this.keep(spot);
  }

  /** @param {Spot} channel of column `at` */
  chooseChannel({ at, cell }) {
    this.untouched = this.following = false;
    this.picture.choose(at, cell);
    this.changed(true);
  }

  /**
   * Keep a cell, and show the channels of those on its way to the loss.
   * @param {Spot | null} spot
   */
  keep(spot) {
    this.kept = spot;
    if (spot && this.walk) {
      for (const [at, cell] of this.walk.wayToTheLoss(spot.at, spot.cell).reverse()) {
        this.picture.choose(at, this.walk.columns[at].place(cell)[0]);
      }
    }
    this.changed(true);
  }

  /**
   * Choose an entry beside the one that is kept, or the same entry of a channel beside. A vector has the rows it is shown in.
   * @param {[channel: number, row: number, column: number]} step
   */
  move([channel, row, column]) {
    const { kept, walk } = this;
    if (!kept || !walk) return;
    const { at, cell } = kept;
    const found = walk.columns[at];
    const [k, i, j] = found.place(cell);
    if (found.isPicture) {
      const next = [k + channel, i + row, j + column];
      const inside = [found.channels, found.rows, found.columns].every((most, n) => next[n] >= 0 && next[n] < most);
      if (inside) this.choose({ at, cell: found.cell(next[0], next[1], next[2]) });
      return;
    }
    const next = cell + (at === walk.last ? row : row * this.picture.across(at) + column);
    if (next >= 0 && next < found.values.length) this.choose({ at, cell: next });
  }

  /** @param {1 | -1} step towards the loss or towards the pixels */
  goOn(step) {
    const { kept, walk } = this;
    const [most] = kept && walk ? walk[step > 0 ? "received" : "given"](kept.at, kept.cell) : [];
    if (kept && most) this.choose({ at: kept.at + step, cell: most.cell });
  }

  /**
   * @param {string} name
   * @param {boolean} shift
   * @returns {boolean} whether the key chooses anything
   */
  key(name, shift) {
    /** @type {Record<string, () => void>} */
    const actions = shift
      ? {
          ArrowRight: () => this.move([0, 0, 1]),
          ArrowLeft: () => this.move([0, 0, -1]),
          ArrowDown: () => this.move([0, 1, 0]),
          ArrowUp: () => this.move([0, -1, 0]),
          PageDown: () => this.move([1, 0, 0]),
          PageUp: () => this.move([-1, 0, 0]),
        }
      : {
          ArrowRight: () => this.goOn(1),
          ArrowLeft: () => this.goOn(-1),
          Escape: () => this.choose(null),
        };
    actions[name]?.();
    return name in actions;
  }
}
