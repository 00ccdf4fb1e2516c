"""A block in which the tape is off; and the questions of lesson B."""

import numpy as np

from course_lib import tape
from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.question import Small
from course_lib.exercises.lessons.shared import broken, redrawn_optional
from course_lib.tape import Node

LESSON = "B_tape"

BLOCK = "a block"
INNER = "a block inside of a block"
ERROR = "a block that ends in an error"
MADE = "an object that no `with` has entered yet"
BLOCKS = BLOCK, INNER, ERROR, MADE

SWITCHED = ("inside", "behind", "error")


class _StopError(Exception):
    pass


def switched(f, then):
    """Enter blocks of f. Returns what Node.recording is inside, and behind them; and whether an error came through."""
    try:
        if _does_nothing(f):
            return None
        Node.recording = True
        inside, error = [], 0.0
        block = f()
        if then == MADE:
            inside.append(float(Node.recording))
        else:
            try:
                with block:
                    _look_around(f, then, inside)
            except _StopError:
                error = 1.0
        return np.array(inside), np.array(float(Node.recording)), np.array(error)
    finally:
        Node.recording = True


def _look_around(f, then, inside):
    inside.append(float(Node.recording))
    if then == INNER:
        with f():
            inside.append(float(Node.recording))
        inside.append(float(Node.recording))
    if then == ERROR:
        raise _StopError


def _does_nothing(f):
    """Whether nothing is written yet: the switch stays as it is, and the object keeps nothing."""
    Node.recording = True
    block = f()
    if block is None:
        return True
    with block:
        inside = Node.recording
    return bool(inside and Node.recording) and not getattr(block, "__dict__", {})


def _switching(tensor, enter=None, leave=None, made=None):
    """A no_grad of which these methods are replaced."""

    class Wrong(tape.no_grad):
        def __init__(self):
            if made:
                made(self)

        def __enter__(self):
            (enter or tape.no_grad.__enter__)(self)

        def __exit__(self, *error):
            return (leave or tape.no_grad.__exit__)(self, *error)

    return WrongAnswer(switched, Wrong, SWITCHED.index(tensor))


def _turn_off(self):
    self.before, Node.recording = Node.recording, False


def _turn_on(self, *error):
    Node.recording = True


def _only_without_an_error(self, kind, *error):
    if kind is None:
        Node.recording = self.before


def _swallow(self, *error):
    Node.recording = self.before
    return True


def _invert(self, *error):
    Node.recording = not Node.recording


def _own_flag(self):
    self.before, self.recording = Node.recording, False


def _keep_for_all(self):
    type(self).before, Node.recording = Node.recording, False


def _leave_nothing(self, *error):
    return None


ELSEWHERE = "Inside the block Node.recording is True still. That is the one switch that `record` looks at."
TOO_EARLY = (
    "It switches as soon as the object is made. A block begins with `__enter__`: until `with` is reached, "
    "everything is recorded."
)
NOT_BACK = "Behind the block nothing is recorded any more: `__exit__` has to switch back."
ONE_MEMORY = (
    "All blocks remember in one and the same place: the inner one overwrites what the outer one has kept. "
    "Each block is an object of its own, and can remember by itself."
)
NOT_AFTER_ERRORS = (
    "Behind a block that ended in an error nothing is recorded any more, and the next training would learn nothing. "
    "`__exit__` is called then, too: switch back whatever it was given."
)
ON_AT_ONCE = (
    "At the end of the inner block the outer one is switched on. "
    "Do not switch to True, but to what it was when the block began."
)
SWALLOWED = (
    "The error that ended the block has vanished. `__exit__` that returns something true tells Python to go on as if "
    "nothing had happened: return nothing."
)
TOGGLED = (
    "It turns the switch over, whatever it was: inside of an inner block, everything is recorded. Set it to False."
)

