"""Pooling: max pooling routes its gradient to the winner, average pooling spreads it over the window."""

import numpy as np

from course_lib import functional, loops
from course_lib._support import checks
from course_lib.frames.story import Flow, Grid, Step, Story, animation, drawable, geometry_text, mark
from course_lib.frames.two_dimensions import Plane, side_by_side
from course_lib.looks import GRADIENT, INPUT, OUTPUT, UPSTREAM, amount

TIES = {
    "first": "the first of them takes all of {dy}",
    "mask": "each of them is paid the whole of {dy}",
    "split": "they share {dy} equally",
}


@animation
def max_pool2d(x, kernel_size, stride=None, padding=0):
    """The story of max pooling: x (H, W) or (1, 1, H, W) -> y (H_out, W_out). Padding never wins."""
    x = one_plane("x", drawable(x=x))
    pool = _pool(x.shape, kernel_size, stride, padding)
    grids = side_by_side(
        Grid("x", INPUT, x),
        Grid("y", OUTPUT, np.zeros(pool.count), collects=True, empty=True),
    )
    steps = [Step("From every window only the largest number goes on.")]
    for i, j, at in pool.outputs:
        window = _inside(pool, i, j)
        winners = _winners(x, window)
        first, top = winners[0], x.ravel()[winners[0]]
        tie = f" {len(winners)} cells tie; the first of them counts as the winner." if len(winners) > 1 else ""
        steps.append(
            Step(
                f"The largest number of window ({i}, {j}) is {amount(top)}, at {grids['x'].cell_name(first)}.{tie}",
                f"{mark('y', f'y[{i}, {j}]')} = max of {mark('x', _window(pool, 'x', i, j))}",
                f"= max({', '.join(mark('x', amount(v)) for v in x.ravel()[window])}) = {mark('y', amount(top))}",
                "y[n, c, i, j] = window[row, col]",
                (Flow("y", [at], (("x", first),)),),
                looks={"x": window},
                beside=f"i = {i}, j = {j}, y[n, c, i, j] = {amount(top)}",
            )
        )
    rest = pool.missed("their pixels are left out")
    steps.append(Step(f"y is complete. Who won is remembered: the gradient will need it.{rest}"))
    return Story(f"Max pooling: y{_title(pool)}", grids, steps, loops.max_pool2d)


@animation
def max_pool2d_backward(dy, x, kernel_size, stride=None, padding=0, ties="first"):
    """The story of its gradient: dy (H_out, W_out), x (H, W), both also with (1, 1) in front -> dx (H, W).

    ties    who is paid when several cells of a window are the largest: "first" (as PyTorch), "mask" or "split"
    """
    dy, x = drawable(dy=dy, x=x)
    dy, x = one_plane("dy", dy), one_plane("x", x)
    checks.one_of("ties", ties, TIES)
    pool = _pool(x.shape, kernel_size, stride, padding)
    checks.shape("dy", dy, pool.count, "the shape of y")
    grids = side_by_side(
        Grid("x", INPUT, x),
        Grid("dx", GRADIENT, np.zeros(x.shape), collects=True),
        Grid("dy", UPSTREAM, dy),
    )
    steps = [Step("dx starts as zeros. Only the winner of a window changed y, so only the winner has a gradient.")]
    for i, j, at in pool.outputs:
        window, given = _inside(pool, i, j), float(dy[i, j])
        winners = _winners(x, window)
        paid = winners[:1] if ties == "first" else winners
        scale = 1 / len(winners) if ties == "split" else 1.0
        share = f" · {mark('x', f'1/{len(winners)}')}" if ties == "split" and len(winners) > 1 else ""
        steps.append(
            Step(
                _routing(grids["x"], winners, given, i, j, ties),
                "\n".join(
                    f"{mark('dx', grids['dx'].cell_name(cell))} += {mark('dy', f'dy[{i}, {j}]')}{share}"
                    for cell in paid
                ),
                f"+= {mark('dx', amount(given * scale))}",
                "dx[n, c, row, col] += dy",
                (Flow("dx", paid, (("dy", at),), scale),),
                looks={"x": window, "dx": window},
                beside=f"i = {i}, j = {j}, dy[n, c, i, j] = {amount(given)}",
            )
        )
    code = loops.max_pool2d_backward if ties == "first" else None
    tied = any(len(_winners(x, _inside(pool, i, j))) > 1 for i, j, _ in pool.outputs)
    title = _title(pool, ties=(ties, None if tied else "first"))  # without ties, the default needs no name
    name = "dx" if tied else "Max pooling backward: dx"  # the rules for a tie are shown side by side: little room
    story = Story(name + title, grids, steps, code)
    steps.append(Step(_balance(story, dy) + pool.missed("their pixels get gradient 0")))
    return story


@animation
def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """The story of average pooling: x (H, W) or (1, 1, H, W) -> y (H_out, W_out). Padding counts as zeros."""
    x = one_plane("x", drawable(x=x))
    pool = _pool(x.shape, kernel_size, stride, padding)
    grids = side_by_side(
        Grid("x", INPUT, pool.pad(x), pad=pool.padding),
        Grid("y", OUTPUT, np.zeros(pool.count), collects=True, empty=True),
    )
    size = len(pool.kernel_cells)
    values = grids["x"].values.ravel()
    steps = [Step(f"Every window gives its mean: each of its {size} cells counts 1/{size}.")]
    for i, j, at in pool.outputs:
        window = pool.window(i, j)
        mean = float(values[window].mean())
        steps.append(
            Step(
                f"The mean of window ({i}, {j}) is {amount(mean)}.{pool.padding_note(i, j, 'counts as 0')}",
                f"{mark('y', f'y[{i}, {j}]')} = mean of {pool.window_name('x', i, j)}",
                f"= ({' + '.join(mark('x', amount(v)) for v in values[window])}) / {size} = {mark('y', amount(mean))}",
                "y[:, :, i, j] =",
                (Flow("y", [at] * size, (("x", window),), 1 / size),),
                beside=f"i = {i}, j = {j}, mean {amount(mean)}",
            )
        )
    steps.append(Step(f"y is complete.{pool.missed('their pixels are left out')}"))
    return Story(f"Average pooling: y{_title(pool)}", grids, steps, loops.avg_pool2d, lab="")


