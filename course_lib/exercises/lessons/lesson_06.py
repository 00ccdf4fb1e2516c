"""The Conv2d layer: functions with a memory, and what starts the way back."""

import numpy as np

from course_lib import functional as F
from course_lib import init, loops
from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.running import CannotBeJudgedError
from course_lib.exercises.lessons import convolution, lesson_03
from course_lib.layers import Module, Parameter

LESSON = "06_conv2d_layer"

# ---------------------------------------------------------------- the layer


class Conv2d(Module):
    """(N, in_channels, H, W) -> (N, out_channels, H_out, W_out). kernel_size, stride, padding: one number each."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, *, rng=None):
        """weight (out_channels, in_channels, kernel_size, kernel_size) from He's rule, bias (out_channels,) zero."""
        shape = out_channels, in_channels, kernel_size, kernel_size
        self.weight = Parameter(init.he_normal(shape, rng or np.random.default_rng()))
        self.bias = Parameter(np.zeros(out_channels, np.float32))
        self.stride, self.padding = stride, padding

    def forward(self, x):
        """x -> y, and remember what backward needs."""
        self.x = x
        return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)

    def backward(self, dy):
        """dy -> dx, and add to weight.grad and bias.grad."""
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
        self.weight.grad += dw
        self.bias.grad += db
        return dx


ONCE = "forward, backward"
TWICE = "forward, backward, backward again"
ZEROED = "forward, backward, zero_grad, then another batch"
MOVED = "forward, backward, zero_grad, new weights as an optimizer sets them, then another batch"
BETWEEN = "forward, another layer's forward and backward, backward"
TENSORS = ("y", "dx", "weight.grad", "bias.grad", "weight.data", "bias.data")


def layer_cases(rng):
    geometries = (
        (ONCE, (3, 2, 6, 7), 4, 3, 2, 1),
        (TWICE, (2, 3, 5, 6), 2, 3, 1, 0),
        (ZEROED, (2, 2, 6, 6), 3, 3, 2, 0),
        (MOVED, (2, 1, 5, 5), 2, 2, 1, 1),
        (BETWEEN, (2, 3, 6, 6), 3, 3, 2, 1),
        (ONCE, (3, 3, 5, 5), 3, 3, 1, 1),
    )
    return [_layer_case(rng, *geometry) for geometry in geometries]


def _layer_case(rng, then, shape, out_channels, kernel_size, stride, padding):
    x = rng.standard_normal(shape)
    weight = rng.standard_normal((out_channels, shape[1], kernel_size, kernel_size)).astype(np.float32)
    bias = rng.standard_normal(out_channels).astype(np.float32)
    dy = rng.standard_normal(F.conv2d(x, weight, bias, stride, padding).shape)
    return {"then": then, "x": x, "dy": dy, "weight": weight, "bias": bias, "stride": stride, "padding": padding}


