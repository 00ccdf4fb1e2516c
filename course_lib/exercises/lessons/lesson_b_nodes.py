"""The tape, recorded: nodes that know their parents and the way back to them."""

import numpy as np

from course_lib import tape
from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.question import Small
from course_lib.exercises.engine.running import CannotBeJudgedError
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import drawn
from course_lib.tape import Node, summed_to

LESSON = "B_tape"

ONCE = "record, then back"
MOVED = "record, new values for the parents, then back"
OFF = "record while Node.recording is False"
RECORDINGS = ONCE, MOVED, OFF

RECORDED = ("value", "parents", "dx", "dw", "kept")

NO_NODE = "`record` returned {a_type}, but a Node is expected: `Node(forward(...))`."
ARRAY_NO_NODE = "An array cannot remember parents. Put what `forward` returns into a Node first: `Node(forward(...))`."
NO_WAY_BACK = "The node has no `.local`: nothing knows how a gradient gets from it to its parents."
NO_FUNCTION = (
    "`.local` is of type {a_type}, but it is a function of dy. "
    "dy is not known yet when `record` is called: the way back is gone later."
)
NO_PARENT_NODES = "`.parents` holds something of type {a_type}, but it holds the nodes that were given to `record`."
NO_GRADIENTS = "`.local(dy)` returned {what}, but it returns a list: one gradient for each of the two parents."


def _product_backward(dy, x, w):
    return dy * w, dy * x


def recorded(f, x, w, dy, then):
    """Record x * w by f, and go back one step. Returns the arrays that RECORDED names.

    parents (3,): how many the node knows, and the places of x and w among them, -1 for none. kept (): 1 with a local.
    """
    parents = Node(x), Node(w)
    Node.recording = then != OFF
    try:
        node = f(np.multiply, _product_backward, *parents)
    finally:
        Node.recording = True
    if node is None:
        return None
    f(np.negative, lambda dy, x: (-dy,), parents[0])  # one parent, or any number of them
    if not isinstance(node, Node):
        raise CannotBeJudgedError(NO_NODE.format(a_type=f"a {type(node).__name__}"))
    known = list(node.parents)
    strangers = [type(one).__name__ for one in known if not isinstance(one, Node)]
    if strangers:
        raise CannotBeJudgedError(NO_PARENT_NODES.format(a_type=strangers[0]))
    places = [known.index(one) if one in known else -1 for one in parents]
    back = np.zeros(x.shape), np.zeros(w.shape)
    if then == MOVED:
        parents[0].value, parents[1].value = 3 - x, w - 2
    if then != OFF:
        back = _one_step(node, dy)
    return node.value, np.array([len(known), *places], float), *back, np.array(float(node.local is not None))


def _one_step(node, dy):
    if node.local is None:
        raise CannotBeJudgedError(NO_WAY_BACK)
    if not callable(node.local):
        raise CannotBeJudgedError(NO_FUNCTION.format(a_type=type(node.local).__name__))
    found = node.local(dy)
    if not isinstance(found, (list, tuple)) or len(found) != 2:
        what = f"{len(found)} results" if isinstance(found, (list, tuple)) else f"a {type(found).__name__}"
        raise CannotBeJudgedError(NO_GRADIENTS.format(what=what))
    return tuple(np.asarray(one) for one in found)


def _record(forward, backward, *nodes, on=None, parents=None, today=False, upstream=None, summed=None, turned=False):
    """A recipe. on: whether it remembers; today: whether the way back takes the values that the parents hold then."""
    values = [node.value for node in nodes]
    node = Node(forward(*values))

    def local(dy):
        arrays = [one.value for one in nodes] if today else values
        gradients = backward(upstream(dy, node.value) if upstream else dy, *arrays)
        found = [(summed or _summed)(d, v) for d, v in zip(gradients, arrays, strict=True)]
        return found[::-1] if turned else found

    if Node.recording if on is None else on:
        node.parents, node.local = parents(nodes) if parents else nodes, local
    return node


def _summed(gradient, value):
    return summed_to(gradient, value.shape)


def _as_it_came(gradient, value):
    return gradient


def _summed_over_the_batch(gradient, value):
    return gradient.sum(axis=0) if gradient.ndim > value.ndim else gradient


def _averaged(gradient, value):
    return summed_to(gradient, value.shape) * value.size / gradient.size


def _recording(tensor, **steps):
    return WrongAnswer(recorded, Variant(_record, **steps), RECORDED.index(tensor))


def _sum_in_place_of_forward(forward, backward, *nodes):
    return _record(lambda *arrays: sum(arrays), backward, *nodes)


NOT_SUMMED = (
    "A value that was broadcast was used many times, and every use sends a gradient. "
    "Yours has the shape of the uses. Summed over them it is shaped like the parent: `summed_to` does that."
)
AVERAGED = "The gradients of a broadcast value are averaged. It was used many times, and all uses are added."
OF_TODAY = (
    "It uses what the parents hold later, when a new value may have come. "
    "The way back belongs to the numbers that went forward: take them when you record, and not when `local` is called."
)
OF_ONES = "The upstream gradient is missing: `local` was given `dy`, and `backward` wants it first."
OF_THE_VALUE = "`backward` is given the node's value where the upstream gradient belongs: the `dy` that `local` gets."
TWICE_DY = "dy counts twice. What `backward` returns has it as a factor already."
SWAPPED = "The two gradients are exchanged. They come in the order of the parents."
NO_PARENTS = "The node does not know its parents, so no walk will ever reach them."
TURNED = "The parents come in another order than in the call. Gradients are handed to them by their place."
COPIES = "These parents are new nodes. A gradient must arrive at the very nodes that were given to `record`."
ALWAYS = "It remembers although Node.recording is False: parents and way back are for a tape that runs."
VALUE = "The value is not that of `forward(*values)`."
NODES_GIVEN = "`forward` and `backward` know arrays alone, and not nodes: give them each parent's `.value`."

