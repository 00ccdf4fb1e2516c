"""Stories: each operation of the course as the steps of an animation. Names and arguments are those of `loops`."""

from course_lib.frames.channels import bias_gradient, conv2d, input_gradient, weight_gradient
from course_lib.frames.columns import col2im, im2col
from course_lib.frames.learning import learning
from course_lib.frames.one_dimension import (
    conv1d,
    conv1d_input_gradient_gather,
    conv1d_input_gradient_scatter,
    conv1d_weight_gradient,
)
from course_lib.frames.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from course_lib.frames.transposed import conv_transpose2d
from course_lib.frames.two_dimensions import (
    conv2d_single,
    conv2d_single_input_gradient_gather,
    conv2d_single_input_gradient_scatter,
    conv2d_single_weight_gradient,
)
from course_lib.frames.walk import backward_walk

__all__ = [
    "avg_pool2d", "avg_pool2d_backward", "backward_walk", "bias_gradient", "col2im", "conv1d",
    "conv1d_input_gradient_gather", "conv1d_input_gradient_scatter", "conv1d_weight_gradient", "conv2d",
    "conv2d_single", "conv2d_single_input_gradient_gather", "conv2d_single_input_gradient_scatter",
    "conv2d_single_weight_gradient", "conv_transpose2d", "im2col", "input_gradient", "learning", "max_pool2d",
    "max_pool2d_backward",
    "weight_gradient",
]  # fmt: skip