ONE_STAMP = {
    "then": ONCE,
    "x": np.array([[[[1.0, 2, 0, 3], [0, 4, 1, 0], [2, 0, 5, 1], [1, 3, 0, 2]]]]),
    "dy": np.array([[[[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]]]),
    "weight": np.array([[[[1, 2], [3, 4]]]], dtype=np.float32),
    "bias": np.array([5], dtype=np.float32),
    "stride": 1,
    "padding": 0,
}


def live(cls, then, x, dy, weight, bias, stride, padding):
    """Build a layer, give it these weights, take it through the steps -> what TENSORS names."""
    layer = _built(cls, weight, bias, stride, padding)
    y = layer.forward(x)
    if then == BETWEEN:
        other = _built(cls, -weight, bias, stride, padding)
        other.forward(x[::-1] + 1)
        other.backward(-dy)
    dx = layer.backward(dy)
    if then == TWICE:
        dx = layer.backward(dy)
    if then in (ZEROED, MOVED):
        layer.zero_grad()
        if then == MOVED:
            layer.weight.data, layer.bias.data = layer.weight.data * -0.5, layer.bias.data + 1
        y = layer.forward(x[::-1] * 2)
        dx = layer.backward(dy)
    if y is None and dx is None:
        if isinstance(layer, _Unwritten):
            return None
        raise CannotBeJudgedError("The constructor is written. forward and backward return nothing yet.")
    if isinstance(dx, (tuple, list)):
        raise CannotBeJudgedError(
            f"backward returns {len(dx)} results. It returns dx alone: dw and db are added to .grad, where they stay."
        )
    parameters = (layer.weight.grad, layer.bias.grad, layer.weight.data, layer.bias.data)
    return y, dx, *(np.array(array) for array in parameters)


def _built(cls, weight, bias, stride, padding):
    layer = _new(cls, weight.shape[1], weight.shape[0], weight.shape[2], stride=stride, padding=padding)
    if not hasattr(layer, "weight") and layer.forward(np.zeros((1, *weight.shape[1:]))) is None:
        return _Unwritten()
    if not isinstance(layer, Module):
        raise CannotBeJudgedError("A network takes nothing but a Module: begin the class with `class Conv2d(Module):`.")
    held = [name for name, _ in layer.named_parameters()]
    if len(held) > 2:
        raise CannotBeJudgedError(
            f"The layer holds the Parameters {', '.join(held)}. An optimizer moves each of them: weight and bias are "
            "all that there is to learn."
        )
    for name, values in (("weight", weight), ("bias", bias)):
        parameter = getattr(layer, name, None)
        if not isinstance(parameter, Parameter):
            raise CannotBeJudgedError(f"The layer needs a .{name} that is a Parameter, with .data and .grad.")
        if parameter.data.shape != values.shape:
            raise CannotBeJudgedError(
                f"{name}.data has shape {parameter.data.shape}, but {values.shape} is expected for {weight.shape[1]} "
                f"channels in, {len(weight)} out and a kernel of {weight.shape[2]}."
            )
        parameter.data[...] = values
        parameter.grad = np.zeros(values.shape)
    return layer


def _new(cls, *sizes, **geometry):
    """A layer with a generator of its own, as lessons make one."""
    try:
        return cls(*sizes, **geometry, rng=np.random.default_rng(0))
    except TypeError as error:
        if "'rng'" not in str(error):
            raise
        raise CannotBeJudgedError(
            "The constructor does not take `rng`. Keep it as in the stub, and draw the weights with it: whoever builds "
            "a network can then have the same start again."
        ) from None


class _Unwritten:
    """Stands in for a layer whose constructor does nothing yet."""

    weight = bias = Parameter(np.zeros(1))

    def forward(self, x):
        return None

    backward = forward

    def zero_grad(self):
        return None


# ---------------------------------------------------------------- how the layer goes wrong


def _spoilt(tensor, **methods):
    """A Conv2d with other methods."""
    return WrongAnswer(live, type("Conv2d", (Conv2d,), methods), TENSORS.index(tensor))


def _backward(dx=None, dw=None, db=None):
    """A backward in which these functions of (dy, x, w, stride, padding) stand in for the right ones."""

    def backward(self, dy):
        values = dy, self.x, self.weight.data, self.stride, self.padding
        right = F.conv2d_backward(*values)
        found = [wrong(*values) if wrong else part for wrong, part in zip((dx, dw, db), right, strict=True)]
        self.weight.grad = self.weight.grad + found[1]
        self.bias.grad = self.bias.grad + found[2]
        return found[0]

    return backward


def _in_layer(tensor, which, mistakes):
    """The mistakes of a function, made inside the layer's backward."""
    found = []
    for m in mistakes:
        wrongs = [wrong for wrong in m.examples if not _is_another_in_layers(wrong)]
        if wrongs:
            slips = tuple(_spoilt(tensor, backward=_backward(**{which: wrong})) for wrong in wrongs)
            found.append(Mistake(m.name, m.message, slips))
    return found


def _is_another_in_layers(wrong):
    """What is not shaped like dw cannot be added; windows that are missing at the border raise, as without padding."""
    steps = getattr(wrong, "steps", {})
    return "kernel_of" in steps or steps.get("pad") in (convolution.no_zeros, convolution.fails_at_the_border)


def _set(self, dy):
    dx, self.weight.grad, self.bias.grad = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
    return dx


def _twice(self, dy):
    Conv2d.backward(self, dy)
    return Conv2d.backward(self, dy)


def _nothing(self, dy):
    return F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)[0]


def _stepping(lr, before, bias_too=True):
    """A backward that moves the weights (and the bias) too, before or after it computes dx."""

    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
        self.weight.grad += dw
        self.bias.grad += db
        self.weight.data = self.weight.data - lr * self.weight.grad
        if bias_too:
            self.bias.data = self.bias.data - lr * self.bias.grad
        return F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)[0] if before else dx

    return backward


def _with_geometry(geometry):
    """A backward that hands on something else than (stride, padding)."""

    def backward(self, dy):
        other = geometry(self.stride, self.padding)
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, *other)
        self.weight.grad += dw
        self.bias.grad += db
        return dx

    return backward


def _first_input(self, x):
    if "x" not in vars(self):
        self.x = x
    return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)


def _shared_input(self, x):
    Conv2d_shared.x = x
    return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)


