"""A page with nothing on it but a widget: its ES module, its style sheet, and a stand-in for its model."""

import base64

from course_lib.widgets.player import packed
from course_lib.widgets.scripts import script, style

LIGHT = {"0": "#ffffff", "1": "#1c1c1c", "2": "#666666", "raised": "#eeeeee", "line": "#cccccc"}
DARK = {"0": "#111111", "1": "#e6e6e6", "2": "#aaaaaa", "raised": "#2a2a2a", "line": "#444444"}


def state(*stories):
    """The state of a player that shows some stories, as its front end receives it."""
    return {"packed": packed(stories)}


def arguments(stories, width=720, colours=LIGHT):
    """What SHOW is called with."""
    return {
        "source": script("player"), "css": style("player"), "state": state(*stories), "width": width,
        "colours": colours,
    }  # fmt: skip


SHOW = """
async ({ source, css, state, width, colours }) => {
  document.body.style.cssText = `margin: 20px; background: ${colours[0]}; --jp-layout-color0: ${colours[0]};
    --jp-ui-font-color1: ${colours[1]}; --jp-ui-font-color2: ${colours[2]}; --jp-layout-color2: ${colours.raised};
    --jp-border-color2: ${colours.line}`;
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  window.player = await import(address);
  window.models = [];
  window.closers = [];
  window.show = (stories, more, send) => {
    const listeners = {};
    const model = {
      ...(send && { send }),
      state: { stories, ...more },
      listeners,
      get: (name) => model.state[name],
      set(name, value) {
        model.state[name] = value;
        for (const callback of listeners[`change:${name}`] ?? []) callback();
      },
      on: (name, callback) => (listeners[name] ??= []).push(callback),
      off: (name, callback) => (listeners[name] = listeners[name].filter((one) => one !== callback)),
    };
    const el = document.createElement("div");
    el.style.width = `${width}px`;
    document.body.append(el);
    window.models.push(model);
    window.closers.push(window.player.default.render({ model, el }));
  };
  window.show(state);
}
"""


# Any widget, with a stand-in for its model that notes what is sent: window.model, window.sent. Bytes come in base64.
SHOW_WIDGET = """
async ({ source, css, state }) => {
  const revived = (value) => {
    if (Array.isArray(value)) return value.map(revived);
    if (value === null || typeof value !== "object") return value;
    if (value.bytes) return new DataView(Uint8Array.from(atob(value.bytes), (letter) => letter.charCodeAt(0)).buffer);
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revived(part)]));
  };
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  window.module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const listeners = {};
  window.revived = revived;
  const known = revived(state);
  window.sent = [];
  window.model = {
    get: (name) => known[name],
    set(name, value) {
      known[name] = value;
      for (const callback of listeners[`change:${name}`] ?? []) callback();
    },
    on: (name, callback) => (listeners[name] ??= []).push(callback),
    off: (name, callback) => (listeners[name] = listeners[name].filter((one) => one !== callback)),
    send: (content) => window.sent.push(content),
    save_changes() {},
    receive: (content) => listeners["msg:custom"].forEach((callback) => callback(content)),
  };
  const el = document.createElement("div");
  el.style.width = "820px";
  document.body.append(el);
  const widget = typeof module.default === "function" ? module.default() : module.default;
  window.closers = [widget.initialize?.({ model }), widget.render({ model, el })].filter(Boolean);
  window.listeners = listeners;
}
"""


def widget(name, state):
    """What SHOW_WIDGET is called with, for the widget whose script has this name, with this state."""
    return {"source": script(name), "css": style(name), "state": plain(state)}


def plain(value):
    if isinstance(value, (bytes, memoryview)):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value
