"""Channels in groups: who reads whom, and what comes back along the same ways."""

import numpy as np

from course_lib import loops
from course_lib._support import checks
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, mark
from course_lib.frames.two_dimensions import Plane
from course_lib.looks import GRADIENT, INPUT, KERNEL, UPSTREAM, amount

_BETWEEN, _BELOW, _APART = 1.3, 1.5, 0.9


@animation
def grouped_conv2d_backward(dy, x, w, groups, stride=1, padding=0):
    """The story of the backward pass of one image whose channels stand in groups.

    dy (1, C_out, H_out, W_out), x (1, C_in, H, W), w (C_out, C_in / groups, kH, kW) -> dx, dw, db (C_out,)
    """
    dy, x, w = drawable(dy=dy, x=x, w=w)
    checks.ndim("x", x, "(N, C_in, H, W)")
    checks.ndim("w", w, "(C_out, C_in / groups, kH, kW)")
    groups = checks.integer("groups", groups, 1)
    plane = Plane(x.shape[2:], w.shape[2:], stride, padding)
    ins, outs = w.shape[1], len(w) // groups
    checks.shape("x", x, (1, ins * groups, *x.shape[2:]), "one image, with the channels of all groups")
    checks.shape("dy", dy, (1, len(w), *plane.count), "the shape of y")
    grids = _grids(dy, x, w, groups, plane)
    steps = [
        Step(
            f"There are {x.shape[1]} channels and {len(w)} filters in {groups} groups. A filter has kernels for the "
            f"{ins} of its own group alone."
        )
    ]
    for f, i, j in np.ndindex(dy.shape[1:]):
        group, window, at = f // outs, plane.window(i, j), i * plane.count[1] + j
        first, source = group * ins, f"dy[0, {f}]"
        flows = [Flow("db", [f], ((source, at),))]
        for c in range(ins):
            here, kernel = first + c, plane.kernel_cells
            flows.append(Flow(f"dx[0, {here}]", window, ((source, at), (f"w[{f}, {c}]", kernel))))
            flows.append(Flow(f"dw[{f}, {c}]", kernel, ((source, at), (f"x[0, {here}]", window))))
        channels = f"channel {first}" if ins == 1 else f"channels {first} to {first + ins - 1}"
        value = amount(dy[0, f, i, j])
        steps.append(
            Step(
                f"Filter {f} is in group {group}: dy[0, {f}, {i}, {j}] = {value} goes back to {channels} alone.",
                "\n".join(_formula(f, c, first + c, mark(source, f"dy[0, {f}, {i}, {j}]")) for c in range(ins)),
                "",
                "read, made = ",
                tuple(flows),
                beside=f"g = {group}",
            )
        )
    steps.append(Step("All three are complete. No number has crossed from one group to another."))
    title = f"Backward in {groups} groups: dx, dw, db{plane.title()}"
    return Story(title, grids, steps, loops.grouped_conv2d_backward)


