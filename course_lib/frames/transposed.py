"""Transposed convolution: the scatter of the input gradient, run forward to make an image larger."""

import numpy as np

from course_lib import functional, loops
from course_lib._support import checks
from course_lib.frames.pooling import one_plane
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, geometry_text, mark
from course_lib.frames.two_dimensions import Plane, scaled
from course_lib.looks import COUNT, INPUT, KERNEL, OUTPUT, amount

_BETWEEN, _BELOW = 1.3, 1.6


@animation
def conv_transpose2d(x, w, stride=1, padding=0, output_padding=0, dilation=1):
    """The story of x (H, W), w (kH, kW), both also with (1, 1) in front -> y (H_out, W_out).

    A second grid, overlaps, counts the kernels that were added to each cell of y.
    """
    x, w = drawable(x=x, w=w)
    x, w = one_plane("x", x), one_plane("w", w)
    size = functional.conv_transpose2d(
        x[None, None], w[None, None], None, stride, padding, output_padding, dilation
    ).shape[2:]
    plane = Plane(size, w.shape, stride, padding, dilation)
    below, right = x.shape[0] + _BELOW, max(x.shape[1], w.shape[1]) + _BETWEEN
    grids = by_key(
        Grid("x", INPUT, x),
        Grid("w", KERNEL, w, (0, below)),
        Grid("y", OUTPUT, np.zeros(plane.padded), (right, 0), pad=plane.padding, collects=True),
        Grid(
            "overlaps", COUNT, np.zeros(plane.padded), (right + plane.padded[1] + _BETWEEN, 0), pad=plane.padding,
            collects=True,
        ),
    )  # fmt: skip
    steps = [Step("y starts as zeros. Every input will stamp the whole kernel into y, times itself.")]
    for at, (i, j) in enumerate(np.ndindex(x.shape)):
        window, given = plane.window(i, j), float(x[i, j])
        steps.append(
            Step(
                f"x[{i}, {j}] = {amount(given)} stamps the kernel, times {amount(given)}, at ({i * plane.stride[0]}, "
                f"{j * plane.stride[1]}).{plane.padding_note(i, j, 'will be cut off')}",
                f"{plane.window_name('y', i, j)} += {mark('x', f'x[{i}, {j}]')} · {mark('w', 'w')}",
                scaled(plane, "x", given, "w", w.ravel(), "y"),
                "+= x[n, c, i, j] * w[c]",
                (
                    Flow("y", window, (("x", at), ("w", plane.kernel_cells))),
                    Flow("overlaps", window, ()),
                ),
                beside=f"i = {i}, j = {j}, x[n, c, i, j] = {amount(given)}",
            )
        )
    code = plane.code(loops.conv_transpose2d)
    title = geometry_text(
        stride=(plane.stride, 1), padding=(plane.padding, 0),
        output_padding=(checks.pair("output_padding", output_padding, 0), 0),
        dilation=(plane.dilation, 1),
    )  # fmt: skip
    story = Story(f"Transposed convolution: y = conv_transpose2d(x, w){title}", grids, steps, code)
    steps.append(Step(_evenness(story.sum()["overlaps"])))
    return story


def _evenness(overlaps):
    """The last sentence: whether the cells of y, away from the border, are covered equally often."""
    middle = overlaps[overlaps.shape[0] // 3 : -(overlaps.shape[0] // 3) or None,
                      overlaps.shape[1] // 3 : -(overlaps.shape[1] // 3) or None]  # fmt: skip
    if middle.min() == middle.max():
        return "y is complete. Away from the border every cell collected from equally many stamps."
    return (
        f"y is complete. Even in the middle, cells collected from {amount(middle.min())} to {amount(middle.max())} "
        "stamps: the kernel size is not a multiple of the stride. That is where checkerboards come from."
    )