@animation
def avg_pool2d_backward(dy, input_shape, kernel_size, stride=None, padding=0):
    """The story of its gradient: dy (H_out, W_out) -> dx of input_shape (H, W), both also with (1, 1) in front."""
    dy = one_plane("dy", drawable(dy=dy))
    axes = "(1, 1, H, W)" if isinstance(input_shape, (tuple, list)) and len(input_shape) == 4 else "(H, W)"
    size = checks.array_shape("input_shape", input_shape, axes)[-2:]
    pool = _pool(size, kernel_size, stride, padding)
    checks.shape("dy", dy, pool.count, "the shape of y")
    grids = side_by_side(
        Grid("dx", GRADIENT, np.zeros(pool.padded), pad=pool.padding, collects=True),
        Grid("dy", UPSTREAM, dy),
    )
    size = len(pool.kernel_cells)
    steps = [Step(f"dx starts as zeros. A cell counted 1/{size} in its mean, so it takes 1/{size} of the gradient.")]
    for i, j, at in pool.outputs:
        given = float(dy[i, j])
        steps.append(
            Step(
                f"dy[{i}, {j}] = {amount(given)} is shared by the {size} cells of its window."
                + pool.padding_note(i, j, "will be cut off"),
                f"{pool.window_name('dx', i, j)} += {mark('dy', f'dy[{i}, {j}]')} / {size}",
                f"+= {mark('dy', amount(given))} / {size} = {mark('dx', amount(given / size))}",
                "dy[n, c, i, j] / (kH * kW)",
                (Flow("dx", pool.window(i, j), (("dy", at),), 1 / size),),
                beside=f"i = {i}, j = {j}, dy[n, c, i, j] = {amount(given)}",
            )
        )
    rest = pool.missed("their pixels get gradient 0")
    steps.append(Step(f"dx is complete. Where windows overlap, the shares add up.{rest}"))
    return Story(f"Average pooling backward: dx{_title(pool)}", grids, steps, loops.avg_pool2d_backward)


# ---------------------------------------------------------------- arguments and words


def one_plane(name, array):
    """array (H, W) or (1, 1, H, W) -> (H, W): an animation has room for one channel of one image."""
    if array.ndim == 4 and array.shape[:2] == (1, 1):
        return array[0, 0]
    if array.ndim != 2:
        raise ValueError(f"{name} must be one channel, (H, W) or (1, 1, H, W), but its shape is {array.shape}")
    return array


def _window(pool, name, i, j):
    """The window as a slice of the array without padding."""
    ends = [
        (max(at * s - p, 0), min(at * s - p + k, n))
        for at, s, p, k, n in zip((i, j), pool.stride, pool.padding, pool.kernel_size, pool.size, strict=True)
    ]
    return f"{name}[{', '.join(f'{first}:{end}' for first, end in ends)}]"


def _pool(size, kernel_size, stride, padding):
    functional.avg_pool2d(np.zeros((1, 1, *size)), kernel_size, stride, padding)  # refuses what is impossible
    kernel_size = checks.pair("kernel_size", kernel_size, 1)
    return Plane(size, kernel_size, kernel_size if stride is None else stride, padding)


def _inside(pool, i, j):
    """The cells of a window, in the array without padding, that are not padding."""
    (top, left), (H, W) = pool.padding, pool.size
    places = (divmod(cell, pool.padded[1]) for cell in pool.window(i, j))
    places = ((row - top, column - left) for row, column in places)
    return [row * W + column for row, column in places if 0 <= row < H and 0 <= column < W]


def _winners(x, window):
    values = x.ravel()[window]
    return [cell for cell, value in zip(window, values, strict=True) if value == values.max()]


def _title(pool, **more):
    return geometry_text(
        kernel=(pool.kernel_size, None), stride=(pool.stride, _one(pool.kernel_size)), padding=(pool.padding, 0), **more
    )


def _one(pair):
    return pair[0] if pair[0] == pair[1] else pair


def _routing(x, winners, given, i, j, ties):
    dy = f"dy[{i}, {j}] = {amount(given)}"
    if len(winners) == 1:
        return f"{x.cell_name(winners[0])} won window ({i}, {j}), so it takes all of {dy}."
    names = [x.cell_name(cell) for cell in winners]
    return f"{', '.join(names[:-1])} and {names[-1]} tie in window ({i}, {j}): {TIES[ties].format(dy=dy)}."


def _balance(story, dy):
    paid, given = float(story.sum()["dx"].sum()), float(dy.sum())
    if abs(paid - given) < 1e-9:
        return f"dx is complete. It adds up to {amount(paid)}, just as dy does: nothing was lost or paid twice."
    return (
        f"dx adds up to {amount(paid)}, but dy only to {amount(given)}: tied cells were paid several times. "
        "This is a bug, and a common one."
    )