class Conv2d_shared(Conv2d):  # noqa: N801
    """Remembers x for the class, and so for all its layers together."""

    forward = _shared_input


def _keeping(self, *sizes, **geometry):
    Conv2d.__init__(self, *sizes, **geometry)
    self.w, self.b = self.weight.data, self.bias.data


def _kept_forward(self, x):
    self.x = x
    return F.conv2d(x, self.w, self.b, self.stride, self.padding)


def _kept_backward(self, dy):
    dx, dw, db = F.conv2d_backward(dy, self.x, self.w, self.stride, self.padding)
    self.weight.grad += dw
    self.bias.grad += db
    return dx


def _forward(function):
    def forward(self, x):
        self.x = x
        return function(x, self.weight.data, self.bias.data, self.stride, self.padding)

    return forward


RATES = (1, 0.5, 0.1, 0.05, 0.01, 0.001)
OVERWRITTEN = (
    "A second backward must add to the gradients of the first: they are collected (+=) until zero_grad empties them. "
    "Yours are set (=)."
)
STALE_INPUT = (
    "It is the input of the *last* forward that backward needs, of this layer and no other. Which x is kept, and where?"
)
STALE_WEIGHT = (
    "It is right until an optimizer sets new weights. A copy or a view of weight.data, kept from the constructor, goes "
    "on showing the old ones: read weight.data each time."
)
STEPPED = (
    "The weights are changed by backward. Moving them is the optimizer's work; backward only collects gradients, "
    "and dx needs the weights that made y."
)
IN_FORWARD = "Stride or padding is not handed on to the convolution."
IN_BACKWARD = (
    "Backward works with another stride or padding than forward did: hand both on to F.conv2d_backward as well. "
    "It cannot know otherwise where the windows stood."
)
GEOMETRIES = (  # what may be handed on in place of (stride, padding)
    lambda s, p: (),
    lambda s, p: (s,),
    lambda s, p: (1, p),
    lambda s, p: (p + 1, s - 1),
)


