// @ts-check
// A digit that draws itself on an empty pad, once, to show what the pad does.

const [POINTS, BEAT] = [36, 45]; // of its stroke, and the milliseconds between them

export class Demo {
  /**
   * It begins when the pad is seen; where motion is unwelcome, the digit is there at once.
   * @param {Element} canvas
   * @param {number} side of the pad, in the units of strokes
   * @param {(strokes: Point[][]) => void} show
   */
  constructor(canvas, side, show) {
    this.side = side;
    this.show = show;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.next = undefined;
    this.watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.watcher.disconnect();
      this.draw(matchMedia("(prefers-reduced-motion: reduce)").matches ? POINTS : 1);
    });
    this.watcher.observe(canvas);
  }

  /** @param {number} points how many of its points are drawn */
  draw(points) {
    this.show([Array.from({ length: points }, (_, n) => three(n / (POINTS - 1), this.side))]);
    if (points < POINTS) this.next = setTimeout(() => this.draw(points + 1), BEAT);
  }

  end() {
    clearTimeout(this.next);
    this.watcher.disconnect();
  }
}

/**
 * A point of a three: two arcs, one below the other.
 * @param {number} share how much of it is drawn, from 0 to 1
 * @param {number} side
 * @returns {Point}
 */
function three(share, side) {
  const [middle, radius] = share < 0.5 ? [0.34, 0.17] : [0.68, 0.2];
  const angle = (share < 0.5 ? -160 + 500 * share : -90 + 500 * (share - 0.5)) * (Math.PI / 180);
  const at = [0.47 + radius * Math.cos(angle), middle + radius * Math.sin(angle)];
  return [Math.round(at[0] * side), Math.round(at[1] * side)];
}
