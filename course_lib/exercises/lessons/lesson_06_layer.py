"""The Conv2d layer: functions with a memory."""

import numpy as np

from course_lib import functional as F
from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import bias, convolution, drawn, geometries, redrawn_layers, small, wrong_steps
from course_lib.exercises.lessons.shared.layer import (
    BETWEEN,
    CLEARED,
    EXCEPTIONS,
    MOVED,
    ONE_STAMP,
    OVERWRITTEN,
    STALE_INPUT,
    STALE_WEIGHT,
    STEPPED,
    TENSORS,
    TWICE,
    TWO_BATCHES,
    ZEROED,
    Conv2d,
    layer_cases,
    live,
)

LESSON = "06_layer_with_a_memory"

# ---------------------------------------------------------------- how the layer goes wrong


class _Parts(Conv2d):
    """Conv2d taken apart, so that two mistakes can be made at once: each is another method, or another find_...

    find_dx, find_dw, find_db: functions of (dy, x, w, stride, padding) in place of the right ones.
    """

    find_dx = find_dw = find_db = None

    def backward(self, dy):
        dx, dw, db = self.gradients(dy)
        self.collect(dw, db)
        return dx

    def gradients(self, dy):
        values = dy, self.x, self.kernel(), *self.geometry()
        right = F.conv2d_backward(*values)
        wrongs = self.find_dx, self.find_dw, self.find_db
        return [wrong(*values) if wrong else part for wrong, part in zip(wrongs, right, strict=True)]

    def kernel(self):
        return self.weight.data

    def geometry(self):
        return self.stride, self.padding

    def collect(self, dw, db):
        self.weight.grad = self.weight.grad + dw
        self.bias.grad = self.bias.grad + db


def _spoilt(tensor, **parts):
    """A Conv2d in which these parts are others."""
    return WrongAnswer(live, type("Conv2d", (_Parts,), parts), TENSORS.index(tensor))


def _in_layer(tensor, which, mistakes):
    """The mistakes of a function, made inside the layer's backward."""
    found = []
    for m in mistakes:
        wrongs = [wrong for wrong in m.examples if not _is_another_in_layers(wrong)]
        if wrongs:
            parts = [wrong if isinstance(wrong, Variant) else staticmethod(wrong) for wrong in wrongs]
            wrong = tuple(_spoilt(tensor, **{f"find_{which}": part}) for part in parts)
            found.append(Mistake(m.name, m.message, wrong, m.source))
    return found


def _is_another_in_layers(wrong):
    """Whether the mistake is a different one inside a layer: what is not shaped like dw cannot be added."""
    steps = getattr(wrong, "steps", {})
    return "kernel_of" in steps or steps.get("pad") in (wrong_steps.no_zeros, wrong_steps.fails_at_the_border)


def _set(self, dw, db):
    self.weight.grad, self.bias.grad = dw, db


def _twice(self, dw, db):
    _Parts.collect(self, 2 * dw, 2 * db)


def _nothing(self, dw, db):
    pass


def _stepping(lr, before, bias_too=True):
    """A backward that also updates the weights (and the bias), before or after it computes dx."""

    def backward(self, dy):
        dx, dw, db = self.gradients(dy)
        self.collect(dw, db)
        self.weight.data = self.weight.data - lr * self.weight.grad
        if bias_too:
            self.bias.data = self.bias.data - lr * self.bias.grad
        return self.gradients(dy)[0] if before else dx

    return backward


def _with_geometry(geometry):
    """What is passed on in place of (stride, padding)."""
    return lambda self: geometry(self.stride, self.padding)


def _first_input(self, x):
    if "x" not in vars(self):
        self.x = x
    return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)


def _clearing(self, x):
    self.zero_grad()
    return Conv2d.forward(self, x)


def _of_another_geometry(change):
    """A constructor that keeps change(kernel_size, stride, padding) in place of stride and padding."""

    def construct(self, in_channels, out_channels, kernel_size, stride=1, padding=0, *, rng=None):
        kept = change(kernel_size, stride, padding)
        Conv2d.__init__(self, in_channels, out_channels, kernel_size, *kept, rng=rng)

    return construct


def _shared_input(self, x):
    """Remembers x on the class, and so for all its layers together."""
    type(self).x = x
    return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)


def _output_kept(self, x):
    self.x = F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)
    return self.x


def _keeping(self, *sizes, **geometry):
    Conv2d.__init__(self, *sizes, **geometry)
    self.w, self.b = self.weight.data, self.bias.data


def _kept_forward(self, x):
    self.x = x
    return F.conv2d(x, self.w, self.b, self.stride, self.padding)


def _kept_kernel(self):
    return self.w


