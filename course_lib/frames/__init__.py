"""Stories: each operation of the course as the steps of an animation. Names and arguments are those of `loops`."""

from course_lib.frames.one_dimension import (
    conv1d,
    conv1d_input_gradient_gather,
    conv1d_input_gradient_scatter,
    conv1d_weight_gradient,
)
from course_lib.frames.story import Flow, Grid, Step, Story
from course_lib.frames.two_dimensions import (
    conv2d_single,
    conv2d_single_input_gradient_gather,
    conv2d_single_input_gradient_scatter,
    conv2d_single_weight_gradient,
)

__all__ = [
    "Flow", "Grid", "Step", "Story", "conv1d", "conv1d_input_gradient_gather", "conv1d_input_gradient_scatter",
    "conv1d_weight_gradient", "conv2d_single", "conv2d_single_input_gradient_gather",
    "conv2d_single_input_gradient_scatter", "conv2d_single_weight_gradient",
]  # fmt: skip
