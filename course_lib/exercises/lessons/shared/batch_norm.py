"""Batch norm: what its lab shares with the clinic."""

from functools import partial

import numpy as np

from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import drawn, sentences, small

IMAGE = ("image", "channel", "row", "column")

AXES = (0, 2, 3)

EPS = 1e-5


def norm_cases(rng):
    """Channels on very different scales: in the last, eps is no longer small compared with the variance.

    Means are of the size of the deviations, so that x - mean keeps its digits in float32.
    """
    cases = []
    for shape in ((3, 2, 4, 5), (2, 3, 3, 3), (3, 3, 3, 3), (1, 4, 5, 4)):
        size = np.array([3.0, 0.5, 1, 0.002])[-shape[1] :][:, None, None]
        x = (rng.standard_normal(shape) + rng.standard_normal(shape[1])[:, None, None]) * size
        cases.append({"dy": rng.standard_normal(shape), "x": x, "weight": rng.standard_normal(shape[1]) + 2})
    return cases


def normalised(x, eps=EPS, ddof=0, over=AXES):
    return (x - x.mean(axis=over, keepdims=True)) / np.sqrt(x.var(axis=over, keepdims=True, ddof=ddof) + eps)


def _forward_norm(dy, x, weight):
    return normalised(x) * weight[:, None, None]


BATCH_NORM = {
    "cases": norm_cases,
    "further": drawn.batch_norm,
    "small": small.BATCH_NORM,
    "probe": {
        "dy": np.array([[[[1.0, 0], [0, 0]]], [[[0, 0], [0, 2]]]]),
        "x": np.array([[[[1.0, 2], [3, 4]]], [[[0, 2], [4, 0]]]]),
        "weight": np.array([2.0]),
    },
    "axes": {"dx": IMAGE, "dweight": ("channel",), "dbias": ("channel",)},
    "forward": _forward_norm,
}

# ---------------------------------------------------------------- recipes


def _norm(
    dy, x, weight, /, *, mean_part=None, variance_part=None, scale=None, eps=EPS, ddof=0, over=AXES, std=None,
    count=None, sums=AXES, against=None, along=None, sign=1,
):  # fmt: skip
    """dx of batch norm, with some of its parts replaced.

    mean_part and variance_part: what a part is multiplied by, as a function of (count, std, weight).
    against(x, std): what stands in for the normalised x in the sum; along(...): what does at the end.
    """
    count = count(x) if count else x.size // x.shape[1]
    centred = x - x.mean(axis=over, keepdims=True)
    variance = x.var(axis=over, keepdims=True, ddof=ddof)
    std = std(variance) if std else np.sqrt(variance + eps)
    normalised = centred / std
    dbias = dy.sum(axis=sums, keepdims=True) / count
    dweight = (dy * (against(x, std) if against else normalised)).sum(axis=sums, keepdims=True) / count
    mean_part, variance_part = (
        part(count, std, weight[:, None, None]) if part else 1 for part in (mean_part, variance_part)
    )
    factor = scale(weight[:, None, None], std) if scale else weight[:, None, None] / std
    follows = along(x, normalised, std, weight[:, None, None]) if along else normalised
    return sign * factor * (dy - mean_part * dbias - variance_part * follows * dweight)


_dx = partial(Variant, _norm)


def _times(number):
    return lambda count, std, weight: number


def _undivided(count, std, weight):
    return count


def _not_scaled(count, std, weight):
    return std


def _unweighted(count, std, weight):
    return 1 / weight


def _all_at_once(dy, x, weight, over=AXES):
    """Step by step, but with sums over all channels where each channel needs its own."""
    std, scaled = np.sqrt(x.var(axis=over, keepdims=True) + EPS), weight[:, None, None] * dy
    centred, m = x - x.mean(axis=over, keepdims=True), x.size // std.size
    apart = scaled / std - np.sum(scaled * centred) / std**2 / std * centred / m
    return apart - apart.sum() / m


# ---------------------------------------------------------------- mistakes