NO_GRAD = Exercise(
    answer=tape.no_grad,
    start=broken.no_grad,
    task=(
        "**Repair it.** This class `no_grad` is for `with no_grad():`. Python calls `__enter__` where the block "
        "begins: `Node.recording` is to be off from there. It calls `__exit__` where the block ends, also if it ends "
        "in an error, of which it is told: all is to be as before. One block that ends well is right. "
        "Two other things are not: try a block inside of another, and a block that ends in an error."
    ),
    difficulty="easy",
    minutes=5,
    hints=(
        "What must hold behind the inner block, and still inside of the outer one? And what behind an error?",
        "The object itself can remember: what `__enter__` keeps on self, `__exit__` finds there.",
        "In `__enter__`, keep `Node.recording` as `self.before`, and set it to False. "
        "In `__exit__`, set it to `self.before`.",
    ),
    next_idea="Write it once more as a function, with `contextlib.contextmanager`: where does `finally` go?",
    cases=lambda rng: [{"then": then} for then in BLOCKS],
    further=lambda rng: [{"then": then} for then in BLOCKS],
    small=Small({"then": BLOCKS}, lambda numbers, then: {"then": then}),
    probe={"then": INNER},
    run=switched,
    tensors=SWITCHED,
    mistakes={
        "inside": (
            Mistake("a flag of its own", ELSEWHERE, (_switching("inside", enter=_own_flag),)),
            Mistake(
                "switched when made",
                TOO_EARLY,
                (_switching("inside", made=_turn_off, enter=lambda self: None),),
            ),
            Mistake("back to True", ON_AT_ONCE, (_switching("inside", leave=_turn_on),)),
            Mistake("turned over", TOGGLED, (_switching("inside", enter=_invert, leave=_invert),)),
        ),
        "behind": (
            Mistake(
                "switched when made",
                TOO_EARLY,
                (_switching("behind", made=_turn_off, enter=lambda self: None),),
            ),
            Mistake("one memory for all blocks", ONE_MEMORY, (_switching("behind", enter=_keep_for_all),)),
            Mistake("not back", NOT_BACK, (_switching("behind", leave=_leave_nothing),)),
            Mistake("not after an error", NOT_AFTER_ERRORS, (_switching("behind", leave=_only_without_an_error),)),
        ),
        "error": (Mistake("error swallowed", SWALLOWED, (_switching("error", leave=_swallow),)),),
    },
)

EXERCISES = (NO_GRAD,)

# ---------------------------------------------------------------- questions


