"""A slider from dense to depthwise, above the matrix between the channels and what goes back through it."""

import ipywidgets

from course_lib import frames
from course_lib._support import checks
from course_lib.widgets.explorer import WIDTH
from course_lib.widgets.player import Player, StillFallback


def explore_groups(dy, x, w):
    """Show the backward pass of a 1 x 1 convolution with a slider for its groups. Returns the widget.

    dy (C_out,), x (C_in,), w (C_out, C_in): the weights of the dense layer, of which groups keep blocks.
    """
    return GroupsExplorer(dy, x, w)


class GroupsExplorer(StillFallback, ipywidgets.VBox):
    """A slider with every number of groups there can be, above a player."""

    def __init__(self, dy, x, w):
        self._arrays = checks.floats(dy=dy, x=x, w=w)
        few = min(map(len, self._arrays[:2]))
        possible = [n for n in range(1, few + 1) if len(self._arrays[0]) % n == len(self._arrays[1]) % n == 0]
        self._player = Player(self._story(1))
        self.slider = ipywidgets.SelectionSlider(
            options=[(_name(n, few), n) for n in possible], description="groups", tooltip="From dense to depthwise",
            layout={"width": "100%", "max_width": f"{WIDTH}px"}, style={"description_width": "60px"},
        )  # fmt: skip
        self.slider.observe(lambda change: self._player.show(self._story(change["new"])), "value")
        super().__init__([self.slider, self._player])

    @property
    def stories_shown(self):
        return self._player.stories_shown

    def _story(self, groups):
        return frames.channel_matrix_backward(*self._arrays, groups)


def _name(groups, most):
    return f"{groups}: dense" if groups == 1 else f"{groups}: depthwise" if groups == most else f"{groups} groups"