def _sum_mistakes(name, values):
    """The mistakes in a sum over all axes but the channels'. values(dy, x): what is summed."""
    return (
        Mistake(
            "mean instead of sum",
            f"Every entry of {name} is too small by the same factor. You seem to take a mean where a sum belongs.",
            tuple(
                lambda dy, x, weight, divide=divide: values(dy, x).sum(axis=AXES) / divide(dy)
                for divide in (len, lambda dy: dy.size // dy.shape[1], lambda dy: dy.shape[2] * dy.shape[3])
            ),
        ),
        Mistake(
            "wrong axes",
            "The sum runs over the wrong axes. "
            "There is one weight and one bias for each channel, so the channels' axis must remain.",
            tuple(
                lambda dy, x, weight, axes=axes: values(dy, x).sum(axis=axes)
                for axes in (None, 0, 1, (2, 3), (1, 2, 3), (0, 1, 2), (0, 1, 3), (0, 1), (0, 2), (0, 3))
            ),
        ),
        Mistake(
            "only one image",
            "Only one image of the batch counts. Sum over all of them.",
            (
                lambda dy, x, weight: values(dy, x)[-1].sum(axis=(1, 2)),
                lambda dy, x, weight: values(dy, x)[0].sum(axis=(1, 2)),
            ),
        ),
        Mistake("sign", sentences.SIGN, (lambda dy, x, weight: -values(dy, x).sum(axis=AXES),)),
    )


def _without_axes(name):
    """Mean and variance of shape (C,), which meet the columns of x."""

    def wrong(dy, x, weight):
        mean, std = x.mean(axis=AXES), np.sqrt(x.var(axis=AXES) + EPS)
        xhat, d, m = (x - mean) / std, dy * weight[:, None, None], x.size // len(weight)
        if name == "dweight":
            return (dy * xhat).sum(axis=AXES)
        return (d - d.sum(axis=AXES) / m - xhat * (d * xhat).sum(axis=AXES) / m) / std

    return wrong


def _as_rows(name):
    """As if the channels were the last axis of x: reshaped to rows of C numbers."""

    def wrong(dy, x, weight):
        rows_of_dy, rows = dy.reshape(-1, len(weight)), x.reshape(-1, len(weight))
        if name == "dbias":
            return rows_of_dy.sum(axis=0)
        rows_of_dy, rows = rows_of_dy[..., None, None], rows[..., None, None]
        if name == "dweight":
            return (rows_of_dy * normalised(rows)).sum(axis=AXES)
        return _norm(rows_of_dy, rows, weight).reshape(x.shape)

    return wrong


ALONG_THE_COLUMNS = (
    "Mean and variance have the shape (C,), and an array of that shape broadcasts along the *last* axis, the columns. "
    "Let them keep their axes, with `keepdims=True`."
)
NOT_LAST = (
    "reshape(-1, C) makes rows of C numbers that follow each other in memory, and these are of one channel. "
    "Move the channels to the last axis first: reshape never moves a number."
)
OWN_STATISTICS = "Each image is normalised by itself. The statistics are those of the whole batch."

MISTAKES = {
    "dx": (
        Mistake(
            "statistics treated as constants",
            "Mean and variance are treated as constants. "
            "But they depend on x: a change in one x changes every y of its channel. "
            "dx must lose the parts of dy that only shift the mean or rescale the variance.",
            (_dx(mean_part=_times(0), variance_part=_times(0)),),
        ),
        Mistake(
            "variance part missing",
            "The part of the gradient that flows through the variance is missing or wrong. "
            "Raising one x also changes the variance of its channel, and with it every y.",
            (
                *(_dx(variance_part=_times(part)) for part in (0, -1, 2, 0.5)),
                _dx(against=lambda x, std: x / std),
                _dx(against=lambda x, std: x),
                _dx(along=lambda x, normalised, std, weight: x),
                _dx(along=lambda x, normalised, std, weight: 1),
                _dx(along=lambda x, normalised, std, weight: normalised * weight),
                _dx(along=lambda x, normalised, std, weight: normalised * std),
                _dx(along=lambda x, normalised, std, weight: normalised / std),
                _dx(along=lambda x, normalised, std, weight: normalised * std**2),
            ),
        ),
        Mistake(
            "another count",
            "The two sums are divided by the wrong number. "
            "How many values does one channel hold, over all images, rows and columns?",
            tuple(
                _dx(count=count)
                for count in (
                    len,
                    lambda x: x.shape[2] * x.shape[3],
                    lambda x: x.size,
                    lambda x: 1,
                    lambda x: x[0].size,
                )
            ),
        ),
        Mistake(
            "one sum not divided",
            "Of the two sums, one is not divided by the number of values of a channel. "
            "Both come from a mean: that of x, and that of its squared distances.",
            (_dx(mean_part=_undivided), _dx(variance_part=_undivided)),
        ),
        Mistake(
            "sums over other numbers",
            "The statistics are right, but the sums of dy do not run over the same numbers. "
            "All that a mean or a variance was made of hears from all that it was used for.",
            (
                *(_dx(sums=sums) for sums in (0, (2, 3))),
                _dx(sums=0, count=len),
                _dx(sums=(2, 3), count=lambda x: x.shape[2] * x.shape[3]),
            ),
        ),
        Mistake(
            "all channels together",
            "The sums run over all channels. Each channel has its own mean, variance and sums.",
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
            "The part of the gradient that flows through the mean is missing or wrong. "
            "Raising one x also raises the mean of its channel, and with it changes every y.",
            (*(_dx(mean_part=_times(part)) for part in (0, -1, 2)), _dx(mean_part=_not_scaled)),
        ),
        Mistake(
            "weight missing",
            "weight is missing from dx. "
            "Multiplying by it was the last thing the forward pass did to the normalised values.",
            (_dx(scale=lambda weight, std: 1 / std),),
        ),
        Mistake(
            "weight in some terms only",
            "weight is missing from one of the sums, or from both. "
            "What goes back through mean and variance was multiplied by it, too.",
            (
                _dx(mean_part=_unweighted, variance_part=_unweighted),
                _dx(mean_part=_unweighted),
                _dx(variance_part=_unweighted),
            ),
        ),
        Mistake(
            "weight along the columns",
            "There is one weight for each channel, but an array of "
            "shape (C,) broadcasts along the *last* axis, the columns.",
            (_dx(scale=lambda weight, std: weight[:, 0, 0] / std),),
        ),
        Mistake("statistics along the columns", ALONG_THE_COLUMNS, (_without_axes("dx"),)),
        Mistake("channels not last", NOT_LAST, (_as_rows("dx"),)),
        Mistake(
            "channels not moved back",
            "The values are right, in other places: they were computed with the channels last, "
            "and a reshape does not bring them back to the second axis. Undo the transpose.",
            (lambda dy, x, weight: np.moveaxis(_norm(dy, x, weight), 1, -1).reshape(x.shape),),
        ),
        Mistake(
            "not divided by the standard deviation",
            "The division by the standard deviation is missing, or it is not the one that the forward pass used.",
            (
                _dx(scale=lambda weight, std: weight),
                _dx(scale=lambda weight, std: weight / std**2),
                _dx(scale=lambda weight, std: weight * std),
                _dx(std=lambda variance: variance + EPS),
            ),
        ),
        Mistake(
            "eps elsewhere",
            "It differs only where the variance is small. eps is added to the variance, *under* the square root.",
            (_dx(eps=0), _dx(std=lambda variance: np.sqrt(variance) + EPS)),
        ),
        Mistake(
            "variance divided by m - 1",
            "The variance seems to be divided by m - 1. Batch norm divides by m, the number of values.",
            (_dx(ddof=1),),
        ),
        Mistake(
            "each image by itself",
            OWN_STATISTICS,
            (
                _dx(over=(2, 3)),
                _dx(over=(2, 3), sums=(2, 3), count=lambda x: x.shape[2] * x.shape[3]),
            ),
        ),
        Mistake(
            "statistics over the batch alone",
            "Mean and variance are taken over the images alone, separately for every pixel. "
            "A channel has one mean and one variance, over images, rows and columns.",
            (_dx(over=0, sums=0, count=len),),
        ),
        Mistake("sign", sentences.SIGN, (_dx(sign=-1),)),
    ),
    "dweight": (
        Mistake(
            "not the normalised x",
            "dweight sums dy times whatever weight was multiplied by, and that is the normalised x.",
            (
                lambda dy, x, weight: (dy * x).sum(axis=AXES),
                lambda dy, x, weight: (dy * (x - x.mean(axis=AXES, keepdims=True))).sum(axis=AXES),
                lambda dy, x, weight: (dy * _forward_norm(dy, x, weight)).sum(axis=AXES),
                lambda dy, x, weight: dy.sum(axis=AXES),
                lambda dy, x, weight: (dy * normalised(x) / np.sqrt(x.var(axis=AXES, keepdims=True) + EPS)).sum(
                    axis=AXES
                ),
            ),
        ),
        Mistake("statistics along the columns", ALONG_THE_COLUMNS, (_without_axes("dweight"),)),
        Mistake("channels not last", NOT_LAST, (_as_rows("dweight"),)),
        Mistake(
            "eps elsewhere",
            "It differs only where the variance is small. eps is added to the variance, *under* the square root.",
            (
                lambda dy, x, weight: (dy * normalised(x, eps=0)).sum(axis=AXES),
                lambda dy, x, weight: (
                    dy * (x - x.mean(axis=AXES, keepdims=True)) / (x.std(axis=AXES, keepdims=True) + EPS)
                ).sum(axis=AXES),
            ),
        ),
        Mistake(
            "variance divided by m - 1",
            "The variance seems to be divided by m - 1. Batch norm divides by m, the number of values.",
            (lambda dy, x, weight: (dy * normalised(x, ddof=1)).sum(axis=AXES),),
        ),
        Mistake(
            "each image by itself",
            OWN_STATISTICS,
            (lambda dy, x, weight: (dy * normalised(x, over=(2, 3))).sum(axis=AXES),),
        ),
        Mistake(
            "statistics of other numbers",
            "The statistics are not those of a channel: one mean and one variance, over images, rows and columns.",
            tuple(
                lambda dy, x, weight, over=over: (dy * normalised(x, over=over)).sum(axis=AXES)
                for over in (0, None, 1, (1, 2, 3), (0, 1))
            ),
        ),
        *_sum_mistakes("dweight", lambda dy, x: dy * normalised(x)),
    ),
    "dbias": (
        Mistake(
            "too much multiplied in",
            "The bias is only added, so its gradient is the sum of dy. Nothing else is multiplied in.",
            (
                lambda dy, x, weight: (dy * weight[:, None, None]).sum(axis=AXES),
                lambda dy, x, weight: (dy * normalised(x)).sum(axis=AXES),
            ),
        ),
        Mistake("channels not last", NOT_LAST, (_as_rows("dbias"),)),
        *_sum_mistakes("dbias", lambda dy, x: dy),
    ),
}