RECORD = Exercise(
    answer=tape.record,
    task=(
        "Write `record(forward, backward, *parents)`. "
        "`forward` and `backward` are functions of arrays, `parents` are nodes. "
        "Return a Node of what `forward` makes of the parents' values. "
        "While `Node.recording` is True, give it two more things: `.parents`, as they came, and `.local`, "
        "a function of `dy` that returns a list with one gradient for each parent, shaped like that parent's value. "
        "While it is False, leave both as they are in a new Node."
    ),
    difficulty="medium",
    minutes=10,
    hints=(
        "Three things happen: arrays are taken out of the parents, `forward` makes an array of them, "
        "and a new node remembers how to go back. Which of these may be left out while nothing is recorded?",
        "`.local` is a function that is made inside of `record`: it sees the values as they are now. "
        "`backward` is given dy and these values. Each of its results is summed to the shape of its own value.",
        "Keep `values = [parent.value for parent in parents]`. "
        "A `lambda dy:` can hold a whole list: `[summed_to(d, v.shape) for d, v in zip(...)]`, "
        "over what `backward(dy, *values)` returns and the values.",
    ),
    next_idea="Let a node count how many bytes its way back keeps alive. Which kind of node keeps most?",
    cases=lambda rng: [
        _record_case(rng, *one)
        for one in (
            (ONCE, (3, 2, 4, 5), (2, 1, 1)),
            (MOVED, (2, 3, 3, 4), (3, 1, 1)),
            (OFF, (2, 2, 3), (2, 2, 3)),
            (ONCE, (4, 3), (4, 3)),
            (ONCE, (2, 3, 4), (3, 4)),
            (MOVED, (3, 5), (1, 5)),
            (ONCE, (2, 3), ()),
        )
    ],
    further=drawn.small(lambda rng, values: _drawn_record(rng, values)),
    small=Small(
        {"W": (1, 2, 3), "H": (1, 2, 3), "narrow": (False, True), "then": RECORDINGS},
        lambda numbers, W, H, narrow, then: {
            "x": numbers(H, W),
            "w": numbers(1 if narrow else H, W),
            "dy": numbers(H, W),
            "then": then,
        },
    ),
    probe={
        "x": np.array([[1.0, 2], [3, 4]]),
        "w": np.array([10.0, 1]),
        "dy": np.array([[1.0, 0], [1, 2]]),
        "then": ONCE,
    },
    run=recorded,
    tensors=RECORDED,
    exceptions=(
        ("value", r"TypeError.*(Node|operand)|AttributeError: 'Node' object", NODES_GIVEN),
        ("value", r"AttributeError.*'numpy\.\w+' object has no attribute '(parents|local)'", ARRAY_NO_NODE),
    ),
    mistakes={
        "value": (
            Mistake(
                "another value", VALUE, (WrongAnswer(recorded, _sum_in_place_of_forward, RECORDED.index("value")),)
            ),
        ),
        "parents": (
            Mistake("no parents", NO_PARENTS, (_recording("parents", parents=lambda nodes: ()),)),
            Mistake("parents turned around", TURNED, (_recording("parents", parents=lambda nodes: nodes[::-1]),)),
            Mistake(
                "copies for parents",
                COPIES,
                (_recording("parents", parents=lambda nodes: tuple(Node(node.value) for node in nodes)),),
            ),
            Mistake("recorded while off", ALWAYS, (_recording("parents", on=True),)),
        ),
        "dx": (
            Mistake("values of today", OF_TODAY, (_recording("dx", today=True),)),
            Mistake("dy missing", OF_ONES, (_recording("dx", upstream=lambda dy, value: np.ones_like(dy)),)),
            Mistake("value in place of dy", OF_THE_VALUE, (_recording("dx", upstream=lambda dy, value: value),)),
            Mistake("dy twice", TWICE_DY, (_recording("dx", upstream=lambda dy, value: dy * dy),)),
            Mistake("exchanged", SWAPPED, (_recording("dx", turned=True),)),
        ),
        "dw": (
            Mistake(
                "not summed back",
                NOT_SUMMED,
                (_recording("dw", summed=_as_it_came), _recording("dw", summed=_summed_over_the_batch)),
            ),
            Mistake("averaged", AVERAGED, (_recording("dw", summed=_averaged),)),
            Mistake("values of today", OF_TODAY, (_recording("dw", today=True),)),
            Mistake("dy missing", OF_ONES, (_recording("dw", upstream=lambda dy, value: np.ones_like(dy)),)),
            Mistake("value in place of dy", OF_THE_VALUE, (_recording("dw", upstream=lambda dy, value: value),)),
            Mistake("dy twice", TWICE_DY, (_recording("dw", upstream=lambda dy, value: dy * dy),)),
            Mistake("exchanged", SWAPPED, (_recording("dw", turned=True),)),
        ),
        "kept": (Mistake("recorded while off", ALWAYS, (_recording("kept", on=True),)),),
    },
)


def _record_case(rng, then, shape, narrow):
    return {
        "x": rng.standard_normal(shape),
        "w": rng.standard_normal(narrow),
        "dy": rng.standard_normal(shape),
        "then": then,
    }


def _drawn_record(rng, values):
    shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(2, 5)))
    start = int(rng.integers(0, len(shape)))
    narrow = tuple(1 if rng.random() < 0.3 else n for n in shape[start:])
    return {"x": values(shape), "w": values(narrow), "dy": values(shape), "then": RECORDINGS[int(rng.integers(3))]}


EXERCISES = (RECORD,)
PREDICTIONS = ()
