// @ts-check
// The ten scores: their probabilities, the gradient that starts at each, and the true class.

/** @import { Walk } from "./paying.js" */
import { button, element, labelled } from "./dom.js";
import { number } from "./looks.js";

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
    labelled(node, `${digit}: ${number(100 * p, 2)} %, gradient ${slope}${truth ? ", the true class" : ""}`);
    node.className = `we-score ${truth ? "we-true" : ""}`;
    element("b", "", node, `${digit}${truth ? " ✓" : ""}`);
    const bar = element("span", "we-bar", node);
    element("span", "", bar).style.width = `${100 * p}%`;
    element("span", "we-p", node, p < 0.001 ? "0 %" : `${number(100 * p, 2)} %`);
    element("span", `we-d ${gradient[digit] < 0 ? "we-below" : "we-above"}`, node, slope);
  });
  if (!name) return;
  const row = element("div", "we-truth we-soft", parent, "it is a ");
  for (let digit = 0; digit < walk.probabilities.length; digit++) {
    button(row, String(digit), () => name(digit), `The true class is ${digit}`);
  }
}
