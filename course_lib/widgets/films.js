// @ts-check
// The button that saves an animation as a GIF: the kernel draws the files and sends them, too. Where there is no kernel
// to ask, there is no button.

/** @import { AnyModel } from "@anywidget/types" */
/** @import { Bar } from "./bar.js" */
import { element } from "./dom.js";

const PATIENCE = 15000; // milliseconds without an answer
const WAITING = "Drawing …";
const NO_ANSWER = "No answer from the kernel. If it is busy, the file will come.";

/** @typedef {{ saved?: string[], failed?: string }} Answer the names of the files, whose bytes come with it */

export class Films {
  /**
   * @param {AnyModel<PlayerState>} model
   * @param {Bar} bar
   */
  constructor(model, bar) {
    this.node = element("p", "cg-films", null);
    this.node.setAttribute("role", "status");
    /** @type {string[]} */
    this.addresses = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined;
    /** @param {Answer} answer @param {DataView[]} files */
    const onAnswer = (answer, files) => this.show(answer, files);
    this.close = () => {
      clearTimeout(this.waiting);
      this.forget();
      if ("send" in model) model.off("msg:custom", onAnswer);
    };
    if (!("send" in model)) return;
    model.on("msg:custom", onAnswer);
    bar.offerFilms(() => {
      this.say(WAITING);
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.say(NO_ANSWER), PATIENCE);
      model.send({ save: "gif" });
    });
  }

  /** @param {string} text */
  say(text) {
    this.forget();
    this.node.textContent = text;
  }

  /**
   * @param {Answer} answer
   * @param {DataView[]} files
   */
  show({ saved, failed }, files) {
    if (!saved && !failed) return;
    clearTimeout(this.waiting);
    this.say(failed ?? "Saved beside the notebook: ");
    saved?.forEach((name, n) => {
      const address = URL.createObjectURL(new Blob([/** @type {BlobPart} */ (files[n])], { type: "image/gif" }));
      this.addresses.push(address);
      if (n) this.node.append(", ");
      Object.assign(element("a", "", this.node, name), { href: address, download: name });
    });
  }

  forget() {
    for (const address of this.addresses) URL.revokeObjectURL(address);
    this.addresses = [];
  }
}
