// @ts-check
// The connection of a dashboard to its kernel: what Python sends is kept here, and button presses go there as pings.
// A kernel that is busy may not hear them; so each is repeated until a pong arrives, and in the end given up.

/** @import { AnyModel } from "@anywidget/types" */

const PATIENCE = 4; // pings without a pong
const BETWEEN_PINGS = 700; // milliseconds
const QUIET = 2000; // milliseconds without a word, after which a kernel that answers is asked whether it is there
const SILENT = 4000; // milliseconds without a word, after which it is not
const BETWEEN_LOOKS = 500; // milliseconds

/** @typedef {"pause" | "go on" | "stop"} Request what a training is asked to do */

/**
 * The curve, with a piece that follows on what is there. Where a piece got lost, the curve stays as it is until Python
 * sends it as a whole, which happens now and then.
 * @param {Curve} curve
 * @param {CurvePiece} piece
 * @returns {Curve}
 */
export function joined(curve, piece) {
  if (piece.width !== curve.width || piece.from > curve.bins.length) return curve;
  return { width: curve.width, bins: [...curve.bins.slice(0, piece.from), ...piece.bins] };
}

export class Link {
  /** @param {AnyModel<BoardState>} model */
  constructor(model) {
    this.model = model;
    /** @type {Set<{ draw(): void }>} */
    this.views = new Set();
    this.curve = model.get("curve");
    this.pings = 0;
    this.waited = 0;
    /**
     * whether the kernel answers, once that is known
     * @type {boolean | null}
     */
    this.answers = null;
    /**
     * the button that was pressed, and the status of the training then
     * @type {{ request: Request, before: Status } | null}
     */
    this.pressed = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.heard = performance.now(); // when the kernel last said anything
    this.silent = false; // whether a training that runs has said nothing for long: its kernel may be gone
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.watch = undefined;
    const changed = {
      curve: () => {
        this.curve = model.get("curve");
      },
      news: () => {
        this.curve = joined(this.curve, model.get("news"));
      },
      now: () => this.moved(),
      passed: () => this.draw(),
    };
    /** @param {{ pong?: number }} content */
    const onMessage = ({ pong }) => {
      if (pong !== undefined) this.answered();
    };
    for (const [name, listener] of Object.entries(changed)) model.on(`change:${name}`, listener);
    model.on("msg:custom", onMessage);
    this.close = () => {
      clearTimeout(this.timer);
      clearInterval(this.watch);
      for (const [name, listener] of Object.entries(changed)) model.off(`change:${name}`, listener);
      model.off("msg:custom", onMessage);
    };
    this.moved();
  }

  get running() {
    return ["training", "paused"].includes(this.model.get("now").status);
  }

  moved() {
    const { status } = this.model.get("now");
    this.hear();
    if (this.pressed && status !== this.pressed.before) this.pressed = null;
    clearInterval(this.watch);
    if (!this.running) clearTimeout(this.timer);
    else {
      if (!this.pings) this.send(); // does the kernel answer?
      this.watch = setInterval(() => this.listen(), BETWEEN_LOOKS);
    }
    this.draw();
  }

  /** The kernel has said something. */
  hear() {
    this.heard = performance.now();
    this.silent = false;
  }

  /** Is the kernel still there? A training tells where it stands several times a second; a paused one is asked. */
  listen() {
    const quiet = performance.now() - this.heard;
    if (quiet > SILENT) {
      this.silent = true;
      this.draw();
    } else if (quiet > QUIET && this.answers && !this.pressed) {
      this.pings += 1;
      this.model.send({ ping: this.pings });
    }
  }

  /**
   * A button was pressed.
   * @param {Request} request
   */
  press(request) {
    this.pressed = { request, before: this.model.get("now").status };
    this.send(request);
    this.draw();
  }

  /** @param {Request} [request] */
  send(request) {
    this.waited = 0;
    this.ping(request);
  }

  /**
   * Repeat it until the kernel answers: a request that arrives twice does no harm.
   * @param {Request} [request]
   */
  ping(request) {
    this.pings += 1;
    this.model.send({ ping: this.pings, request });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.waited += 1;
      if (this.waited < PATIENCE) return this.ping(request);
      this.answers = false;
      this.pressed = null;
      this.draw();
    }, BETWEEN_PINGS);
  }

  answered() {
    clearTimeout(this.timer);
    this.hear();
    this.answers = true;
    this.draw();
  }

  draw() {
    for (const view of this.views) view.draw();
  }
}