def _forward(function):
    def forward(self, x):
        self.x = x
        return function(x, self.weight.data, self.bias.data, self.stride, self.padding)

    return forward


RATES = (1, 0.5, 0.1, 0.05, 0.01, 0.001)

IN_FORWARD = "The stride or the padding is not passed on to the convolution."

IN_BACKWARD = (
    "F.conv2d_backward gets a different stride or padding from those the layer was built with. "
    "The constructor keeps both, and forward and backward both pass them on: "
    "without them it cannot know where the windows were."
)

GEOMETRIES = (  # what may be handed on in place of (stride, padding)
    lambda s, p: (),
    lambda s, p: (s,),
    lambda s, p: (1, p),
    lambda s, p: (p + 1, s - 1),
)

KEPT_GEOMETRIES = (  # what a constructor may keep in place of (stride, padding)
    lambda k, s, p: (s, k // 2),
    lambda k, s, p: (max(p, 1), s),
)


def layer_mistakes():
    kept = {"__init__": _keeping, "forward": _kept_forward, "kernel": _kept_kernel}

    def stale(tensor):
        return (
            Mistake(
                "output kept in place of the input",
                f"{tensor} is computed from y, or from something else than x. Which array does forward keep?",
                (_spoilt(tensor, forward=_output_kept),),
            ),
            Mistake(
                "input of an earlier forward",
                STALE_INPUT,
                (_spoilt(tensor, forward=_first_input), _spoilt(tensor, forward=_shared_input)),
            ),
        )

    def unlike(tensor):
        """F.conv2d_backward refuses a dy that does not fit the geometry, so the layer is right or raises."""
        return Mistake(
            "stride or padding not used in backward",
            IN_BACKWARD,
            (
                *(_spoilt(tensor, geometry=_with_geometry(geometry)) for geometry in GEOMETRIES),
                *(_spoilt(tensor, __init__=_of_another_geometry(change)) for change in KEPT_GEOMETRIES),
            ),
        )

    gradients = {
        "weight.grad": _in_layer("weight.grad", "dw", convolution.gradient_of_weight(4)),
        "bias.grad": _in_layer("bias.grad", "db", bias.mistakes()),
    }
    return {
        "y": (
            Mistake(
                "bias missing",
                "The bias is missing from y.",
                (_spoilt("y", forward=_forward(lambda x, w, b, s, p: F.conv2d(x, w, None, s, p))),),
            ),
            Mistake(
                "stride or padding not used",
                IN_FORWARD,
                tuple(
                    _spoilt("y", forward=_forward(lambda x, w, b, s, p, other=other: F.conv2d(x, w, b, *other(s, p))))
                    for other in GEOMETRIES
                ),
            ),
            Mistake(
                "kernel turned",
                "The kernel is turned by 180 degrees, or flipped. In deep learning it is laid on the window as it is.",
                tuple(
                    _spoilt("y", forward=_forward(lambda x, w, b, s, p, turn=turn: F.conv2d(x, turn(w), b, s, p)))
                    for turn in (wrong_steps.half_turn, *wrong_steps.FLIPS)
                ),
            ),
            Mistake("weights of the constructor", STALE_WEIGHT, (_spoilt("y", **kept),)),
            Mistake(
                "weights moved in backward",
                STEPPED,
                tuple(_spoilt("y", backward=_stepping(lr, False, bias)) for lr in RATES for bias in (True, False)),
            ),
        ),
        "dx": (
            Mistake("weights of the constructor", STALE_WEIGHT, (_spoilt("dx", **kept),)),
            unlike("dx"),
            Mistake(
                "weights moved before dx", STEPPED, tuple(_spoilt("dx", backward=_stepping(lr, True)) for lr in RATES)
            ),
            *_in_layer("dx", "dx", convolution.gradient_of_input(4)),
        ),
        **{
            tensor: (
                Mistake("gradient set, not added", OVERWRITTEN, (_spoilt(tensor, collect=_set),)),
                Mistake("gradients cleared in forward", CLEARED, (_spoilt(tensor, forward=_clearing),)),
                Mistake(
                    "added twice",
                    f"{tensor} is twice what it should be after one backward. Is it added in two places?",
                    (_spoilt(tensor, collect=_twice),),
                ),
                Mistake(
                    "nothing collected",
                    f"{tensor} stays zero. backward must add to it, and not only return dx.",
                    (_spoilt(tensor, collect=_nothing),),
                ),
                *((*stale(tensor), unlike(tensor)) if tensor == "weight.grad" else ()),
                *mistakes,
            )
            for tensor, mistakes in gradients.items()
        },
        **{
            tensor: (
                Mistake(
                    "weights moved in backward",
                    STEPPED,
                    tuple(_spoilt(tensor, backward=_stepping(lr, before)) for lr in RATES for before in (True, False)),
                ),
            )
            for tensor in ("weight.data", "bias.data")
        },
    }


# ---------------------------------------------------------------- the lab


def _fresh(cls, *sizes, seed=0):
    return cls(*sizes, rng=np.random.default_rng(seed))


def _spread_like_he(cls):
    weight = _fresh(cls, 16, 32, 3).weight.data
    return abs(weight.std() / np.sqrt(2 / (16 * 9)) - 1) < 0.1


def _starts_without_bias(cls):
    return not _fresh(cls, 2, 5, 3).bias.data.any()


def _starts_as_its_generator_says(cls):
    one, same, other = (_fresh(cls, 2, 3, 3, seed=seed).weight.data for seed in (1, 1, 2))
    return np.array_equal(one, same) and not np.array_equal(one, other)


def _starts_without_a_generator(cls):
    return cls(2, 3, 3).weight.data.any()


NOT_HE = (
    "Its weights do not start by He's rule, with a standard deviation of sqrt(2 / (in_channels * k * k)). "
    "Weights that start too small, too large or all equal are hard to train."
)
NOT_FROM_RNG = (
    "It does not draw its weights from `rng`. "
    "Built twice with the same generator, it should start with the same weights; "
    "with another generator, with different ones."
)

CONV2D = Exercise(
    answer=Conv2d,
    next_idea="Accept `bias=False`, as PyTorch's layer does.",
    difficulty="hard",
    minutes=25,
    task=(
        "Write the class `Conv2d`. "
        "The constructor makes `weight` and `bias`, each a `Parameter` with `.data` and `.grad`. "
        "`forward(x)` returns `y` and remembers what backward needs. "
        "`backward(dy)` *adds* to both `.grad` and returns `dx`. "
        "The functions `F.conv2d` and `F.conv2d_backward` do the arithmetic."
    ),
    hints=(
        "forward knows x, and backward needs it. Where can one method leave something for another to find?",
        "`self.x = x` in forward. "
        "In backward call `F.conv2d_backward` with dy, that x, the weights, stride and padding. "
        "Of its three results, one is returned and two are accumulated.",
        "`self.weight.grad += dw`, and the same for the bias. "
        "`+=` makes two backward passes add up, as they must when weights are used twice. "
        "He's rule is `init.he_normal(shape, rng)`.",
    ),
    cases=layer_cases,
    further=drawn.conv2d_layer,
    exceptions=EXCEPTIONS,
    small=small.living(*dict.fromkeys(case["then"] for case in layer_cases(np.random.default_rng(0)))),
    probe=ONE_STAMP,
    tensors=TENSORS,
    axes={
        "y": ("image", "channel", "row", "column"),
        "dx": geometries.BATCH_AXES["dx"],
        "weight.grad": geometries.BATCH_AXES["dw"],
        "bias.grad": geometries.BATCH_AXES["db"],
    },
    shows={
        "dx": geometries.ONE_HOT_SHOWS["dx"],
        "weight.grad": "dy is zero except for a single 1. weight.grad shows what that output saw.",
    },
    run=live,
    mistakes=layer_mistakes(),
    patterns=[
        ("It is right until backward is called a second time.", lambda then, **_: then in (TWICE, TWO_BATCHES)),
        ("It is right until backward is called twice in a row.", lambda then, **_: then == TWICE),
        (
            "It is right until another batch comes.",
            lambda then, **_: then in (ZEROED, MOVED, TWO_BATCHES),
        ),
        (STALE_WEIGHT, lambda then, **_: then == MOVED),
        (STALE_INPUT, lambda then, **_: then == BETWEEN),
        ("It is right wherever the stride is 1. Is the stride used everywhere?", lambda stride, **_: stride > 1),
        ("It is right wherever the padding is 0. Is the padding used everywhere?", lambda padding, **_: padding > 0),
    ],
    otherwise={"weight.data": (STEPPED,), "bias.data": (STEPPED,)},
    cautions=(NOT_HE, NOT_FROM_RNG),
    extras={
        NOT_HE: _spread_like_he,
        "Its bias does not start at zero. "
        "That is not an error, but nothing is gained by it: random weights make the filters different enough.": (
            _starts_without_bias
        ),
        NOT_FROM_RNG: _starts_as_its_generator_says,
        "It cannot be built without `rng`. None stands for a fresh generator, `np.random.default_rng()`.": (
            _starts_without_a_generator
        ),
    },
)

EXERCISES = (CONV2D,)

# ---------------------------------------------------------------- predictions

PREDICTIONS = (
    Prediction(
        name="06/remember",
        text="A convolution has to return `dx`, `dw` and `db`. "
        "Its backward receives `dy` and nothing else, and can look up its own weights. "
        "For which of the three does it need the *numbers* of its input `x`?",
        answer="b",
        choices={
            "a": ("`dx` only", "In dx each dy meets a weight. Which numbers of x appear in that product?"),
            "b": ("`dw` only", ""),
            "c": ("`dx` and `dw`", "Half right. dx stamps the kernel, times dy. Is there an x in that?"),
            "d": ("all three", "The bias met no number of x at all. Its slope is 1 in every output."),
        },
        why="dw multiplies dy by the inputs that each weight met. "
        "dx needs the weights and the shape of x, db needs neither.",
    ),
    Prediction(
        name="06/twice",
        again=redrawn_layers.called_twice,
        text="You call `scale.backward(5.0)` a second time, with no `zero_grad` in between. "
        "What is `scale.weight.grad` now?",
        answer="b",
        choices={
            "a": (
                "15, as after the first call",
                "Then a layer that is used twice in a network would forget one of its uses.",
            ),
            "b": ("30", ""),
            "c": ("0", "Only zero_grad clears it."),
        },
        why="Gradients accumulate with +=, because a weight can affect the loss in several ways. "
        "That is why training calls zero_grad in every step.",
    ),
    Prediction(
        name="06/shared",
        again=redrawn_layers.shared_weight,
        reveals=2,
        text="Two layers in a row share the same `w` = 2 and `b` = 1: 3 becomes 7, and 7 becomes 15. "
        "By how much does the 15 move for each unit that `w` moves?",
        answer=lambda: 2 * 2 * 3 + 1,
        wrong_answers=(
            (7, "That is the effect of `w` in the second layer. But it has moved the 7 as well."),
            (
                6,
                "That is the effect of `w` in the first layer, doubled by the second. "
                "But the second layer uses it too.",
            ),
            (10, "3 and 7 are the right inputs. But a change in the 7 is doubled on its way through the second layer."),
            (21, "Twice 7 and once 7? The first layer met a 3, not a 7."),
        ),
        why="In the second layer `w` met a 7. "
        "In the first it met a 3, and that effect is doubled on its way: 7 + 2 · 3 = 13. "
        "Both uses count, so they are added.",
    ),
    Prediction(
        name="06/hasty",
        again=redrawn_layers.step_too_early,
        harmless={"def assign(parameter):": "There it is the y of a weight that moved by 1.5, and no dx."},
        text="This layer updates its weight *before* it computes `dx`: "
        "`w` = 2, `x` = 3, `dy` = 5, and the step is 0.1 · `dw`. "
        "Which `dx` does it return?",
        answer=lambda: 5 * (2 - 0.1 * 15),
        wrong_answers=(
            (10, "That is the right dx. But by the time it is computed, the weight is no longer 2."),
            (17.5, "The step goes against the gradient: 2 - 1.5."),
            (0.5, "That is the weight after the step. dx is dy times that."),
            (1.5, "That is how far the weight moves."),
        ),
        why="dw = 15, so the weight moves from 2 to 0.5, and dx = 5 · 0.5 = 2.5. The right one is 10.",
    ),
    Prediction(
        name="06/kept",
        again=redrawn_layers.second_name,
        text="`Keeper` gave its weight array a second name, `self.w`, in the constructor. "
        "An optimizer now runs `layer.weight.data = layer.weight.data - 1.5`. "
        "What does `layer(3.0)` give, before and after?",
        answer="a",
        choices={
            "a": ("7, and 7 again", ""),
            "b": ("7, then 2.5", "It would, if self.w were a name of the new array. Who has told it about that one?"),
            "c": (
                "7, then an error, because the array is gone",
                "An array lives as long as some name refers to it, and self.w does.",
            ),
        },
        why="The assignment makes a new array and calls it `data`. `self.w` is still the name of the old one.",
    ),
    Prediction(
        name="06/integers",
        again=redrawn_layers.dropped_decimals,
        text="`dx` is made with `np.zeros_like(x)`, and `x` holds integers. "
        "The right gradient is `[1.5, -0.5, 0.75]`. "
        "What does `dx` hold in the end?",
        answer=lambda: np.array([1.5, -0.5, 0.75]).astype(int),
        wrong_answers=(
            ((1.5, -0.5, 0.75), "An array of integers cannot hold them."),
            ((2, 0, 1), "It does not round. The decimals are dropped."),
            ((1, -1, 0), "Dropped, not rounded down: -0.5 becomes 0."),
        ),
        why="An integer array keeps its dtype and drops the decimals, without a warning.",
    ),
)
