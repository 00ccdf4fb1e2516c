"""Two recordings side by side: from which step on one can no longer end as the other, and one clock for both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from course_lib.frames.traced import TracedStory
from course_lib.looks import amount

Times = dict[int, list[tuple[int, float]]]  # cell of a result -> (step, what it added), in order

OVERWRITTEN = "Here they part: {cell} is set to {value}; it held {held}{origin}, which is lost."
NOT_ASKED_FOR = "Here they part: {cell} receives {value}; a right answer adds {parts} to it, and nothing else."
LAST = "Here they part: {cell} stays {value} from here on; in a right answer it is {right}."
NEVER = "Here they part: {cell} has received nothing until now; in a right answer it is {right}."
MISSING = "Here they part: {tensor} has no number in it."
SHAPE = "Here they part: {tensor} has shape {shape}; in a right answer it has shape {right}."


def parted(mine: TracedStory, right: TracedStory) -> TracedStory:
    """My story with the first step after which it can no longer end right, and a sentence there."""
    found = [part for tensor in mine.results if tensor in right.results for part in _partings(mine, right, tensor)]
    if mine.ended:
        missing = [tensor for tensor in right.results if tensor not in mine.results]
        found += [(len(mine.steps) - 1, MISSING.format(tensor=tensor)) for tensor in missing]
    if not found:
        return mine
    at, sentence = min(found, key=lambda part: part[0])
    steps = list(mine.steps)
    steps[at] = replace(steps[at], sentence=f"{steps[at].sentence} {sentence}")
    return replace(mine, steps=steps, parted=(at, sentence))


def _partings(mine: TracedStory, right: TracedStory, tensor: str) -> list[tuple[int, str]]:
    """For every entry of a result that ends wrong: (the step that decides it, a sentence)."""
    my_value, right_value = mine.sum()[tensor], right.sum()[tensor]
    name, cells = mine.results[tensor]
    if my_value.shape != right_value.shape:
        return [(_first_write(mine, name), SHAPE.format(tensor=tensor, shape=my_value.shape, right=right_value.shape))]
    my_times, right_times = _times(mine, tensor), _times(right, tensor)
    fine = np.isclose(my_value, right_value, rtol=1e-6, atol=1e-9).ravel()
    one_by_one = _adds_alike(my_times, right_times, np.flatnonzero(fine).tolist())
    found = []
    for entry in np.flatnonzero(~fine).tolist():
        place = int(cells.ravel()[entry])
        words = {"cell": mine.cell_name(name, place), "right": amount(right_value.ravel()[entry])}
        found.append(
            _overwritten(mine, name, my_times[entry], float(right_value.ravel()[entry]), words)
            or (one_by_one and _not_asked_for(my_times[entry], right_times[entry], words))
            or _last(mine, my_times[entry], float(my_value.ravel()[entry]), words)
        )
    return found


def _times(story: TracedStory, tensor: str) -> Times:
    name, cells = story.results[tensor]
    entries: dict[int, list[int]] = {}
    for entry, cell in enumerate(cells.ravel().tolist()):
        entries.setdefault(cell, []).append(entry)
    found: Times = {entry: [] for entry in range(cells.size)}
    for at, step in enumerate(story.steps):
        added: dict[int, float] = {}
        for flow in step.flows:
            if story.grids[flow.to].name == name:
                first = story.first_cell(flow.to)
                for cell, value in zip(flow.cells, story.amounts(flow).tolist(), strict=True):
                    added[first + cell] = added.get(first + cell, 0.0) + value
        for cell, value in added.items():
            for entry in entries.get(cell, ()):
                found[entry].append((at, value))
    return found


def _first_write(story: TracedStory, name: str) -> int:
    return next(at for at, step in enumerate(story.steps) if any(story.grids[f.to].name == name for f in step.flows))


def _overwritten(
    mine: TracedStory, name: str, times: Sequence[tuple[int, float]], right: float, words: Mapping[str, str]
) -> tuple[int, str] | None:
    """`=` where `+=` belongs: all that was set, added up, would have been right."""
    held, total, lost, writer = 0.0, 0.0, None, 0
    for at, value in times:
        if mine.hows[at].get(name) == "set":
            if held and lost is None:
                lost = at, held + value, held, writer
            total += held + value
        elif mine.hows[at].get(name) == "added":
            return None
        held += value
        if value:
            writer = at
    if lost is None or not np.isclose(total, right, rtol=1e-6, atol=1e-9):
        return None
    at, value, held, writer = lost
    origin = f" from {mine.steps[writer].beside}" if mine.steps[writer].beside else ""
    return at, OVERWRITTEN.format(**words, value=amount(value), held=amount(held), origin=origin)


def _adds_alike(mine: Times, right: Times, entries: Sequence[int]) -> bool:
    """Whether entries that end right were added up of the same amounts: then each amount can be compared."""
    some = [entry for entry in entries if any(value for _, value in right[entry])]
    return bool(some) and all(_amounts(mine[entry]) == _amounts(right[entry]) for entry in some)


def _amounts(times: Sequence[tuple[int, float]]) -> list[float]:
    return sorted(round(value, 9) for _, value in times if value)


def _not_asked_for(
    mine: Sequence[tuple[int, float]], right: Sequence[tuple[int, float]], words: Mapping[str, str]
) -> tuple[int, str] | None:
    left = _amounts(right)
    for at, value in mine:
        if not value:
            continue
        if round(value, 9) not in left:
            parts = " and ".join(amount(part) for part in _amounts(right)) or "nothing"
            return at, (
                NOT_ASKED_FOR.format(**words, value=amount(value), parts=parts)
                if parts != "nothing"
                else LAST.format(**words, value=amount(value))
            )
        left.remove(round(value, 9))
    return None


def _last(
    mine: TracedStory, times: Sequence[tuple[int, float]], value: float, words: Mapping[str, str]
) -> tuple[int, str]:
    if not any(amounts for _, amounts in times):
        return len(mine.steps) - 1, NEVER.format(**words)
    return times[-1][0], LAST.format(**words, value=amount(value))


# ---------------------------------------------------------------- one clock


def clock(mine: TracedStory, right: TracedStory) -> list[tuple[int, int]]:
    """(position of mine, position of right) for every tick: both have done the same share of their work."""
    shares = _shares(mine), _shares(right)
    at, ticks = [0, 0], [(0, 0)]
    while any(position < len(one) - 1 for position, one in zip(at, shares, strict=True)):
        ahead = [
            one[position + 1] if position < len(one) - 1 else np.inf for position, one in zip(at, shares, strict=True)
        ]
        at = [position + (share <= min(ahead) + 1e-9) for position, share in zip(at, ahead, strict=True)]
        ticks.append((at[0], at[1]))
    return ticks


def _shares(story: TracedStory) -> list[float]:
    """For every position, which share of the steps that write a result is done; the last one is beyond all."""
    names = {name for name, _ in story.results.values()}
    writes = [
        any(story.grids[flow.to].name in names and np.any(story.amounts(flow)) for flow in step.flows)
        for step in story.steps
    ]
    done = np.cumsum(writes) / max(1, sum(writes))
    return [*done[:-1].tolist(), 2.0]
