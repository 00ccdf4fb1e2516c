// @ts-check
// Points, squares and boxes, in pixels.

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * @param {number} a
 * @param {number} b
 * @param {number} t from 0 (a) to 1 (b)
 */
export const mix = (a, b, t) => a + (b - a) * t;

/**
 * From 0 to 1, slow at both ends.
 * @param {number} t from 0 to 1
 */
export const smooth = (t) => t * t * (3 - 2 * t);

/**
 * The point at a share of the way from one point to another.
 * @param {Point} from
 * @param {Point} to
 * @param {number} share
 * @returns {Point}
 */
export const pointAt = (from, to, share) => [mix(from[0], to[0], share), mix(from[1], to[1], share)];

/**
 * @param {Square} square
 * @returns {Point}
 */
const middle = ([x, y, side]) => [x + side / 2, y + side / 2];

/**
 * The line between the middles of two squares, from edge to edge: its two ends.
 * @param {Square} from
 * @param {Square} to
 * @returns {[Point, Point]}
 */
export function between(from, to) {
  const [a, b] = [middle(from), middle(to)];
  const reach = Math.max(Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1]), 1e-9);
  const start = Math.min(0.5, from[2] / 2 / reach);
  const end = 1 - Math.min(0.5, (to[2] / 2 + 1) / reach);
  return [pointAt(a, b, start), pointAt(a, b, end)];
}

/**
 * The point at a share of the way through the middles of some squares.
 * @param {Square[]} squares
 * @param {number} share
 */
export function along(squares, share) {
  const points = squares.map(middle);
  const last = points.length - 1;
  if (!last) return points[0];
  const leg = Math.min(Math.floor(share * last), last - 1);
  return pointAt(points[leg], points[leg + 1], share * last - leg);
}

/**
 * The sides at which two boxes face each other: two points of each.
 * @param {Box} a
 * @param {Box} b
 * @returns {[[Point, Point], [Point, Point]]}
 */
export function facing(a, b) {
  const [centreX, centreY] = [(a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2];
  if (Math.abs(centreX) >= Math.abs(centreY)) {
    const [x, goal] = centreX < 0 ? [a[2], b[0]] : [a[0], b[2]];
    return [
      [
        [x, a[1]],
        [x, a[3]],
      ],
      [
        [goal, b[1]],
        [goal, b[3]],
      ],
    ];
  }
  const [y, goal] = centreY < 0 ? [a[3], b[1]] : [a[1], b[3]];
  return [
    [
      [a[0], y],
      [a[2], y],
    ],
    [
      [b[0], goal],
      [b[2], goal],
    ],
  ];
}
