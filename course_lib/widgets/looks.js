// @ts-check
// How numbers are written and what colours mean: the rules of looks.py, in JavaScript.

import { context2d, element } from "./dom.js";

// ---------------------------------------------------------------- numbers

const MINUS = "−";
export const NOISE = 1e-9;

/**
 * A number as it is written everywhere. looks.py has the same function, and says by which rules.
 * @param {number} value
 */
export function number(value, figures = 3) {
  if (Number.isNaN(value)) return "nan";
  const size = Math.abs(value);
  const bare = size < 1e5 && Number.isInteger(size);
  const text = size === Infinity ? "inf" : bare ? String(size) : inFigures(size, figures);
  return (value < 0 ? MINUS : "") + text;
}

/**
 * @param {number} size
 * @param {number} figures
 */
function inFigures(size, figures) {
  const power = () => size.toExponential(Math.max(figures - 2, 0)); // rarely needed, and it takes time
  const exponent = exponentOf(size.toExponential(figures - 1));
  if (exponent >= -3 || exponentOf(power()) >= -3) {
    const fixed = size.toFixed(Math.max(0, figures - 1 - exponent));
    if (Number(fixed) < 1e5) return withoutLastZeros(fixed);
  }
  return `${withoutLastZeros(power().split("e")[0])}e${exponentOf(power())}`.replace("-", MINUS);
}

/** @param {string} power */
const exponentOf = (power) => Number(power.split("e")[1]);

/** @param {string} text */
const withoutLastZeros = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/**
 * `number` for what an animation adds up: what rounding leaves of amounts that cancel is written 0.
 * @param {number} value
 */
export const amountText = (value) => number(Math.abs(value) < NOISE ? 0 : value);

/**
 * The same in two figures, for cells in which three would be too small to read.
 * @param {number} value
 */
export const roughText = (value) => number(Math.abs(value) < NOISE ? 0 : value, 2);

// ---------------------------------------------------------------- colours

/** @type {Rgb} */
export const BLACK = [0, 0, 0];
/** @type {Rgb} */
export const WHITE = [255, 255, 255];

/**
 * @param {string} colour such as "#0072b2"
 * @returns {Rgb}
 */
export function channels(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return [red, green, blue];
}

/**
 * The colour on the way from `from` (share 0) to `to` (share 1).
 * @param {Rgb} from
 * @param {Rgb} to
 * @param {number} share
 * @returns {Rgb}
 */
export function blend(from, to, share) {
  const [red, green, blue] = from.map((value, n) => Math.round(value + (to[n] - value) * share));
  return [red, green, blue];
}

/** @param {Rgb} rgb */
export const css = (rgb) => `rgb(${rgb.join()})`;

/**
 * The relative luminance, from 0 to 1, as the Web Content Accessibility Guidelines define it.
 * @param {Rgb} rgb
 */
function brightness(rgb) {
  const [red, green, blue] = rgb.map((value) => (value <= 10 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * Black or white, whichever stands out more.
 * @param {Rgb} rgb
 */
export const textOn = (rgb) => css(brightness(rgb) > 0.179 ? BLACK : WHITE);

/** The colours of a page, light or dark as it is now. */
export class Theme {
  /** @param {HTMLElement} root */
  constructor(root) {
    const style = getComputedStyle(root);
    this.paper = channelsOf(style.backgroundColor);
    this.ink = channelsOf(style.color);
    this.dark = brightness(this.paper) < 0.2;
    this.font = style.fontFamily;
    this.codeFont = getComputedStyle(root.querySelector(".cg-formula") ?? root).fontFamily;
    this.soft = css(blend(this.paper, this.ink, 0.62));
    this.roles = Object.fromEntries(Object.entries(LOOKS.roles).map(([role, tones]) => [role, this.toned(tones)]));
    this.above = this.toned(LOOKS.signs.above).rgb;
    this.below = this.toned(LOOKS.signs.below).rgb;
  }

  /** @param {Tones} tones */
  toned(tones) {
    const [line, text] = this.dark ? [tones[2], tones[3]] : [tones[0], tones[1]];
    return { rgb: channels(line), line, text };
  }

  /** @param {Theme | null} other */
  sameAs(other) {
    return other !== null && css(this.paper) === css(other.paper) && css(this.ink) === css(other.ink);
  }

  /**
   * The ground of a cell with a number: the colour of its role, stronger for larger values.
   * @param {string} role
   * @param {number} share from 0 to 1
   */
  cell(role, share) {
    return blend(this.paper, this.roles[role].rgb, 0.05 + 0.75 * share);
  }

  /**
   * A pixel of a picture: one colour above zero and one below, whatever the picture shows.
   * @param {number} share from -1 to 1
   */
  signed(share) {
    return blend(this.paper, share < 0 ? this.below : this.above, Math.abs(share));
  }
}

/**
 * Any colour that CSS understands, as channels.
 * @param {string} colour
 * @returns {Rgb}
 */
function channelsOf(colour) {
  const probe = context2d(element("canvas", ""), { willReadFrequently: true });
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}
