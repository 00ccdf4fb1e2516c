// @ts-check
// Test images that a network got wrong at first, in a strip: below each is what the network says now.

import { element } from "./dom.js";

export class HardOnes {
  /** @param {Element} parent */
  constructor(parent) {
    this.box = element("figure", "cg-board-view cg-hard", parent);
    this.title = element("figcaption", "", this.box);
    this.strip = element("div", "cg-hard-strip", this.box);
    this.png = "";
  }

  /**
   * @param {BoardState["hard"]} hard
   * @param {BoardState["sample"]} sample
   */
  draw({ png, labels }, { says }) {
    this.box.hidden = !png;
    if (!png || !labels || !says) return;
    if (png !== this.png) this.show(png, labels.length);
    const right = says.filter((answer, n) => answer === labels[n]).length;
    this.title.textContent = `Hard test images: ${right} of ${labels.length} right`;
    element("span", "", this.title, "  below each: what the network says now");
    for (const [n, tile] of [...this.strip.children].entries()) {
      const ok = says[n] === labels[n];
      const words = ok ? `✓ ${says[n]}` : `${says[n]}`;
      tile.className = ok ? "cg-hard-right" : "cg-hard-wrong";
      tile.setAttribute("aria-label", `a ${labels[n]}, read as ${says[n]}`);
      tile.lastElementChild?.replaceChildren(words);
    }
  }

  /**
   * One picture holds all images, side by side; each tile shows its part of it.
   * @param {string} png
   * @param {number} count
   */
  show(png, count) {
    this.png = png;
    this.strip.replaceChildren();
    this.strip.style.setProperty("--cg-images", `url("data:image/png;base64,${png}")`);
    this.strip.style.setProperty("--cg-count", String(count));
    for (let n = 0; n < count; n++) {
      const tile = element("div", "", this.strip);
      tile.setAttribute("role", "img");
      const image = element("span", "", tile);
      image.style.backgroundPosition = `${count > 1 ? (100 * n) / (count - 1) : 0}% 0`;
      image.style.backgroundSize = `${100 * count}% 100%`;
      element("b", "", tile);
    }
  }
}
