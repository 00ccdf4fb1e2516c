"""A computation with single numbers: forward box by box, and back again, with the gradient of the result in each."""

import re
from collections import Counter

import numpy as np

from course_lib._support import checks
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, mark
from course_lib.looks import GRADIENT, INPUT, OUTPUT, amount

_ACROSS, _DOWN, _BELOW = 4.2, 2.7, 1.25  # cells: from box to box, and from a number to its gradient
_LINE = re.compile(r"\s*([A-Za-z]\w*)\s*=\s*([A-Za-z]\w*)\s*([+*])\s*([A-Za-z]\w*)\s*")
_MOST = 12  # boxes that there is room for


@animation
def computation(*lines, **numbers):
    """The story of lines such as "q = x + y", forward and back. Each is a sum or a product of two names.

    numbers    what is given, as x=-2.0, from the top of the picture to its bottom
    """
    inputs = {name: _number(name, value) for name, value in numbers.items()}
    boxes = _boxes(lines, inputs)
    values = dict(inputs)
    for name, (one, sign, other) in boxes.items():
        values[name] = values[one] + values[other] if sign == "+" else values[one] * values[other]
    drawable(**{name: np.array([value]) for name, value in values.items()})
    places = _places(inputs, boxes)
    grids = by_key(
        *(Grid(name, INPUT, _cell(value), places[name], ndim=0) for name, value in inputs.items()),
        *(Grid(name, OUTPUT, _cell(0), places[name], ndim=0, collects=True, empty=True) for name in boxes),
        *(
            Grid(f"d{name}", GRADIENT, _cell(0), (column, row + _BELOW), ndim=0, collects=True, empty=True)
            for name, (column, row) in places.items()
        ),
    )
    last = list(boxes)[-1]
    steps = [Step("Forward first: each box is computed from the two before it."), *_forward(boxes, values)]
    begins = Step(
        f"Backward. It begins with d{last} = 1: if {last} grows by a little, {last} grows by just that.",
        formula=f"{mark(f'd{last}', f'd{last}')} = 1",
        flows=(Flow(f"d{last}", [0], (), amounts=[1.0], quiet=True),),
        looks={last: [0]},
    )
    steps += [begins, *_backward(boxes, values, last)]
    steps.append(Step(f"Each number has its gradient below it: how {last} reacts to it."))
    edges = tuple((name, to) for to, (one, _, other) in boxes.items() for name in dict.fromkeys((one, other)))
    return Story("A computation, forward and back", grids, steps, edges=edges)


def _cell(value):
    return np.full((1, 1), float(value))


def _number(name, value):
    array = drawable(**{name: value})
    checks.shape(name, array, ())
    return float(array)


def _boxes(lines, inputs):
    """{result: (one, sign, other)} of the lines."""
    boxes = {}
    for line in lines:
        found = _LINE.fullmatch(line) if isinstance(line, str) else None
        if not found:
            raise ValueError(f"lines must look like 'q = x + y' or 'p = x * z', but one is {checks.brief(line)}")
        name, one, sign, other = found.groups()
        for operand in (one, other):
            if operand not in inputs and operand not in boxes:
                raise ValueError(f"lines must use only numbers that are there already, but {operand} is not")
        if name in inputs or name in boxes:
            raise ValueError(f"lines must give each result a name of its own, but {name} is there already")
        boxes[name] = (one, sign, other)
    if not boxes:
        raise ValueError("lines must hold at least one line, such as 'q = x + y'")
    names = [*inputs, *boxes]
    if len(names) > _MOST or len({*names, *(f"d{name}" for name in names)}) < 2 * len(names):
        raise ValueError(f"lines must hold at most {_MOST} names, and none that is the gradient of another")
    used = {operand for one, _, other in boxes.values() for operand in (one, other)}
    unused = [name for name in names[:-1] if name not in used]
    if unused:
        raise ValueError(f"lines must use every number on the way to {names[-1]}, but {unused[0]} is not used")
    return boxes


def _places(inputs, boxes):
    """{name: (column, row)}: inputs below each other, left of their first use; a result between what it is made of."""
    column, row = {}, {name: float(n) for n, name in enumerate(inputs)}
    for name, (one, _, other) in boxes.items():
        column[name] = 1 + max(column.get(one, 0), column.get(other, 0))
        wished = (row[one] + row[other]) / 2
        taken = [row[before] for before in boxes if before in row and column[before] == column[name]]
        row[name] = wished if all(abs(wished - there) >= 1 for there in taken) else max(taken) + 1
    for name in inputs:
        column[name] = min(column[to] for to, (one, _, other) in boxes.items() if name in (one, other)) - 1
    return {name: (_ACROSS * column[name], _DOWN * row[name]) for name in (*inputs, *boxes)}


def _written(value):
    return f"({amount(value)})" if value < 0 else amount(value)


def _forward(boxes, values):
    for name, (one, sign, other) in boxes.items():
        if sign == "+":
            flows = tuple(Flow(name, [0], ((part, 0),), amounts=[values[part]]) for part in (one, other))
        else:
            flows = (Flow(name, [0], ((one, 0), (other, 0)), amounts=[values[name]]),)
        shown = "·" if sign == "*" else "+"
        yield Step(
            f"Box {name} holds the {'sum' if sign == '+' else 'product'} of {one} and {other}.",
            formula=f"{mark(name, name)} = {mark(one, one)} {shown} {mark(other, other)} = "
            f"{amount(values[one])} {shown} {_written(values[other])} = {mark(name, amount(values[name]))}",
            flows=flows,
        )


def _backward(boxes, values, last):
    gradients = Counter({last: 1.0})
    uses = Counter(operand for one, _, other in boxes.values() for operand in (one, other))
    arrived = Counter()
    for name in reversed(boxes):
        one, sign, other = boxes[name]
        dy, flows, formulas, added = gradients[name], [], [], []
        for part, factor in ((one, other), (other, one)):
            pays = dy * values[factor] if sign == "*" else dy
            read = ((f"d{name}", 0), (factor, 0)) if sign == "*" else ((f"d{name}", 0),)
            flows.append(Flow(f"d{part}", [0], read, amounts=[pays]))
            product = f" · {mark(factor, factor)} = {amount(dy)} · {_written(values[factor])}" if sign == "*" else ""
            equals = "+=" if uses[part] > 1 else "="
            formulas.append(
                f"{mark(f'd{part}', f'd{part}')} {equals} {mark(f'd{name}', f'd{name}')}{product} = {amount(pays)}"
            )
            gradients[part] += pays
            arrived[part] += 1
            if arrived[part] > 1:
                added.append(part)
        rule = "to both, unchanged" if sign == "+" else "to both, each time times the other factor"
        more = f" Something has come back to {added[0]} before: the two are added." if added else ""
        yield Step(
            f"Box {name} holds a {'sum' if sign == '+' else 'product'}. It passes d{name} on {rule}.{more}",
            formula="\n".join(formulas),
            flows=tuple(flows),
        )
