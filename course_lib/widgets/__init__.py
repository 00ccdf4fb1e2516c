"""Everything that is drawn in the browser: players and explorers of animations, the training board, the digit pad.

Each is loaded when it is first asked for: a lesson shows two or three of them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course_lib.widgets.dashboard import Dashboard
    from course_lib.widgets.digit_pad import DigitPad
    from course_lib.widgets.explorer import explore
    from course_lib.widgets.film import save
    from course_lib.widgets.flow_explorer import explore_flow
    from course_lib.widgets.groups_explorer import explore_groups
    from course_lib.widgets.player import Player, play
    from course_lib.widgets.sketch import slide
    from course_lib.widgets.walk_explorer import explore_walk

_MODULES = {
    "Dashboard": "dashboard",
    "DigitPad": "digit_pad",
    "Player": "player",
    "explore": "explorer",
    "explore_flow": "flow_explorer",
    "explore_groups": "groups_explorer",
    "explore_walk": "walk_explorer",
    "play": "player",
    "save": "film",
    "slide": "sketch",
}

__all__ = [
    "Dashboard", "DigitPad", "Player", "explore", "explore_flow", "explore_groups", "explore_walk", "play", "save",
    "slide",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
