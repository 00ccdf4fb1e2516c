"""Reading and repairing gradients: batch norm, the way round a branch, and convolution run backward."""

from functools import partial

import numpy as np

from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons import convolution, recipes

LESSON = "07_gradient_flow"

IMAGE = ("image", "channel", "row", "column")

# ---------------------------------------------------------------- batch norm


def norm_cases(rng):
    """Channels of very different size: in the last, eps is no longer small beside the variance."""
    cases = []
    for shape in ((3, 2, 4, 5), (2, 3, 3, 3), (3, 3, 3, 3), (1, 4, 5, 4)):
        size = np.array([3.0, 0.5, 1, 0.002])[-shape[1] :][:, None, None]
        x = rng.standard_normal(shape) * size + rng.standard_normal(shape[1])[:, None, None]
        cases.append({"dy": rng.standard_normal(shape), "x": x, "weight": rng.standard_normal(shape[1]) + 2})
    return cases


AXES = (0, 2, 3)
EPS = 1e-5


def _norm(
    dy, x, weight, *, mean_part=1.0, variance_part=1.0, scale=None, eps=EPS, ddof=0, over=AXES, std=None, count=None,
    sums=AXES, along=None,
):  # fmt: skip
    """dx of batch norm with some of its parts changed. along(...) -> what stands in for the normalised x at its end."""
    count = count(x) if count else x.size // x.shape[1]
    centred = x - x.mean(axis=over, keepdims=True)
    variance = x.var(axis=over, keepdims=True, ddof=ddof)
    std = std(variance) if std else np.sqrt(variance + eps)
    normalised = centred / std
    dbias = dy.sum(axis=sums, keepdims=True) / count
    dweight = (dy * normalised).sum(axis=sums, keepdims=True) / count
    factor = scale(weight[:, None, None], std) if scale else weight[:, None, None] / std
    follows = along(x, normalised, std, weight[:, None, None]) if along else normalised
    return factor * (dy - mean_part * dbias - variance_part * follows * dweight)


def _all_at_once(dy, x, weight, over=AXES):
    """Step by step, but what is summed for one channel is summed over all of them."""
    std, scaled = np.sqrt(x.var(axis=over, keepdims=True) + EPS), weight[:, None, None] * dy
    centred, m = x - x.mean(axis=over, keepdims=True), x.size // std.size
    apart = scaled / std - np.sum(scaled * centred) / std**2 / std * centred / m
    return apart - apart.sum() / m


def _dx(**parts):
    return lambda dy, x, weight: _norm(dy, x, weight, **parts)


def normalised(x, eps=EPS, ddof=0):
    return (x - x.mean(axis=AXES, keepdims=True)) / np.sqrt(x.var(axis=AXES, keepdims=True, ddof=ddof) + eps)


def _forward_norm(dy, x, weight):
    return normalised(x) * weight[:, None, None]