PREDICTIONS = (
    Prediction(
        name="B/two_uses",
        again=redrawn_optional.two_uses,
        text="`p = w x`, `q = p + w`, `f = p q`, with w = 3 and x = 2: so p = 6, q = 9 and f = 54. "
        "How far does f move for each unit that w moves?",
        answer=lambda: redrawn_optional.slope_of_two_uses(3, 2),
        wrong_answers=(
            (30, "That is what comes through p. w stands in the sum q as well."),
            (6, "That is what comes through the sum q alone. w is a factor of p, too."),
            (24, "p was used twice, in q and in f, and hears from both: 9 and 6."),
            (18, "p was used twice, in q and in f, and hears from both: 9 and 6."),
        ),
        why="p hears 9 from f and 6 from q, so dp = 15. w hears 15 times 2 from p, and 6 from q.",
        harmless={"backpropagate(f)": "it is the lesson's own way to the number, long after the question"},
    ),
    Prediction(
        name="B/broadcast",
        again=redrawn_optional.broadcast,
        text="b has 2 numbers and is added to each of the 3 rows of y. "
        "The gradient of the result is 1, 2 in the first row, 3, 4 in the second and 5, 6 in the third. "
        "What is the gradient of b?",
        answer=lambda: tape.summed_to(np.array([[1.0, 2], [3, 4], [5, 6]]), (2,)),
        wrong_answers=(
            ((3, 4), "That is the mean. Each of the three uses moves the loss by itself."),
            ((1, 2), "That is the first row's alone. The other rows used the same b."),
            ((5, 6), "That is the last row's alone. The other rows used the same b."),
        ),
        why="Each number of b stands in three rows. It collects 1 + 3 + 5 and 2 + 4 + 6.",
    ),
    Prediction(
        name="B/whose_turn",
        reveals=0,
        text="A tape walks back through `f = p q` and `q = p + w`. f has handed a gradient to p and one to q. "
        "Which of the two goes on first?",
        answer="b",
        choices={
            "a": ("p, since it stands nearer to w and x", "p is not complete: q was made of it, and has not reported."),
            "b": ("q", ""),
            "c": (
                "Either: the sums come out the same",
                "If p goes first, it hands on what f gave it. What q gives it later would have to be sent after that.",
            ),
        },
        why="q was made of p. Until q has had its turn, a part of p's gradient is still on its way.",
    ),
    Prediction(
        name="B/same_array",
        again=redrawn_optional.same_array,
        text="`s = a + b`, and s hands on a gradient of ones. "
        "`a` was used somewhere else, too. A tape adds what comes from there, a gradient of fives, by `a.grad += 5`. "
        "What does b.grad hold then, in each place?",
        answer=lambda: 6.0,
        wrong_answers=(
            (1, "It would, if the two gradients were two arrays. Look at what `add` returns: `(dy, dy)`."),
            (5, "`+=` adds to the ones that are there already."),
        ),
        why="A sum returns one array for both, and `+=` writes into it. `a.grad = a.grad + 5` makes a new one.",
    ),
    Prediction(
        name="B/nodes",
        again=redrawn_optional.nodes,
        text="`loss_of` makes two rounds of conv, relu and pool, then flatten, linear and entropy. "
        "Count everything that is made or used: how many nodes are on the tape?",
        answer=lambda: 2 * 3 + 3 + 6 + 2,
        wrong_answers=(
            (9, "Those are the steps. What they were made of is on the tape as well."),
            (15, "The image and the classes are nodes, too."),
            (16, "The classes are a node, too: nothing is learnt from their gradient, but the loss was made of them."),
        ),
        why="9 steps, 6 arrays of weights, the images and the classes.",
    ),
    Prediction(
        name="B/growing",
        text="To report the mean loss, somebody adds up the losses of 1000 steps on the tape: "
        "`total = add(total, loss)`. Nobody ever walks back from `total`. What is kept in memory?",
        answer="c",
        choices={
            "a": ("One number", "total is a node: it keeps its parents, and they keep theirs."),
            "b": ("1000 numbers", "Each loss is a node that knows what it was made of."),
            "c": ("Everything that the 1000 losses were made of", ""),
        },
        why="A node keeps its parents alive, those theirs, and so on: 1000 whole networks with all their arrays. "
        "It is a common way to run out of memory in PyTorch: `total += loss` in place of `loss.item()`.",
    ),
    Prediction(
        name="B/same_losses",
        reveals=4,
        comes_back=False,
        text="The tape and the layers start with the same weights and see the same batches, in float32. "
        "After an epoch of MNIST, how far are their losses apart?",
        answer="b",
        choices={
            "a": ("Not at all: every number is the same", "Sums in another order are rounded in another way."),
            "b": ("By a rounding error that has grown in the training", ""),
            "c": (
                "By a few percent: two trainings are never alike",
                "Two that *draw* something are not. Nothing is drawn here after the start.",
            ),
        },
        why="Both compute the same sums, in another order. Each step starts from what rounding has left of the last.",
    ),
    Prediction(
        name="B/twice",
        reveals=0,
        text="`dx = back_x(dy, w)` is a node, and u, shaped like dx, is the gradient that arrives at it. "
        "What goes on from there to dy?",
        answer="a",
        choices={
            "a": ("The convolution of u with w, as in the forward pass", ""),
            "b": ("back_x once more, with u in the place of dy", "Its shape: u has the channels of x, dy those of y."),
            "c": ("u itself", "u is shaped like x. Going back to dy it has to pass through w."),
            "d": ("Nothing: a gradient has no gradient", "dx is computed from dy, so it moves when dy moves."),
        },
        why="back_x is linear in dy, with the transposed matrix of conv. "
        "Going back transposes it once more: conv again.",
    ),
)
