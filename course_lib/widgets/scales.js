// @ts-check
// Where values stand on an axis, which of them are labelled, and how times and counts are written.

/**
 * A function that gives the share of the way from low to high at which a value stands, or of the way of its logarithm.
 * @param {number} low
 * @param {number} high
 * @param {boolean} log
 * @returns {(value: number) => number}
 */
export function scale(low, high, log) {
  return log ? (value) => Math.log(value / low) / Math.log(high / low) : (value) => (value - low) / (high - low);
}

/**
 * Places for labels on a logarithmic axis: 1, 2 and 5 times powers of ten, fewer where there are many.
 * @param {number} low
 * @param {number} high
 * @returns {number[]}
 */
export function decades(low, high, most = 5) {
  for (const steps of [
    [1, 2, 5],
    [1, 3],
  ]) {
    const found = multiplesBetween(low, high, steps);
    if (found.length <= most) return found;
  }
  const powers = multiplesBetween(low, high, [1]);
  return powers.filter((_, n) => n % Math.ceil(powers.length / most) === 0);
}

/**
 * The products of powers of ten and some steps that lie between two values.
 * @param {number} low
 * @param {number} high
 * @param {number[]} steps
 */
function multiplesBetween(low, high, steps) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const step of steps) {
      const value = step * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  return found;
}

/**
 * Places for labels on a linear axis: multiples of 1, 2 or 5 times a power of ten.
 * @param {number} low
 * @param {number} high
 */
export function evenly(low, high, most = 5) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5].map((factor) => factor * power).find((size) => size >= rough * 0.999) ?? 10 * power;
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high * (1 + 1e-9); n++) found.push(n * step);
  return found;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {number} value */
export const count = (value) => (Math.round(value) || 0).toLocaleString("en-US");

/** @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(1)} %`;
