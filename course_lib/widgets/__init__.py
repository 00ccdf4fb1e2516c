"""Everything that is drawn in the browser: players and explorers of animations, the training board, the digit pad."""

from course_lib.widgets.dashboard import Dashboard
from course_lib.widgets.digit_pad import DigitPad
from course_lib.widgets.explorer import explore
from course_lib.widgets.film import save
from course_lib.widgets.flow_explorer import explore_flow
from course_lib.widgets.groups_explorer import explore_groups
from course_lib.widgets.player import Player, play
from course_lib.widgets.sketch import slide
from course_lib.widgets.walk_explorer import explore_walk

__all__ = [
    "Dashboard", "DigitPad", "Player", "explore", "explore_flow", "explore_groups", "explore_walk", "play", "save",
    "slide",
]  # fmt: skip
