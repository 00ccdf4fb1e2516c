"""What a stride does to dy: outputs that were thrown away get it back as zeros between its values."""

import numpy as np

from course_lib import loops
from course_lib.frames.one_dimension import Line, _arrays, _line
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, mark
from course_lib.looks import OUTPUT, UPSTREAM


@animation
def conv1d_spread(dy, x, w, stride=2, padding=0):
    """The story of dy (m,), spread into the length that y would have with stride 1: x (n,), w (k,)."""
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    line = _line(dy, x, w, stride, padding)
    dense = Line(len(x), len(w), 1, padding)
    kept = [j * line.stride for j in range(line.m)]
    thrown = [at for at in range(dense.m) if at not in kept]
    place = {"pitch": (line.stride, 1), "ndim": 1}
    grids = by_key(
        Grid("y1", OUTPUT, loops.conv1d(x, w, 1, padding)[None], (0, 0), ndim=1, struck=tuple(thrown), strikes=1),
        Grid("y", OUTPUT, np.zeros((1, line.m)), (0, 1.6), collects=True, empty=True, **place),
        Grid("dy", UPSTREAM, dy[None], (0, 3.2), **place),
        Grid("dy1", UPSTREAM, np.zeros((1, dense.m)), (0, 4.8), ndim=1, collects=True, empty=True),
    )
    values = grids["y1"].values[0]
    steps = [
        Step(f"With stride 1 the output would be y1, {dense.m} numbers. But the stride is {line.stride}."),
        Step(
            f"A stride of {line.stride} keeps {_every(line.stride)}, and throws the others away.",
            f"{mark('y', 'y')} = {mark('y1', f'y1[::{line.stride}]')}",
            flows=(Flow("y", list(range(line.m)), (("y1", kept),), amounts=values[kept].tolist()),),
        ),
        Step(
            "What is thrown away cannot change the loss: its gradient is 0.",
            f"{mark('dy1', 'dy1')} = 0 where {mark('y1', 'y1')} is struck out",
            flows=(Flow("dy1", thrown, (("y1", thrown),), 0.0),) if thrown else (),
        ),
        Step(
            "What was kept takes its dy.",
            f"{mark('dy1', f'dy1[:{kept[-1] + 1}:{line.stride}]')} = {mark('dy', 'dy')}",
            flows=(Flow("dy1", kept, (("dy", list(range(line.m))),)),),
        ),
        Step(
            f"So dy1 is dy, spread out: {dense.m} numbers. From here on it is stride 1.{_rest(dense.m - kept[-1] - 1)}"
        ),
    ]
    return Story(f"What a stride does to dy{line.title()}", grids, steps)


def _every(stride):
    return {1: "every output", 2: "every second output", 3: "every third output"}.get(stride, f"one output in {stride}")


def _rest(count):
    if not count:
        return ""
    return f" The last {'zero stands' if count == 1 else f'{count} zeros stand'} for the remainder."
