// @ts-check
// The ten scores: their probabilities, the gradient that starts at each, and the true class.

/** @import { Walk } from "./paying.js" */
import { button, element, labelled } from "./dom.js";
import { number } from "./looks.js";

/** Near 100 % in one more figure: 99.7 % is not all. @param {number} p */
const percent = (p) => `${number(100 * p, p > 0.99 ? 3 : 2)} %`;

/**
 * @param {Element} parent
 * @param {Walk} walk
 * @param {{ keep: (digit: number) => void, name: ((digit: number) => void) | null }} actions what a click on a score
 *   does; and, where a drawing is shown, what says which digit it is
 */
export function writeScores(parent, walk, { keep, name }) {
  const { gradient } = walk.columns[walk.last];
  parent.replaceChildren();
  element("div", "we-head", parent, "probability, and gradient");
  walk.probabilities.forEach((p, digit) => {
    const node = button(parent, "", () => keep(digit));
    const truth = digit === walk.label;
    const slope = number(gradient[digit], 2);
    labelled(node, `${digit}: ${percent(p)}, gradient ${slope}${truth ? ", the true class" : ""}`);
    node.className = `we-score ${truth ? "we-true" : ""}`;
    element("b", "", node, `${digit}${truth ? " ✓" : ""}`);
    const bar = element("span", "we-bar", node);
    element("span", "", bar).style.width = `${100 * p}%`;
    element("span", "we-p", node, p < 0.001 ? "0 %" : percent(p));
    element("span", `we-d ${gradient[digit] < 0 ? "we-below" : "we-above"}`, node, slope);
  });
  if (!name) return;
  const row = element("div", "we-truth we-soft", parent, "it is a ");
  for (let digit = 0; digit < walk.probabilities.length; digit++) {
    const node = button(row, String(digit), () => name(digit), `The true class is ${digit}`);
    node.setAttribute("aria-pressed", String(digit === walk.label));
  }
}
