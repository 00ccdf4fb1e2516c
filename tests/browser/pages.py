"""A page with nothing on it but a player: its ES module, its style sheet, and a model that is none."""

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
  window.show = (stories) => {
    const listeners = {};
    const model = {
      state: { stories },
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
