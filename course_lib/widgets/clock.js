// @ts-check
// Which step each story shows at a position of the time line.

/** @import { Story } from "./story.js" */

export class Clock {
  /**
   * @param {Story[]} stories
   * @param {number[][]} [ticks] for every position, the step of each story; without them all begin and end together
   * @param {number | null} [halt] the position at which playing pauses
   */
  constructor(stories, ticks, halt) {
    this.stories = stories;
    this.ticks = ticks;
    this.halt = halt ?? -1;
    this.last = ticks ? ticks.length - 1 : Math.max(0, ...stories.map((story) => story.last));
  }

  /**
   * The step that story n shows at a position.
   * @param {number} n
   * @param {number} position
   */
  step(n, position) {
    if (this.ticks) return this.ticks[position][n];
    return this.last ? Math.round((position / this.last) * this.stories[n].last) : 0;
  }

  /**
   * Where on the time line story n comes to a step, from 0 to 1.
   * @param {number} n
   * @param {number} step
   */
  share(n, step) {
    if (!this.ticks) return step / this.stories[n].last;
    return this.ticks.findIndex((tick) => tick[n] >= step) / this.last;
  }
}