def layer_mistakes():
    kept = {"__init__": _keeping, "forward": _kept_forward, "backward": _kept_backward}

    def stale(tensor):
        return (
            Mistake(
                "input of an earlier forward",
                STALE_INPUT,
                (_spoilt(tensor, forward=_first_input), WrongAnswer(live, Conv2d_shared, TENSORS.index(tensor))),
            ),
        )

    def unlike(tensor):
        """F.conv2d_backward refuses a dy that does not fit the geometry: right or an exception."""
        return Mistake(
            "stride or padding not used in backward",
            IN_BACKWARD,
            tuple(_spoilt(tensor, backward=_with_geometry(geometry)) for geometry in GEOMETRIES),
        )

    gradients = {
        "weight.grad": _in_layer("weight.grad", "dw", convolution.gradient_of_weight(4)),
        "bias.grad": _in_layer("bias.grad", "db", lesson_03.bias_mistakes()),
    }
    return {
        "y": (
            Mistake(
                "bias missing",
                "The bias is missing in y.",
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
                    for turn in (convolution.half_turn, *convolution.FLIPS)
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
                Mistake("gradient set, not added", OVERWRITTEN, (_spoilt(tensor, backward=_set),)),
                Mistake(
                    "added twice",
                    f"{tensor} is twice what it should be after one backward: is it added in two places?",
                    (_spoilt(tensor, backward=_twice),),
                ),
                Mistake(
                    "nothing collected",
                    f"{tensor} stays zero: backward must add to it, and not only return dx.",
                    (_spoilt(tensor, backward=_nothing),),
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


CONV2D = Exercise(
    answer=Conv2d,
    difficulty="hard",
    minutes=25,
    task=(
        "Write the class `Conv2d`. The constructor makes `weight` and `bias`, each a `Parameter` with `.data` and "
        "`.grad`; `forward(x)` returns `y` and remembers what it must; `backward(dy)` *adds* to both `.grad` and "
        "returns `dx`. The functions `F.conv2d` and `F.conv2d_backward` do the arithmetic."
    ),
    hints=(
        "Forward knows x, backward needs it. Where can a method leave something for another one to find?",
        "`self.x = x` in forward. In backward call `F.conv2d_backward` with dy, that x, the weights, stride and "
        "padding: three results, of which one is returned and two are collected.",
        "`self.weight.grad += dw` and the same for the bias: `+=`, so that two backward passes add up, as they must "
        "when weights are used twice. He's rule is `init.he_normal(shape, rng)`.",
    ),
    cases=layer_cases,
    probe=ONE_STAMP,
    tensors=TENSORS,
    axes={
        "y": ("image", "channel", "row", "column"),
        "dx": lesson_03.AXES["dx"],
        "weight.grad": lesson_03.AXES["dw"],
        "bias.grad": lesson_03.AXES["db"],
    },
    shows={
        "dx": convolution.ONE_HOT_SHOWS["dx"],
        "weight.grad": "dy is zero but for one 1: weight.grad shows what that output looked at.",
    },
    run=live,
    mistakes=layer_mistakes(),
    patterns=[
        ("It is right until backward is called a second time.", lambda then, **_: then == TWICE),
        ("It is right until zero_grad was called and another batch came.", lambda then, **_: then in (ZEROED, MOVED)),
        (STALE_WEIGHT, lambda then, **_: then == MOVED),
        (STALE_INPUT, lambda then, **_: then == BETWEEN),
        ("It is right wherever the stride is 1: is it used everywhere?", lambda stride, **_: stride > 1),
        ("It is right wherever the padding is 0: is it used everywhere?", lambda padding, **_: padding > 0),
    ],
    otherwise={"weight.data": (STEPPED,), "bias.data": (STEPPED,)},
    extras={
        "Its weights do not start as He's rule has it, with a standard deviation of sqrt(2 / (in_channels * k * k)). "
        "Weights that start too small, too large or equal are hard to train.": _spread_like_he,
        "Its bias does not start at zero. That is no error, but nothing is gained by it: random weights make the "
        "filters different enough.": _starts_without_bias,
        "It does not draw its weights from `rng`: with the same generator twice it should start with the same weights, "
        "and with another one with others.": _starts_as_its_generator_says,
        "It cannot be built without `rng`. None is to stand for a fresh generator, `np.random.default_rng()`.": (
            _starts_without_a_generator
        ),
    },
)

# ---------------------------------------------------------------- linear

LINEAR_X = np.array([[1.0, 2, 0], [0, 1, 3]])  # two images with three features, and two outputs: the lesson's example
LINEAR_W = np.array([[1.0, 0, 2], [-1, 1, 0]])
LINEAR_DY = np.array([[1.0, -1], [2, 1]])


def linear_cases(rng):
    return [
        {
            "dy": rng.standard_normal((N, n_out)),
            "x": rng.standard_normal((N, n_in)),
            "w": rng.standard_normal((n_out, n_in)),
        }
        for N, n_in, n_out in ((4, 3, 2), (3, 3, 3), (2, 5, 3), (1, 2, 4))
    ]


SHAPES = "The shapes leave little choice: which product of dy, x and w has the shape of {}?"
TOO_SMALL = (
    "Everything is too small by one factor: a mean over the batch seems to be taken. "
    "The loss takes its mean once, and dy knows of it already."
)

LINEAR_BACKWARD = Exercise(
    answer=loops.linear_backward,
    difficulty="medium",
    minutes=10,
    task=(
        "Write `linear_backward(dy, x, w)` for `y = x @ w.T + b`, with `x` (N, in_features) and `w` "
        "(out_features, in_features). Return `dx`, `dw`, `db`, in this order."
    ),
    hints=(
        "y[n, o] = sum over i of x[n, i] * w[o, i] + b[o]. What is the slope of y[n, o] by w[o, i], and by x[n, i]?",
        "dw[o, i] sums dy[n, o] * x[n, i] over the batch; dx[n, i] sums dy[n, o] * w[o, i] over the outputs. "
        "Both are matrix products.",
        "Match the shapes: (out, N) @ (N, in) gives dw, (N, out) @ (out, in) gives dx. db sums dy over the batch.",
    ),
    cases=linear_cases,
    probe={
        "dy": np.array([[1.0, 2], [3, 4], [0, 1]]),
        "x": np.array([[1.0, 0, 2], [3, 1, 0], [0, 2, 1]]),
        "w": np.array([[1.0, 2, 3], [4, 5, 6]]),
    },
    tensors=("dx", "dw", "db"),
    axes={"dx": ("image", "feature"), "dw": ("output", "feature"), "db": ("output",)},
    forward=lambda dy, x, w: x @ w.T,
    mistakes={
        "dx": (
            Mistake(
                "w transposed",
                f"w seems to be transposed. {SHAPES.format('dx')}",
                (
                    lambda dy, x, w: dy @ w.T,
                    lambda dy, x, w: w.T @ dy.T,
                    lambda dy, x, w: dy @ w.reshape(w.shape[::-1]).T,
                ),
            ),
            Mistake(
                "mean instead of sum",
                TOO_SMALL,
                (
                    lambda dy, x, w: dy @ w / len(dy),
                    lambda dy, x, w: dy @ w / dy.shape[1],
                ),
            ),
            Mistake(
                "dy missing",
                "dy is missing in dx: what comes from above goes into every gradient.",
                (
                    lambda dy, x, w: np.ones_like(dy) @ w,
                    lambda dy, x, w: w,
                ),
            ),
            convolution.moved_weights(loops.linear_backward),
            Mistake("sign", convolution.SIGN, (lambda dy, x, w: -dy @ w,)),
        ),
        "dw": (
            Mistake(
                "dw transposed",
                f"dw comes out transposed. {SHAPES.format('w')}",
                (lambda dy, x, w: x.T @ dy, lambda dy, x, w: (x.T @ dy).reshape(w.shape)),
            ),
            Mistake("mean instead of sum", TOO_SMALL, (lambda dy, x, w: dy.T @ x / len(dy),)),
            Mistake(
                "only one image",
                "Only one image of the batch counts in dw: sum over all of them.",
                (
                    lambda dy, x, w: np.outer(dy[-1], x[-1]),
                    lambda dy, x, w: np.outer(dy[0], x[0]),
                ),
            ),
            Mistake(
                "dy missing",
                "dy is missing in dw: what comes from above goes into every gradient.",
                (lambda dy, x, w: np.ones_like(dy).T @ x,),
            ),
            Mistake("sign", convolution.SIGN, (lambda dy, x, w: -dy.T @ x,)),
        ),
        "db": (
            Mistake(
                "mean instead of sum", TOO_SMALL, (lambda dy, x, w: dy.mean(axis=0), lambda dy, x, w: dy.mean(axis=1))
            ),
            Mistake(
                "wrong axis",
                "The sum runs over the wrong axis. There is one bias for each output, so the batch is summed over.",
                (
                    lambda dy, x, w: dy.sum(axis=1),
                    lambda dy, x, w: dy.sum(),
                    lambda dy, x, w: dy.sum(axis=0, keepdims=True),
                    lambda dy, x, w: dy,
                ),
            ),
            Mistake(
                "only one image",
                "Only one image of the batch counts in db: sum over all of them.",
                (
                    lambda dy, x, w: dy[-1],
                    lambda dy, x, w: dy[0],
                ),
            ),
            Mistake("sign", convolution.SIGN, (lambda dy, x, w: -dy.sum(axis=0),)),
        ),
    },
)

# ---------------------------------------------------------------- cross-entropy


def logits_cases(rng):
    cases = []
    for N, classes in ((3, 5), (4, 4), (2, 3), (1, 4)):
        targets = rng.integers(0, classes, N)
        cases.append({"logits": 2 * rng.standard_normal((N, classes)), "targets": targets})
    return cases


def _one_hot(logits, targets):
    return np.eye(logits.shape[1])[targets]


def _share(logits, axis=1):
    raised = np.exp(logits - logits.max())
    return raised / raised.sum(axis=axis, keepdims=True)


def _one_off_in_rows(logits, targets):
    p = _share(logits)
    p[targets] -= 1
    return p / len(p)


def _survives_large_logits(f):
    logits, targets = np.array([[1000.0, 0.0, 900.0], [-1000.0, 0.0, 5.0]]), np.array([1, 1])
    return np.allclose(f(logits, targets), loops.cross_entropy_gradient(logits, targets))


CROSS_ENTROPY_GRADIENT = Exercise(
    answer=loops.cross_entropy_gradient,
    difficulty="medium",
    minutes=10,
    task=(
        "Write `cross_entropy_gradient(logits, targets)`: the gradient of the mean cross-entropy loss, shaped like "
        "`logits` (N, classes). `targets` holds the right class of each row. Take care that large logits do not "
        "overflow."
    ),
    hints=(
        "Softmax turns a row of logits into probabilities. The loss wants the right class's to be 1. "
        "Which logits should rise, which fall?",
        "For one row the gradient is softmax(logits) - onehot(target). And the loss is a *mean* over the rows.",
        "Subtract each row's maximum, `exp`, divide each row by its sum. Take 1 off at `[np.arange(N), targets]`, "
        "then divide by N.",
    ),
    cases=logits_cases,
    probe={"logits": np.log([[1.0, 2, 1], [3, 3, 4]]), "targets": np.array([1, 0])},
    tensors=("dlogits",),
    axes={"dlogits": ("row", "score")},
    mistakes={
        "dlogits": (
            Mistake(
                "not divided by N",
                "Everything is too large by one factor: the loss is a mean over the rows.",
                (lambda z, t: _share(z) - _one_hot(z, t),),
            ),
            Mistake(
                "divided by another number",
                "Everything is too small by one factor: the loss is a mean over the *rows*, and over nothing else.",
                (
                    lambda z, t: (_share(z) - _one_hot(z, t)) / z.shape[1],
                    lambda z, t: (_share(z) - _one_hot(z, t)) / z.size,
                ),
            ),
            Mistake(
                "sign",
                "Every value has the wrong sign. A gradient points uphill: the right class's logit should *rise* to "
                "lower the loss, so its gradient is negative.",
                (lambda z, t: (_one_hot(z, t) - _share(z)) / len(z), lambda z, t: _one_hot(z, t) - _share(z)),
            ),
            Mistake(
                "target not subtracted",
                "These are the probabilities. What should they be, for the loss to be zero? The gradient is the "
                "difference.",
                (lambda z, t: _share(z) / len(z), lambda z, t: _share(z)),
            ),
            Mistake(
                "softmax missing",
                "The logits themselves are compared with the targets. They become probabilities first.",
                (
                    lambda z, t: (z - _one_hot(z, t)) / len(z),
                    lambda z, t: z - _one_hot(z, t),
                    lambda z, t: (np.exp(z) - _one_hot(z, t)) / len(z),
                    lambda z, t: (1 / (1 + np.exp(-z)) - _one_hot(z, t)) / len(z),
                ),
            ),
            Mistake(
                "softmax over the wrong axis",
                "The probabilities of one *row* sum to 1. Over which axis do you sum?",
                (
                    lambda z, t: (_share(z, axis=0) - _one_hot(z, t)) / len(z),
                    lambda z, t: (_share(z, axis=None) - _one_hot(z, t)) / len(z),
                    lambda z, t: _share(z, axis=0) - _one_hot(z, t),
                ),
            ),
            Mistake(
                "only the right class",
                "Only the right class's logits get a gradient. The others share in the sum below the fraction: "
                "raising one of them lowers the right class's probability.",
                (
                    lambda z, t: (_share(z) - 1) * _one_hot(z, t) / len(z),
                    lambda z, t: -_one_hot(z, t) / _share(z) / len(z),
                    lambda z, t: -_one_hot(z, t) / len(z),
                ),
            ),
            Mistake(
                "1 off in every row",
                "1 is taken off in whole columns: each row has one right class. Index rows and targets together.",
                (lambda z, t: (_share(z) - np.isin(np.arange(z.shape[1]), t)) / len(z),),
            ),
            Mistake(
                "targets taken for rows",
                "`targets` says which *column* is the right one in each row. It is used to pick rows.",
                (_one_off_in_rows,),
            ),
            Mistake(
                "targets taken for numbers",
                "The number of the class is taken off. It is a name, and no size: what is taken off is 1 in its place, "
                "and 0 in all others.",
                (lambda z, t: (_share(z) - t[:, None]) / len(z), lambda z, t: _share(z) - t[:, None]),
            ),
            Mistake(
                "half of it divided by N",
                "Only one part of the difference is divided by N. The mean is taken over all of it.",
                (
                    lambda z, t: _share(z) - _one_hot(z, t) / len(z),
                    lambda z, t: _share(z) / len(z) - _one_hot(z, t),
                ),
            ),
            Mistake(
                "the loss itself",
                "That is the loss, or what each row adds to it. Its gradient has a number for each score of each row.",
                (
                    lambda z, t: -np.log(_share(z)[np.arange(len(z)), t]).mean(),
                    lambda z, t: -np.log(_share(z)[np.arange(len(z)), t]),
                ),
            ),
        )
    },
    extras={
        "For logits of 1000 it overflows: exp(1000) is infinite. Take each row's maximum off first, softmax does not "
        "change by it.": _survives_large_logits,
    },
)

EXERCISES = (CONV2D, LINEAR_BACKWARD, CROSS_ENTROPY_GRADIENT)

# ---------------------------------------------------------------- predictions

LOGITS = np.log([[1.0, 2, 1]])  # three scores whose softmax is 1/4, 1/2, 1/4, and the right class of that row
RIGHT_CLASS = np.array([1])


def _momentum_path(lr=0.1, momentum=0.9, gradient=4.0, start=2.0):
    """Where two steps lead, with the same gradient in both."""
    velocity = gradient
    first = start - lr * velocity
    velocity = momentum * velocity + gradient
    return np.array([first, first - lr * velocity])


PREDICTIONS = (
    Prediction(
        name="06/remember",
        text="A convolution owes `dx`, `dw` and `db`. Its backward is handed `dy` and nothing else, and can look up "
        "its own weights. For which of the three does it need the *numbers* of its input `x`?",
        answer="b",
        choices={
            "a": ("`dx` only", "In dx each dy meets a weight. Which numbers of x appear in that product?"),
            "b": ("`dw` only", ""),
            "c": ("`dx` and `dw`", "Half of it. dx stamps the kernel, times dy: is there an x in that?"),
            "d": ("all three", "The bias met no number of x at all: its slope is 1 in every output."),
        },
        why="dw multiplies dy with the inputs that each weight met. dx needs the weights and the shape of x, db needs "
        "neither.",
    ),
    Prediction(
        name="06/twice",
        text="You call `layer.backward(5.0)` a second time, with no `zero_grad` between. What is `layer.weight.grad` "
        "now?",
        answer="b",
        choices={
            "a": (
                "15, as after the first call",
                "Then a layer that is used twice in a network would forget one of its uses.",
            ),
            "b": ("30", ""),
            "c": ("0", "Nothing empties it but zero_grad."),
        },
        why="Gradients are collected with +=, because a weight can have a part in the loss in several ways. "
        "That is why training calls zero_grad in each step.",
    ),
    Prediction(
        name="06/shared",
        text="Two layers in a row share the same `w` = 2 and `b` = 1: 3 becomes 7, and 7 becomes 15. By how much does "
        "the 15 move for each unit that `w` moves?",
        answer=lambda: 2 * 2 * 3 + 1,
        wrong_answers=(
            (7, "That is what `w` does in the second layer. It has moved the 7 as well."),
            (6, "That is what `w` does in the first layer, doubled by the second. The second uses it too."),
            (10, "3 and 7 are the right inputs. But what moves the 7 is doubled on its way through the second layer."),
            (21, "Twice 7 and once 7? The first layer met a 3, not a 7."),
        ),
        why="In the second layer `w` met a 7. In the first it met a 3, and what that moves is doubled on its way: "
        "7 + 2 · 3 = 13. Both uses count, so they are added.",
    ),
    Prediction(
        name="06/depth",
        text="Your weights are *half* the size that keeps the signal alive. After one layer its size is halved. "
        "How much of it is left after 20 layers?",
        answer="c",
        choices={
            "a": ("half", "Half is left after the first layer. Then comes the second."),
            "b": ("about a fortieth", "Halving 20 times is not dividing by 2 · 20."),
            "c": ("about a millionth", ""),
            "d": ("nothing: every number is exactly 0", "No number is 0 yet. Halve 1 twenty times."),
        },
        why="A factor for each layer, 20 times: 0.5 to the power of 20 is about 1/1,000,000.",
    ),
    Prediction(
        name="06/hasty",
        text="This layer moves its weight *before* it computes `dx`: `w` = 2, `x` = 3, `dy` = 5, and the step is "
        "0.1 · `dw`. Which `dx` does it hand on?",
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
        text="`Keeper` gave its weight array a second name, `self.w`, in the constructor. An optimizer now runs "
        "`layer.weight.data = layer.weight.data - 1.5`. What does `layer(3.0)` give, before and after?",
        answer="a",
        choices={
            "a": ("7, and 7 again", ""),
            "b": ("7, then 2.5", "It would, if self.w named the new array. Who has told it about that one?"),
            "c": (
                "7, then an error, as the array is gone",
                "An array lives as long as some name holds on to it, and self.w does.",
            ),
        },
        why="The assignment makes a new array and names that `data`. `self.w` goes on naming the old one.",
    ),
    Prediction(
        name="06/integers",
        text="`dx` is made with `np.zeros_like(x)`, and `x` holds integers. The right gradient is "
        "`[1.5, -0.5, 0.75]`. What does `dx` hold in the end?",
        answer=lambda: np.array([1.5, -0.5, 0.75]).astype(int),
        wrong_answers=(
            ((1.5, -0.5, 0.75), "An array of integers cannot hold them."),
            ((2, 0, 1), "It does not round. What comes behind the point is cut off."),
            ((1, -1, 0), "Cut off, not rounded down: -0.5 becomes 0."),
        ),
        why="An integer array keeps its dtype and cuts off what comes behind the point, without a word.",
    ),
    Prediction(
        name="06/linear_weight",
        text="`x` and `w` stand above, and `dy` is [[1, -1], [2, 1]]: a row for each image. The weight `w[0, 1]` takes "
        "feature 1 to output 0. What is `dw[0, 1]`?",
        answer=lambda: loops.linear_backward(LINEAR_DY, LINEAR_X, LINEAR_W)[1][0, 1],
        wrong_answers=(
            (2, "That is what one of the two images says. Add the other one."),
            (-1, "That is dw[1, 0]: output 1, feature 0."),
            (3, "Those are the two values of dy, or of x. Multiply them, image by image, and add."),
        ),
        why="Image 0 brings 1 · 2, image 1 brings 2 · 1: together 4.",
    ),
    Prediction(
        name="06/softmax_gradient",
        text="The three probabilities are 1/4, 1/2 and 1/4, and class 1 is the right one. Nudge each score up in turn: "
        "how fast does the loss move? Guess the three slopes, by the sign at least.",
        answer=lambda: loops.cross_entropy_gradient(LOGITS, RIGHT_CLASS)[0],
        wrong_answers=(
            ((0.25, 0.5, 0.25), "These are the probabilities. A higher score for the *right* class lowers the loss."),
            ((-0.25, 0.5, -0.25), "The other way round: a higher score for a wrong class raises the loss."),
            ((0, -0.5, 0), "The wrong classes count too: raise one of them, and the right one's share shrinks."),
            ((0, -2, 0), "That is the slope by the *probability*, -1/p. The scores reach the loss through softmax."),
            ((0.25, -1, 0.25), "Nearly. The right class wants to be 1 and is 1/2 already."),
        ),
        why="What it is, minus what it should be: 1/4 - 0, 1/2 - 1, 1/4 - 0. You are about to derive this.",
    ),
    Prediction(
        name="06/first_loss",
        text="Ten classes, a fresh network that knows nothing and gives each the same probability. "
        "What is its cross-entropy loss? (two decimals)",
        answer=lambda: np.log(10),
        wrong_answers=(
            (0.1, "That is the probability of the right class. The loss is minus its logarithm."),
            (1, "With logarithms to base 10. The loss takes the natural one."),
            (-2.3, "The logarithm of 0.1 is negative, and the loss is *minus* that."),
        ),
        tolerance=0.01,
        why="-ln(1/10) = ln 10 = 2.30. If a training starts much higher, the initialisation is off.",
    ),
    Prediction(
        name="06/overflow",
        text="`np.exp(1000.0)` is `inf`. Somebody computes softmax as `np.exp(z) / np.exp(z).sum()`. "
        "What comes out for `z = [1000, 1001, 999]`?",
        answer="c",
        choices={
            "a": ("[0.24, 0.67, 0.09], as it should", "It would, if exp(1000) fitted into a float64."),
            "b": ("[1, 1, 1]", "inf / inf is not 1: infinity has no size that could cancel."),
            "c": ("[nan, nan, nan]", ""),
            "d": ("an error", "NumPy only warns, and computes on."),
        },
        why="inf / inf has no value, so NumPy warns and says nan. Every gradient that comes after it is nan too.",
    ),
    Prediction(
        name="06/flatten_width",
        text="28 x 28 → Conv 3 x 3 → pool 2 → Conv 3 x 3 with 64 filters → pool 2 → Flatten. "
        "How many features come out for one image?",
        answer=lambda: 64 * 5 * 5,
        wrong_answers=(
            (
                64 * 7 * 7,
                "That would be so with padding 1. Without it each convolution takes two rows and columns off.",
            ),
            (25, "That is one of the 64 channels."),
            (64 * 6 * 6, "11 is odd: the pool drops the last row and column."),
        ),
        why="28 → 26 → 13 → 11 → 5: 64 channels of 5 x 5, 1600 features.",
    ),
    Prediction(
        name="06/pool_zeros",
        text="Going back, the second pool is handed 5 x 5 numbers for each channel, and makes a `dx` of 11 x 11. "
        "At least how many of these 121 are 0?",
        answer=lambda: 11 * 11 - 5 * 5,
        wrong_answers=(
            (75, "That is 100 - 25. The last row and the last column count as well."),
            (21, "That is the last row and column alone. In each window three of four lose, too."),
            (25, "That many can be *other* than 0."),
            (0, "One pixel of each window takes all. What do the others get?"),
        ),
        why="25 winners, so 121 - 25 = 96 zeros: 75 losers, and 21 in the row and column that no window reached.",
    ),
    Prediction(
        name="06/momentum",
        text="A weight of 2, and a gradient of 4 in both of two steps. The learning rate is 0.1 and the momentum 0.9, "
        "so $v$ is 4 at first. Where is the weight after the first step, and where after the second?",
        answer=_momentum_path,
        wrong_answers=(
            ((1.6, 1.2), "That is without momentum. In the second step v is 0.9 · 4 + 4."),
            ((1.6, 1.24), "The new gradient is missing in the second v: it is 0.9 · 4 + 4."),
            ((2.4, 3.16), "Downhill is against the gradient: subtract."),
        ),
        why="v is 4, then 0.9 · 4 + 4 = 7.6. So 2 - 0.4 = 1.6, and 1.6 - 0.76 = 0.84: the second step is nearly "
        "twice as long.",
    ),
)