def _grids(dy, x, w, groups, plane):
    """The groups below each other: on the left what they read, on the right what comes to their filters."""
    ins, outs = w.shape[1], len(w) // groups
    padded = np.stack([plane.pad(image) for image in x[0]])
    line = max(w.shape[2], dy.shape[2]) + _BELOW  # from one filter of a group to the next
    tall = max(padded.shape[1] + _BELOW, outs * line)
    channels = {(0, c): (c % ins, c // ins * tall) for c in range(len(padded))}
    kernels = {(f, c): (c, f // outs * tall + f % outs * line) for f, c in np.ndindex(w.shape[:2])}
    outputs = {(0, f): kernels[f, 0] for f in range(len(w))}
    collecting, bordered = {"collects": True}, {"pad": plane.padding}
    columns = (
        ("x", INPUT, padded[None], channels, bordered),
        ("dx", GRADIENT, np.zeros((1, *padded.shape)), channels, bordered | collecting),
        ("w", KERNEL, w, kernels, {}),
        ("dw", GRADIENT, np.zeros(w.shape), kernels, collecting),
        ("dy", UPSTREAM, dy, outputs, {}),
    )
    grids, left = [], 0.0
    for name, role, values, places, looks in columns:
        wide = values.shape[3] + _APART
        for prefix, (across, down) in places.items():
            grids.append(Grid(name, role, values[prefix], (left + across * wide, down), prefix=prefix, **looks))
        left = max(grid.at[0] for grid in grids) + wide - _APART + _BETWEEN
    below_dw = next(grid.at[0] for grid in grids if grid.name == "dw"), groups * tall
    return by_key(*grids, Grid("db", GRADIENT, np.zeros((1, len(w))), below_dw, ndim=1, collects=True))


def _formula(f, c, channel, given):
    """What one output adds to one channel's dx and to one kernel's dw."""
    x, dx, w, dw = f"x[0, {channel}]", f"dx[0, {channel}]", f"w[{f}, {c}]", f"dw[{f}, {c}]"
    return f"{mark(dx, dx)} += {given} · {mark(w, w)}, {mark(dw, dw)} += {given} · {mark(x, x)}"


@animation
def channel_matrix_backward(dy, x, w, groups):
    """The story of a 1 x 1 convolution at one pixel, where all that is left is the matrix between channels.

    dy (C_out,), x (C_in,), w (C_out, C_in) -> dx (C_in,), dw (C_out, C_in). Only the groups' blocks of w count.
    """
    dy, x, w = drawable(dy=dy, x=x, w=w)
    checks.ndim("w", w, "(C_out, C_in)")
    checks.shape("dy", dy, (len(w),), "one for each row of w")
    checks.shape("x", x, (w.shape[1],), "one for each column of w")
    groups = checks.integer("groups", groups, 1)
    if len(w) % groups or w.shape[1] % groups:
        raise ValueError(f"groups must divide the channels, {w.shape[1]} and {len(w)}, but is {groups}")
    outs, ins = len(w) // groups, w.shape[1] // groups
    inside = np.kron(np.eye(groups), np.ones((outs, ins)))
    right = w.shape[1] + _BETWEEN
    grids = by_key(
        Grid("x", INPUT, x[None], (right, 0), ndim=1),
        Grid("dx", GRADIENT, np.zeros((1, len(x))), (0, 0), ndim=1, collects=True),
        Grid("w", KERNEL, w * inside, (0, 1 + _BELOW)),
        Grid("dw", GRADIENT, np.zeros(w.shape), (right, 1 + _BELOW), collects=True, empty=True),
        Grid("dy", UPSTREAM, dy[:, None], (2 * right, 1 + _BELOW), folded=len(dy)),
    )
    named = f"{groups} group{'s' * (groups > 1)}"
    steps = [Step(f"In {named}, {int(inside.sum())} of {w.size} weights are there. The others are 0 for ever.")]
    for f in range(len(w)):
        first = f // outs * ins
        channels, cells = list(range(first, first + ins)), [f * len(x) + c for c in range(first, first + ins)]
        flows = (
            Flow("dx", channels, (("dy", f), ("w", cells))),
            Flow("dw", cells, (("dy", f), ("x", channels))),
        )
        span = f"{first}" if ins == 1 else f"{first}:{first + ins}"
        steps.append(
            Step(
                f"dy[{f}] = {amount(dy[f])} goes back through row {f} of w, to "
                f"{'one channel' if ins == 1 else f'{ins} channels'}.",
                f"{mark('dx', f'dx[{span}]')} += {mark('dy', f'dy[{f}]')} · {mark('w', f'w[{f}, {span}]')}, "
                f"{mark('dw', f'dw[{f}, {span}]')} = {mark('dy', f'dy[{f}]')} · {mark('x', f'x[{span}]')}",
                flows=flows,
            )
        )
    steps.append(Step("dx is complete: w transposed, times dy. dw has entries only where w has weights."))
    return Story(f"Channels in {named}: dx and dw", grids, steps, lab="")
