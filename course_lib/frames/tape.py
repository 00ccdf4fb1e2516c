"""The way back through a tape: what every node hands to its parents, and what each of them collects."""

import numpy as np

from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, mark
from course_lib.looks import GRADIENT, INPUT, OUTPUT, number
from course_lib.tape import Node, topological_order
from course_lib.tape import backpropagate as walk_back

_ACROSS, _DOWN, _BELOW = 3.2, 3.6, 1.3
_STEP = 2.0  # by which every second column stands lower, so that an arrow over two columns crosses no number
_MOST = 12  # nodes that there is room for


@animation
def backpropagate(root):
    """The story of the walk back from root, a Node made of single numbers: 12 nodes at most, each with its own name."""
    order = _checked(root)
    places = _places(order)
    values = [
        Grid(node.name, OUTPUT if node.parents else INPUT, np.full((1, 1), float(node.value)), places[node], ndim=0)
        for node in order
    ]
    gradients = [
        Grid(f"d{node.name}", GRADIENT, np.zeros((1, 1)), _below(places[node]), ndim=0, collects=True, empty=True)
        for node in order
    ]
    steps = [
        Step(
            f"Forward, {len(order)} nodes were noted down. Back, the walk takes them in the opposite order: "
            f"{', '.join(node.name for node in reversed(order))}."
        ),
        Step(
            f"It starts at {root.name}, whose derivative in itself is 1.",
            formula=f"{mark(f'd{root.name}', f'd{root.name}')} = 1",
            line="root.grad = ",
            flows=(Flow(f"d{root.name}", [0], (), 1.0, quiet=True),),
            looks={root.name: [0]},
        ),
    ]
    steps += _walk(order)
    steps.append(Step("Each node has handed on once, after everything that was made of it."))
    edges = tuple((parent.name, node.name) for node in order for parent in dict.fromkeys(node.parents))
    return Story(f"The tape, played back from {root.name}", by_key(*values, *gradients), steps, walk_back, edges=edges)


def _checked(root):
    """All nodes, parents first."""
    if not isinstance(root, Node):
        raise TypeError(f"root must be a Node, but is {type(root).__name__}")
    order = topological_order(root)
    if len(order) > _MOST:
        raise ValueError(f"root must be made of at most {_MOST} nodes, itself among them, but there are {len(order)}")
    names = [node.name for node in order]
    if not all(isinstance(name, str) and name.isidentifier() for name in names) or len({*names}) < len(names):
        raise ValueError("root must be made of nodes with names, such as 'w', and no name twice")
    if any(np.shape(node.value) != () or not np.isfinite(node.value) for node in order):
        raise ValueError("root must be made of nodes of single numbers")
    return order


def _walk(order):
    """A step for each node that has parents, from the last one."""
    collected = {node: 0.0 for node in order}
    collected[order[-1]] = 1.0
    used = {node: sum(node in other.parents for other in order) for node in order}
    for node in reversed(order):
        if not node.parents:
            continue
        amounts = [float(gradient) for gradient in node.local(np.array(collected[node]))]
        flows, parts = [], []
        for parent, amount in zip(node.parents, amounts, strict=True):
            collected[parent] += amount
            flows.append(Flow(f"d{parent.name}", [0], ((f"d{node.name}", 0),), amounts=[amount]))
            parts.append(f"{mark(f'd{parent.name}', f'd{parent.name}')} += {number(amount)}")
        shared = [parent.name for parent in dict.fromkeys(node.parents) if used[parent] > 1]
        adds = f" Used more than once: {' and '.join(shared)}. What arrives there is added." if shared else ""
        yield Step(
            f"Node {node.name} is complete. It hands on, by its local way back, to "
            f"{' and '.join(dict.fromkeys(parent.name for parent in node.parents))}.{adds}",
            formula=", ".join(parts),
            line="parent.grad = ",
            flows=tuple(flows),
            looks={parent.name: [0] for parent in node.parents},
            beside=f"node = {node.name}",
        )


def _places(order):
    """node -> (column, row) of its value: right of its parents; where it has none, left of its first use."""
    column = {}
    for node in order:
        column[node] = 1 + max((column[parent] for parent in node.parents), default=-1)
    for node in reversed(order):
        if not node.parents:
            column[node] = max(0, min((column[one] for one in order if node in one.parents), default=1) - 1)
    rows, places = {}, {}
    for node in sorted(order, key=lambda node: not node.parents):
        row = rows.get(column[node], 0)
        rows[column[node]] = row + 1
        places[node] = (_ACROSS * column[node], _DOWN * row + _STEP * (column[node] % 2))
    return places


def _below(place):
    return place[0], place[1] + _BELOW