def _sum_mistakes(name, values):
    """The mistakes of a sum over all but the channels. values(dy, x) -> what is summed."""
    return (
        Mistake(
            "mean instead of sum",
            f"Every entry of {name} is too small by one factor: a mean seems to be taken where a sum belongs.",
            tuple(
                lambda dy, x, weight, divide=divide: values(dy, x).sum(axis=AXES) / divide(dy)
                for divide in (len, lambda dy: dy.size // dy.shape[1], lambda dy: dy.shape[2] * dy.shape[3])
            ),
        ),
        Mistake(
            "wrong axes",
            "The sum runs over the wrong axes: there is one weight and one bias for each channel, so that axis "
            "remains.",
            tuple(
                lambda dy, x, weight, axes=axes: values(dy, x).sum(axis=axes)
                for axes in (None, 0, (2, 3), (1, 2, 3), (0, 1, 2), (0, 1, 3), (0, 2), (0, 3))
            ),
        ),
        Mistake(
            "only one image",
            "Only one image of the batch counts: sum over all of them.",
            (
                lambda dy, x, weight: values(dy, x)[-1].sum(axis=(1, 2)),
                lambda dy, x, weight: values(dy, x)[0].sum(axis=(1, 2)),
            ),
        ),
        Mistake("sign", convolution.SIGN, (lambda dy, x, weight: -values(dy, x).sum(axis=AXES),)),
    )


BATCH_NORM2D_BACKWARD = Exercise(
    answer=loops.batch_norm2d_backward,
    difficulty="hard",
    minutes=25,
    task=(
        "Write `batch_norm2d_backward(dy, x, weight, eps=1e-5)`. Forward, each channel was brought to mean 0 and "
        "variance "
        "1 over its N * H * W values, then multiplied by its `weight` and moved by its bias: "
        "`y = weight * (x - mean) / sqrt(var + eps) + bias`. Return `dx`, `dweight`, `dbias`."
    ),
    hints=(
        "You raise one x a little. It moves its own y, but also the mean and the variance of its channel. "
        "Whom do those move?",
        "With `normalised = (x - mean) / std`: `dbias` sums dy, `dweight` sums dy * normalised. dx takes from dy "
        "what would "
        "only have moved the mean, and what would only have moved the variance.",
        "For each channel: `dx = weight / std * (dy - dbias / m - normalised * dweight / m)`, with m = N * H * W "
        "values in "
        "the channel and `std = sqrt(var + eps)`.",
    ),
    cases=norm_cases,
    probe={
        "dy": np.array([[[[1.0, 0], [0, 0]]], [[[0, 0], [0, 2]]]]),
        "x": np.array([[[[1.0, 2], [3, 4]]], [[[0, 2], [4, 0]]]]),
        "weight": np.array([2.0]),
    },
    tensors=("dx", "dweight", "dbias"),
    axes={"dx": IMAGE, "dweight": ("channel",), "dbias": ("channel",)},
    forward=_forward_norm,
    mistakes={
        "dx": (
            Mistake(
                "statistics taken for constants",
                "Mean and variance are treated as constants. They depend on x, so a step of one x moves every y of its "
                "channel: dx loses the parts of dy that only move them.",
                (_dx(mean_part=0, variance_part=0),),
            ),
            Mistake(
                "variance part missing",
                "The part that goes through the variance is missing, or not right: raising one x also changes how far "
                "the channel spreads, and by that every y.",
                (
                    *(_dx(variance_part=part) for part in (0, -1, 2, 0.5)),
                    _dx(along=lambda x, normalised, std, weight: x),
                    _dx(along=lambda x, normalised, std, weight: 1),
                    _dx(along=lambda x, normalised, std, weight: normalised * weight),
                    _dx(along=lambda x, normalised, std, weight: normalised * std),
                    _dx(along=lambda x, normalised, std, weight: normalised / std),
                ),
            ),
            Mistake(
                "another count",
                "The two sums are divided by another number than they should be. How many values does one channel "
                "hold, in all images, rows and columns?",
                tuple(
                    _dx(count=count)
                    for count in (len, lambda x: x.shape[2] * x.shape[3], lambda x: x.size, lambda x: 1)
                ),
            ),
            Mistake(
                "all channels together",
                "The sums run over all channels. Each channel has a mean, a variance and sums of its own.",
                (
                    _dx(sums=None),
                    _dx(sums=None, count=lambda x: x.size),
                    _all_at_once,
                    partial(_all_at_once, over=None),
                    _dx(over=None),
                ),
            ),
            Mistake(
                "mean part missing",
                "The part that goes through the mean is missing, or not right: raising one x also moves the mean "
                "of its "
                "channel, and by that every y.",
                (_dx(mean_part=0), _dx(mean_part=-1), _dx(mean_part=2)),
            ),
            Mistake(
                "weight missing",
                "weight is missing in dx: the last thing forward did to the normalised values was to multiply by it.",
                (_dx(scale=lambda weight, std: 1 / std),),
            ),
            Mistake(
                "weight along the columns",
                "There is one weight for each channel, but an array of shape (C,) meets the *last* axis, that of the "
                "columns.",
                (_dx(scale=lambda weight, std: weight[:, 0, 0] / std),),
            ),
            Mistake(
                "not divided by the standard deviation",
                "The division by the standard deviation is missing, or it is another one than forward used.",
                (
                    _dx(scale=lambda weight, std: weight),
                    _dx(scale=lambda weight, std: weight / std**2),
                    _dx(scale=lambda weight, std: weight * std),
                    _dx(std=lambda variance: variance + EPS),
                ),
            ),
            Mistake(
                "eps elsewhere",
                "It differs only where the variance is small: eps is added to the variance, *under* the root.",
                (_dx(eps=0), _dx(std=lambda variance: np.sqrt(variance) + EPS)),
            ),
            Mistake(
                "variance divided by one less",
                "The variance seems to be divided by m - 1. Batch norm divides by m, the number of values.",
                (_dx(ddof=1),),
            ),
            Mistake(
                "each image by itself",
                "Each image is normalised by itself. The statistics are those of the whole batch.",
                (_dx(over=(2, 3)),),
            ),
            Mistake("sign", convolution.SIGN, (lambda *case: -_norm(*case),)),
        ),
        "dweight": (
            Mistake(
                "not the normalised x",
                "dweight sums dy times what weight was multiplied with, and that is the normalised x.",
                (
                    lambda dy, x, weight: (dy * x).sum(axis=AXES),
                    lambda dy, x, weight: (dy * (x - x.mean(axis=AXES, keepdims=True))).sum(axis=AXES),
                    lambda dy, x, weight: (dy * _forward_norm(dy, x, weight)).sum(axis=AXES),
                    lambda dy, x, weight: dy.sum(axis=AXES),
                ),
            ),
            Mistake(
                "eps elsewhere",
                "It differs only where the variance is small: eps is added to the variance, *under* the root.",
                (
                    lambda dy, x, weight: (dy * normalised(x, eps=0)).sum(axis=AXES),
                    lambda dy, x, weight: (
                        dy * (x - x.mean(axis=AXES, keepdims=True)) / (x.std(axis=AXES, keepdims=True) + EPS)
                    ).sum(axis=AXES),
                ),
            ),
            Mistake(
                "variance divided by one less",
                "The variance seems to be divided by m - 1. Batch norm divides by m, the number of values.",
                (lambda dy, x, weight: (dy * normalised(x, ddof=1)).sum(axis=AXES),),
            ),
            *_sum_mistakes("dweight", lambda dy, x: dy * normalised(x)),
        ),
        "dbias": (
            Mistake(
                "too much multiplied in",
                "The bias is only added: its gradient sums dy, and nothing else is multiplied in.",
                (
                    lambda dy, x, weight: (dy * weight[:, None, None]).sum(axis=AXES),
                    lambda dy, x, weight: (dy * normalised(x)).sum(axis=AXES),
                ),
            ),
            *_sum_mistakes("dbias", lambda dy, x: dy),
        ),
    },
)

# ---------------------------------------------------------------- residual


def _through(matrix):
    return lambda dy: dy @ matrix


def residual_cases(rng):
    shapes = (3, 4), (2, 3, 4, 4)
    return [
        {"dy": rng.standard_normal(shape), "branch_backward": _through(rng.standard_normal((shape[-1], shape[-1])))}
        for shape in shapes
    ]


FORGOTTEN = "x reaches y in two ways, round the branch and through it. Gradients of different ways are added."

RESIDUAL_BACKWARD = Exercise(
    answer=loops.residual_backward,
    difficulty="easy",
    minutes=5,
    task=(
        "Write `residual_backward(dy, branch_backward)` for `y = x + branch(x)`. `branch_backward(dy)` leads a "
        "gradient "
        "back through the branch. Return `dx`."
    ),
    hints=(
        "In how many ways does x reach y?",
        "Round the branch, where nothing happens to it, and through the branch. dy goes back along both.",
        "What dy is after the short way is dy itself; the other is `branch_backward(dy)`. Add them.",
    ),
    cases=residual_cases,
    probe={"dy": np.array([[1.0, 0, 2]]), "branch_backward": _through(np.diag([1.0, 2, 3]))},
    tensors=("dx",),
    axes={"dx": ("row", "column")},
    mistakes={
        "dx": (
            Mistake(
                "short way forgotten", f"The way round the branch is missing. {FORGOTTEN}", (lambda dy, back: back(dy),)
            ),
            Mistake("branch forgotten", f"The way through the branch is missing. {FORGOTTEN}", (lambda dy, back: dy,)),
            Mistake(
                "multiplied",
                f"The two ways are multiplied. {FORGOTTEN}",
                (lambda dy, back: dy * back(dy), lambda dy, back: dy * (1 + back(dy))),
            ),
            Mistake(
                "1 in place of dy",
                f"One of the two ways is given 1, and not dy: what comes from above goes back along both. {FORGOTTEN}",
                (
                    lambda dy, back: 1 + back(dy),
                    lambda dy, back: dy + back(np.ones_like(dy)),
                    lambda dy, back: 1 + back(np.ones_like(dy)),
                ),
            ),
            Mistake(
                "halved",
                f"dy seems to be shared between the two ways. A sum hands all of dy to each of its terms. {FORGOTTEN}",
                (lambda dy, back: (dy + back(dy)) / 2,),
            ),
            Mistake(
                "one way counted twice",
                f"One of the two ways is counted twice. {FORGOTTEN}",
                (
                    lambda dy, back: 2 * dy + back(dy),
                    lambda dy, back: dy + 2 * back(dy),
                    lambda dy, back: back(dy + back(dy)),
                    lambda dy, back: dy + back(dy + back(dy)),
                    lambda dy, back: dy + back(back(dy)),
                ),
            ),
            Mistake(
                "sign",
                "One of the two ways has the wrong sign.",
                (lambda dy, back: dy - back(dy), lambda dy, back: back(dy) - dy, lambda dy, back: -dy - back(dy)),
            ),
        )
    },
)

# ---------------------------------------------------------------- transposed convolution

# (N, C_in, C_out), (H, W), (kH, kW), stride, padding, output_padding, with a bias
TRANSPOSED = (
    ((2, 3, 2), (3, 4), (3, 2), 2, 1, 1, True),
    ((1, 2, 3), (4, 3), (3, 3), 1, 0, 0, False),
    ((2, 2, 2), (3, 3), (3, 3), 2, 1, 0, True),
    ((3, 3, 3), (3, 3), (3, 3), 2, 0, 1, False),
    ((2, 2, 3), (2, 3), (2, 2), 3, 0, 2, True),
    ((1, 3, 2), (4, 4), (3, 3), 1, 1, 0, True),
)


def transposed_cases(rng):
    cases = []
    for (N, C_in, C_out), size, kernel, stride, padding, output_padding, with_bias in TRANSPOSED:
        cases.append(
            {
                "x": rng.standard_normal((N, C_in, *size)),
                "w": rng.standard_normal((C_in, C_out, *kernel)),
                "b": rng.standard_normal(C_out) if with_bias else None,
                "stride": stride,
                "padding": padding,
                "output_padding": output_padding,
            }
        )
    return cases


def _transposed(x, w, b, stride, padding, output_padding, /, *, dy=None, scale=None, bias=None, size=None, **steps):
    """A transposed convolution in steps."""
    x = dy(x) if dy else x
    w = steps.pop("w", recipes.same)(w)
    room = (size or sizes)(x.shape[2:], w.shape[2:], stride, padding, output_padding)
    turn = steps.pop("turn", recipes.same)
    y = turn(recipes.fold(steps.pop("stamps", recipes.product)(x, w), room, stride, padding, **steps))
    y = scale(y, x, w) if scale else y
    if b is None:
        return y
    return bias(y, b) if bias else y + b[:, None, None]


def sizes(size, kernel, stride, padding, output_padding):
    return tuple((n - 1) * stride - 2 * padding + k + output_padding for n, k in zip(size, kernel, strict=True))


def _without_output_padding(size, kernel, stride, padding, output_padding):
    return sizes(size, kernel, stride, padding, 0)


def _transposed_mistakes():
    slip = partial(Variant, _transposed)
    shared = [
        m
        for m in (*convolution.kernel(4, slip, SCATTERED), *convolution.scattering(4, slip))
        if m.name != "remainder dropped"
    ]
    return (
        *shared,
        Mistake(
            "output_padding not used",
            "output_padding is not used: it makes the output larger at its far end, by rows and columns that a "
            "stride had "
            "left out. No window need reach them.",
            (slip(size=_without_output_padding), slip(room=convolution.without_remainder)),
        ),
        Mistake(
            "bias missing",
            "The bias is missing: it is added once to every entry of its channel.",
            (slip(bias=lambda y, b: y),),
        ),
        Mistake(
            "bias in the wrong place",
            "The bias is added in the wrong way: once to every entry of its channel.",
            (
                slip(bias=lambda y, b: y + b),
                slip(bias=lambda y, b: y - b[:, None, None]),
                slip(bias=lambda y, b: y * b[:, None, None]),
                slip(bias=lambda y, b: y + b[0]),
            ),
        ),
        Mistake(
            "wrong channel",
            "The channels are mixed up. In a transposed convolution w is (C_in, C_out, kH, kW): its first axis "
            "goes with "
            "the channels of x.",
            (
                slip(w=convolution.swapped_channels),
                slip(w=convolution.reread_channels),
                slip(w=convolution.first_channel),
                slip(w=convolution.first_filter),
                slip(dy=convolution.first_channel),
            ),
        ),
        Mistake("sign", "Every value has the wrong sign.", (slip(scale=convolution.negative),)),
        Mistake(
            "only one input kept",
            "Only one position, channel or image of x has a part in y. Is something set (=) that must be added (+=), "
            "or made anew inside the loop?",
            tuple(
                slip(dy=dy)
                for dy in (*convolution.POSITIONS, *(convolution.keep(a, i) for a in (0, 1) for i in (0, -1)))
            ),
        ),
    )


SCATTERED = "A transposed convolution stamps the kernel as it is, at stride * i."

CONV_TRANSPOSE2D = Exercise(
    answer=loops.conv_transpose2d,
    difficulty="hard",
    minutes=20,
    task=(
        "Write `conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0)`, with `w` (C_in, C_out, "
        "kH, kW). "
        "It runs `input_gradient` forward: `x` stands where dy stood. "
        "The output has `(H - 1) * stride - 2 * padding + kH + output_padding` rows."
    ),
    hints=(
        "In `input_gradient` every dy[i, j] stamped the kernel on its window. Which array stamps here, and where to?",
        "Make zeros as large as the output plus its padding. Every `x[n, c, i, j]` adds `x[n, c, i, j] * w[c]`, a "
        "block "
        "with all output channels, to the window at `(i * stride, j * stride)`.",
        "Take `padding` off in front and keep H_out x W_out: with `output_padding` some rows and columns at the "
        "end get no "
        "stamp. At last add `b[:, None, None]`, if there is one.",
    ),
    cases=transposed_cases,
    probe={
        "x": np.array([[[[1.0, 2], [0, 3]]]]),
        "w": np.arange(1.0, 10).reshape(1, 1, 3, 3),
        "b": None,
        "stride": 2,
        "padding": 1,
        "output_padding": 1,
    },
    tensors=("y",),
    axes={"y": IMAGE},
    windows={
        "y": lambda x, w, b, stride, padding, output_padding: recipes.coverage(
            sizes(x.shape[2:], w.shape[2:], stride, padding, output_padding), w.shape[2:], x.shape[2:], stride, padding
        )
    },
    mistakes={"y": _transposed_mistakes()},
    patterns=[
        (convolution.MIXED_UP, lambda x, w, **_: x.shape[2] != x.shape[3] or w.shape[2] != w.shape[3]),
        (convolution.MIXED_UP, lambda x, **_: x.shape[2] != x.shape[3]),
        ("It is right without output_padding: what does that change?", lambda output_padding, **_: output_padding > 0),
        ("It is right without a bias: how is it added?", lambda b, **_: b is not None),
        ("It is right wherever the stride is 1: what does a larger stride change?", lambda stride, **_: stride > 1),
        ("It is right wherever the padding is 0: what does the padding change?", lambda padding, **_: padding > 0),
    ],
)

EXERCISES = (BATCH_NORM2D_BACKWARD, RESIDUAL_BACKWARD, CONV_TRANSPOSE2D)

PREDICTIONS = (
    Prediction(
        name="07/small_net",
        text="The gradient goes back through the linear layer, then conv 2, then conv 1. Which of the three weights "
        "gets the smallest gradients, on average?",
        answer="c",
        choices={
            "a": (
                "conv 1 by far: it is farthest from the loss",
                "Far, but each of its weights is used at 784 places of every image, and collects from all of them.",
            ),
            "b": (
                "the linear layer by far: it has the most weights",
                "A gradient is asked for each weight by itself: how many others there are does not matter.",
            ),
            "c": ("none by far: they differ by less than a factor of 5", ""),
        },
        why="Behind every layer less of the gradient arrives at each place. But a weight of a convolution collects "
        "from all places, and in a network this shallow the two nearly cancel.",
    ),
    Prediction(
        name="07/factor",
        text="With weights of standard deviation 0.01 and 72 inputs, what is that factor? (two decimals)",
        answer=lambda: 0.06,
        tolerance=0.0051,
        wrong_answers=(
            (0.0036, "That is its square: a root is missing."),
            (0.08, "Half of the gradient stops at the ReLU."),
            (0.085, "Half of the gradient stops at the ReLU."),
            (0.36, "The standard deviation is squared in the formula."),
            (0.6, "The standard deviation is squared in the formula."),
        ),
        why="72 * 0.0001 / 2 = 0.0036, and its root is 0.06. Every layer leaves six hundredths.",
    ),
    Prediction(
        name="07/one_raised",
        text="A channel holds 1, 1, 3, 3: mean 2, standard deviation 1, so normalised -1, -1, 1, 1. You raise its "
        "first number by 0.1. By about how much does the first *normalised* number rise?",
        answer=lambda: 0.05,
        tolerance=0.004,
        wrong_answers=(
            (0.1, "That would be so if the mean and the spread stayed where they were. Both move."),
            (0.075, "That counts the mean, which rises by 0.025. But the spread shrinks as well, and pushes it down."),
        ),
        why="The mean rises by a quarter of the step, which leaves 0.075. And the four numbers stand closer together "
        "now, so all are divided by less: -1 moves away from 0 by another 0.025.",
    ),
    Prediction(
        name="07/constant_dy",
        text="Behind a batch norm, `dy` is 1 everywhere. What is `dx`?",
        answer="c",
        choices={
            "a": ("1 everywhere", "Raise one x: its y rises, but so does the mean, and every other y falls a little."),
            "b": ("weight / std everywhere", "That takes the mean for a constant. Add 1 to every x: what does y do?"),
            "c": ("0 everywhere", ""),
        },
        why="Adding the same to every x changes nothing behind a batch norm, so the loss cannot care: "
        "the part of dy that only moves the mean is taken away, and here that is all of it.",
    ),
    Prediction(
        name="07/depth",
        text="Each of 20 layers halves the gradient on its way back. What share of it is left in the first layer, "
        "about? (Write it as a power of ten, and type the exponent.)",
        answer=lambda: np.round(20 * np.log10(0.5)),
        wrong_answers=(
            (6, "The size is right. But what is left is *less* than 1: which sign has the exponent?"),
            (-20, "That would be tenths."),
        ),
        why="0.5 ** 20 is about 1e-6. Twenty halvings, and the first layer learns a million times slower.",
    ),
    Prediction(
        name="07/round",
        text="Twenty blocks `y = x + f(x)`. On the way back each `f` alone would halve the gradient, and not turn its "
        "sign. What is left in the first layer?",
        answer="c",
        choices={
            "a": ("a millionth, as without the way round", "dy goes back *round* the block as well, whole."),
            "b": ("exactly what came in", "dy goes round, and half of it comes *in addition*, through f."),
            "c": ("about 3000 times as much", ""),
        },
        why="Each block multiplies by 1 + 0.5, and 1.5 ** 20 is about 3300. The way round cures vanishing, and can "
        "explode.",
    ),
    Prediction(
        name="07/overlaps",
        text="A transposed convolution with stride 2, and an input that is the same everywhere. With which kernel "
        "does every place of the output, away from the border, collect from equally many stamps?",
        answer="b",
        choices={
            "a": ("3 x 3", "Along a row, stamps 3 wide stand 2 apart: every second cell is under two of them."),
            "b": ("4 x 4", ""),
            "c": ("5 x 5", "Along a row, stamps 5 wide stand 2 apart: a cell is under two of them, or three."),
        },
        why="4 is divisible by 2: along a row each cell is under exactly two stamps.",
    ),
    Prediction(
        name="07/swish",
        text="With beta = 1, what is the slope of `x * sigmoid(beta * x)` at x = 0?",
        answer=lambda: 0.5,
        wrong_answers=(
            (0, "The second way contributes 0 there. And the first?"),
            (0.25, "That is the slope of the sigmoid alone. It is multiplied by x, which is 0."),
            (1, "sigmoid(0) is a half."),
        ),
        why="x reaches y in two ways. As the factor in front its slope is sigmoid(0) = 0.5; through the sigmoid it is "
        "multiplied by x = 0.",
    ),
    Prediction(
        name="07/upsample",
        text="A transposed convolution with kernel 3, stride 2, padding 1 and output_padding 1 gets 16 x 16. "
        "How wide is its output?",
        answer=lambda: sizes((16, 16), (3, 3), 2, 1, 1)[0],
        wrong_answers=(
            (31, "That is without output_padding. A stride of 2 takes 32 and 31 to the same 16."),
            (8, "That is the convolution itself. Here it runs backward."),
            (33, "Take the padding off on both sides."),
        ),
        why="(16 - 1) * 2 - 2 + 3 + 1 = 32. output_padding says which of the sizes that lead to 16 is meant.",
    ),
)
