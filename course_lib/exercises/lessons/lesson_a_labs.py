"""Channels in groups: the labs, and the mistakes in which one group meets another."""

from functools import partial

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise, Mistake
from course_lib.exercises.engine.question import Small
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.shared import (
    bias,
    broken,
    by_index,
    convolution,
    drawn,
    geometries,
    recipes,
    sentences,
    small,
    wrong_steps,
)

LESSON = "A_many_kernels"

# (N, groups, channels and filters of a group), (H, W), (kH, kW), stride, padding
GROUPED = (
    ((2, 2, 2, 3), (7, 6), (3, 2), 2, 1),
    ((3, 3, 2, 2), (5, 6), (2, 3), 1, 0),
    ((2, 2, 2, 2), (5, 5), (3, 3), 2, 1),
    ((2, 3, 1, 1), (6, 5), (3, 3), 2, 1),
    ((1, 1, 3, 2), (5, 4), (3, 3), 2, 1),
    ((2, 2, 3, 1), (7, 8), (2, 3), 3, 0),
    ((2, 4, 1, 2), (5, 5), (3, 3), 1, 1),
)

# ---------------------------------------------------------------- convolutions taken apart, group by group


def _group_by_group(recipe, per_group):
    """A recipe of one convolution as that of many; `order` may exchange what the groups get."""

    def grouped(dy, x, w, stride=1, padding=0, groups=1, /, *, meet=None, **steps):
        dys, xs = np.split(dy, groups, axis=1), np.split(x, groups, axis=1)
        parts = [recipe(*part, stride, padding, **steps) for part in zip(dys, xs, np.split(w, groups), strict=True)]
        joined = np.concatenate(parts, axis=per_group)
        return meet(joined, groups) if meet else joined

    return grouped


dx_by_group = _group_by_group(recipes.input_gradient, 1)
dw_by_group = _group_by_group(recipes.weight_gradient, 0)


def _next_group(axis, by=1):
    return lambda array, groups: np.roll(array, by * (array.shape[axis] // groups), axis)


def _reversed_groups(axis):
    return lambda array, groups: np.concatenate(np.split(array, groups, axis)[::-1], axis)


def _first_group(axis, kept=0):
    def only(array, groups):
        result = np.zeros_like(array)
        part = array.shape[axis] // groups
        place = [slice(None)] * array.ndim
        place[axis] = slice((kept % groups) * part, (kept % groups + 1) * part)
        result[tuple(place)] = array[tuple(place)]
        return result

    return only


def _dealt(array, groups, axis):
    """The channels as if they were dealt out to the groups one by one: channel c in group c % groups."""
    order = np.arange(array.shape[axis]).reshape(-1, groups).T.ravel()
    return np.take(array, order, axis)


def _collected(array, groups, axis):
    order = np.arange(array.shape[axis]).reshape(-1, groups).T.ravel()
    return np.take(array, np.argsort(order), axis)


def _dealt_channels(right, axis, ins, outs):
    """The gradient of a layer that deals its input channels, its filters or both out to the groups."""

    def wrong(dy, x, w, stride, padding, groups):
        if outs:
            dy, w = _dealt(dy, groups, 1), _dealt(w, groups, 0)
        if ins:
            x = _dealt(x, groups, 1)
        result = right(dy, x, w, stride, padding, groups)
        return _collected(result, groups, axis) if (ins if axis == 1 else outs) else result

    return wrong


def _without_groups(w, groups):
    """w (C_out, C_in / groups, ...) -> (C_out, C_in, ...): every filter's kernels again for every group."""
    return np.tile(w, (1, groups, 1, 1))


def _everyone_hears(dy, x, w, stride, padding, groups):
    return recipes.input_gradient(dy, x, _without_groups(w, groups), stride, padding)


def _dense_dw(dy, x, w, stride, padding, groups):
    return recipes.weight_gradient(dy, x, _without_groups(w, groups), stride, padding)


def _folded(dy, x, w, stride, padding, groups):
    """The dense dw, of which the groups are added up."""
    dense = _dense_dw(dy, x, w, stride, padding, groups)
    return dense.reshape(len(w), groups, *w.shape[1:]).sum(axis=1)


def _one_groups_channels(which):
    def wrong(dy, x, w, stride, padding, groups):
        ins = w.shape[1]
        first = which % groups * ins
        return _dense_dw(dy, x, w, stride, padding, groups)[:, first : first + ins]

    return wrong


def _not_one(axis, left_out):
    """Zeros for one group."""

    def change(array, groups):
        array = array.copy()
        np.split(array, groups, axis)[left_out][...] = 0
        return array

    return change


def _into_the_first(axis):
    def change(array, groups):
        into = np.zeros_like(array)
        np.split(into, groups, axis)[0][...] = sum(np.split(array, groups, axis))
        return into

    return change


def _first_of(axis, groups, array):
    """The first group's numbers in place of all."""
    return np.concatenate([np.split(array, groups, axis)[0]] * groups, axis)


def _of_the_first(right, *which):
    """A gradient for which one of dy, x and w is that of the first group, whichever group it is."""

    def wrong(dy, x, w, stride, padding, groups):
        dy = _first_of(1, groups, dy) if "dy" in which else dy
        x = _first_of(1, groups, x) if "x" in which else x
        w = _first_of(0, groups, w) if "w" in which else w
        return right(dy, x, w, stride, padding, groups)

    return wrong


def _at_place(number):
    """dx, dw and db of groups that begin at place g: one overwrites most of the last."""

    def wrong(dy, x, w, stride, padding, groups):
        ins, outs = x.shape[1] // groups, len(w) // groups
        found = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
        for g in range(groups):
            read, made = slice(g, g + ins), slice(g, g + outs)
            part = F.conv2d_backward(dy[:, made], x[:, read], w[made], stride, padding)
            found[0][:, read], found[1][made], found[2][made] = part
        return found[number]

    return wrong


def _of_groups(number, axis, variant, joined):
    """The mistakes of all three gradients in which one group meets another. axis: that of the groups."""
    return (
        Mistake("group begins at g", NO_PLACE, (_at_place(number),)),
        Mistake("last group left out", LAST_GROUP, tuple(variant(meet=_not_one(axis, which)) for which in (-1, 0))),
        Mistake("groups summed", ADDED_UP, (variant(meet=_into_the_first(axis)), variant(meet=_summed(axis)))),
        *((Mistake("joined along the wrong axis", JOINED, (variant(meet=joined),)),) if joined else ()),
    )


def _summed(axis):
    return lambda array, groups: sum(np.split(array, groups, axis))


def _joined(axis, wrong):
    return lambda array, groups: np.concatenate(np.split(array, groups, axis), wrong)


def _lost_with_groups(recipe):
    """Stride 1 wherever there are groups; right for one group."""

    def wrong(dy, x, w, stride, padding, groups):
        steps = {"steps": wrong_steps.ones} if groups > 1 else {}
        return recipe(dy, x, w, stride, padding, groups, **steps)

    return wrong


WRONG_GROUP = (
    "The groups are mixed up. A group is a run of neighbours: group 0 has the first channels and the first filters."
)
TOO_MANY_CHANNELS = (
    "x and w do not belong to one convolution: w has C_in / groups channels. "
    "Cut x, w and dy down to one group before they are handed on."
)
NO_PLACE = (
    "Group g does not begin at place g: before it stand all channels, or all filters, of the groups before it. "
    "How many has each?"
)
LAST_GROUP = "The last group, or the first, gets no gradient. Does your loop reach every group?"
FIRST_FOR_ALL = (
    "Every group is computed with numbers of the first. "
    "Each has a dy, an x and filters of its own: does one of the three lack the number of the group?"
)
ADDED_UP = (
    "The gradients of all groups are added up. "
    "A group has channels and filters of its own: what it gets goes to their places, and to no others."
)
JOINED = (
    "The groups are joined along the wrong axis. "
    "Channels are counted along axis 1 of dx, filters along axis 0 of dw: there the groups stand one after the other."
)
ONE_GROUP = "Only one group gets its gradient. The others are convolutions too, with a dy of their own."
STRIDE_LOST = (
    "The stride is lost where there are groups. "
    "Inside a group it counts as everywhere. Is it passed on where the groups are treated one by one?"
)


def _in_dx():
    variant = partial(Variant, dx_by_group)
    shared = [m for m in convolution.scattering(4, variant) if m.name in SHARED]
    return (
        *convolution.kernel(4, variant, convolution.IN_DX),
        *shared,
        Mistake(
            "groups ignored",
            "Every channel collects from the filters of all groups. It was read by those of its own group alone.",
            (_everyone_hears,),
        ),
        Mistake(
            "wrong group",
            WRONG_GROUP,
            (
                *(variant(meet=meet) for meet in (_next_group(1), _next_group(1, -1), _reversed_groups(1))),
                *(_dealt_channels(dx_by_group, 1, *which) for which in ((True, False), (False, True), (True, True))),
            ),
        ),
        Mistake("one group only", ONE_GROUP, tuple(variant(meet=_first_group(1, kept)) for kept in (0, -1))),
        *_of_groups(0, 1, variant, _joined(1, 0)),
        Mistake(
            "first group for all",
            FIRST_FOR_ALL,
            tuple(_of_the_first(dx_by_group, *which) for which in (("dy",), ("w",), ("dy", "w"))),
        ),
        Mistake(
            "stride lost with groups",
            STRIDE_LOST,
            (_lost_with_groups(dx_by_group),),
            source="https://github.com/ml-explore/mlx/pull/3800",
        ),
        Mistake("sign", sentences.SIGN, (variant(scale=wrong_steps.negative),)),
    )


IMAGES = wrong_steps.keep(0, 0), wrong_steps.keep(0, -1)

SHARED = ("stride missing", "padding not removed", "wrong corner cropped", "overlaps overwritten", "[p:-p] with p = 0")


def _in_dw():
    variant = partial(Variant, dw_by_group)
    return (
        *_in_any_dw(variant),
        Mistake(
            "groups ignored",
            "Every filter meets the channels of all groups: dw has C_in channels. "
            "A filter has weights for the C_in / groups channels of its own group.",
            (_dense_dw,),
        ),
        Mistake(
            "groups added up",
            "dw has the right shape, but it adds up what the channels of all groups bring. "
            "Filter f met the channels of its own group and no others.",
            (_folded, lambda dy, x, w, s, p, groups: _folded(dy, x, w, s, p, groups) / groups),
        ),
        Mistake(
            "wrong group",
            WRONG_GROUP,
            (
                *(variant(meet=meet) for meet in (_next_group(0), _next_group(0, -1), _reversed_groups(0))),
                *(_dealt_channels(dw_by_group, 0, *which) for which in ((True, False), (False, True), (True, True))),
                _one_groups_channels(-1),
            ),
            source="https://github.com/pytorch/pytorch/issues/51430",
        ),
        Mistake("one group only", ONE_GROUP, tuple(variant(meet=_first_group(0, kept)) for kept in (0, -1))),
        *_of_groups(1, 0, variant, _joined(0, 1)),
        Mistake(
            "first group for all",
            FIRST_FOR_ALL,
            tuple(_of_the_first(dw_by_group, *which) for which in (("dy",), ("x",), ("dy", "x"))),
        ),
        Mistake(
            "stride lost with groups",
            STRIDE_LOST,
            (_lost_with_groups(dw_by_group),),
            source="https://github.com/tracel-ai/burn/pull/1891",
        ),
    )


def _db_by_group(dy, x, w, stride=1, padding=0, groups=1, /, *, meet=lambda db, groups: db):
    return meet(dy.sum(axis=(0, 2, 3)), groups)


def _in_db():
    variant = partial(Variant, _db_by_group)
    return (
        *bias.mistakes(),
        Mistake("one group only", ONE_GROUP, tuple(variant(meet=_first_group(0, kept)) for kept in (0, -1))),
        *_of_groups(2, 0, variant, None),
        Mistake("first group for all", FIRST_FOR_ALL, (_of_the_first(_db_by_group, "dy"),)),
    )


def _in_any_dw(variant):
    return (
        Mistake(
            "dw turned",
            "dw comes out turned by 180 degrees. Which pixel of x did w[f, c, 0, 0] meet when y[n, f, 0, 0] was made?",
            (variant(turn=wrong_steps.half_turn),),
        ),
        Mistake(
            "stride missing",
            "The stride seems to be missing. dy[i] belongs to the window that starts at stride * i, not at i.",
            (variant(steps=wrong_steps.ones),),
        ),
        Mistake("x not padded", sentences.NOT_PADDED, tuple(variant(pad=pad) for pad in wrong_steps.WRONG_PADS)),
        *(mistake for mistake in convolution.one_axis(4, variant) if mistake.name == "stride on one axis only"),
        Mistake(
            "only one position kept",
            sentences.SET_OR_MADE_ANEW,
            tuple(
                variant(dy=dy)
                for position in wrong_steps.POSITIONS
                for dy in (position, *(wrong_steps.one_after_the_other(position, image) for image in IMAGES))
            ),
        ),
        Mistake(
            "only one image kept",
            "Only one image of the batch counts. Is something set (=) that must be added to (+=)?",
            tuple(variant(dy=image) for image in IMAGES),
        ),
        convolution.first_image_for_all(variant, variant(x=wrong_steps.first_image)),
        Mistake("mean instead of sum", sentences.TOO_SMALL, (variant(scale=wrong_steps.over_batch),)),
        Mistake("sign", sentences.SIGN, (variant(scale=wrong_steps.negative),)),
    )


# ---------------------------------------------------------------- cases


def grouped_cases(rng):
    return [_case(rng.standard_normal, *shape) for shape in GROUPED]


def _case(values, sizes, size, kernel, stride, padding):
    N, groups, ins, outs = sizes
    count = recipes.out_sizes(size, kernel, stride, padding)
    return {
        "dy": values((N, groups * outs, *count)), "x": values((N, groups * ins, *size)),
        "w": values((groups * outs, ins, *kernel)), "stride": stride, "padding": padding, "groups": groups,
    }  # fmt: skip


@drawn.small
def further_grouped(rng, values):
    few = [int(n) for n in rng.integers(1, 4, 4)]
    return _case(values, few, *drawn.geometry(rng, 2))


def _small_grouped(numbers, W, H, ins, outs, groups, N, kW, kH, stride, padding):
    small.out((H, W), (kH, kW), stride, padding)
    return _case(lambda shape: numbers(*shape), (N, groups, ins, outs), (H, W), (kH, kW), stride, padding)


def _one_hot(groups):
    """Two channels and two filters for each group; dy is 1 at one place of the last filter."""
    x = np.arange(2 * groups * 9, dtype=float).reshape(1, 2 * groups, 3, 3) % 7
    w = np.arange(1.0, 2 * groups * 8 + 1).reshape(2 * groups, 2, 2, 2)
    dy = np.zeros((1, 2 * groups, 2, 2))
    dy[0, -1, 0, 1] = 1
    return {"dy": dy, "x": x, "w": w, "stride": 1, "padding": 0, "groups": groups}


GROUPED_CONV2D_BACKWARD = Exercise(
    answer=loops.grouped_conv2d_backward,
    next_idea="Set groups to the number of channels: how much of your loop is left to do?",
    difficulty="hard",
    minutes=20,
    task=(
        "Write `grouped_conv2d_backward(dy, x, w, stride=1, padding=0, groups=1)`: `dx`, `dw` and `db` of a "
        "convolution whose `w` is (C_out, C_in / groups, kH, kW). You may call `input_gradient`, `weight_gradient` and "
        "`bias_gradient`, yours of lesson 03 or the library's: `from course_lib import mine`."
    ),
    hints=(
        "Take 4 channels, 6 filters and 2 groups. Which channels did filter 4 read? Which rows of `w` are in group 1?",
        "A group is a whole convolution: a run of channels of x, a run of filters of w, and the channels of dy that "
        "these filters made. Cut all three, and you can call what you have.",
        "With `ins = C_in // groups` and `outs = C_out // groups`, group g reads `x[:, g * ins : (g + 1) * ins]` and "
        "has the filters `g * outs` to `(g + 1) * outs`. Write each result to the same places of dx and dw.",
    ),
    cases=grouped_cases,
    further=further_grouped,
    small=Small(
        {
            "W": range(1, 5), "H": range(1, 5), "ins": (1, 2), "outs": (1, 2), "groups": (1, 2, 3), "N": (1, 2),
            **small.KERNEL, **small.STRIDE_AND_PADDING,
        },
        _small_grouped,
    ),
    probe=_one_hot(2),
    tensors=("dx", "dw", "db"),
    axes=geometries.BATCH_AXES,
    shows=geometries.ONE_HOT_SHOWS,
    forward=lambda dy, x, w, stride, padding, groups: F.conv2d(x, w, None, stride, padding, 1, groups),
    exceptions=(("dx", "w must have shape .* with C_in", TOO_MANY_CHANNELS),),
    mistakes={"dx": _in_dx(), "dw": _in_dw(), "db": _in_db()},
    patterns=[
        ("It is right with one group. What do two groups change?", lambda groups, **_: groups > 1),
        *geometries.patterns(4),
    ],
)  # fmt: skip

# ---------------------------------------------------------------- depthwise


def _depthwise_case(values, N, C, size, kernel, stride, padding):
    case = _case(values, (N, C, 1, 1), size, kernel, stride, padding)
    return {name: value for name, value in case.items() if name != "groups"}


def _dw_of_channels(dy, x, w, stride=1, padding=0, /, **steps):
    return dw_by_group(dy, x, w, stride, padding, len(w), **steps)


def _all_pairs(dy, x, w, stride, padding):
    return _dense_dw(dy, x, w, stride, padding, len(w))


def _own_pairs(dense):
    """Of a dw for every pair of channels, those of a channel with itself: (C, C, kH, kW) -> (C, 1, kH, kW)."""
    return np.einsum("ccab->cab", dense)[:, None]


FLIPPED = "dw comes out transposed, or flipped along one axis. Rows of the kernel belong to rows of x."


def _flipped(flip):
    return lambda *case: flip(_dw_of_channels(*case))


def _rolled(by):
    return lambda *case: np.roll(_dw_of_channels(*case), by, axis=0)


DEPTHWISE_WEIGHT_GRADIENT = Exercise(
    answer=loops.depthwise_weight_gradient,
    start=broken.depthwise_weight_gradient,
    next_idea="Take its loop away as well: the windows of `np.lib.stride_tricks.sliding_window_view`, "
    "and one `np.einsum`.",
    difficulty="medium",
    minutes=12,
    task=(
        "**Repair it.** `depthwise_weight_gradient(dy, x, w, stride=1, padding=0)` returns `dw`, shaped like `w` "
        "(C, 1, kH, kW). Channel c of y was made from channel c of x by the kernel `w[c, 0]`. Its author checked it on "
        "one channel, with stride 1, and all agreed. Two lines are wrong all the same."
    ),
    hints=(
        "Run it on three channels. Which entries of `dw` are equal that have no reason to be? "
        "Then run it with stride 2: which pixels did the weight w[c, 0, 0, 0] meet?",
        "Only dy[:, c] and x[:, c] have to do with w[c, 0]: images, rows and columns are summed, channels are not. "
        "And with a stride, the pixels that one weight met are a stride apart.",
        "Sum over the axes (0, 2, 3). Take every stride-th row and column of xp: "
        "`a : a + stride * H_out : stride`, and the same for columns.",
    ),
    cases=lambda rng: [
        _depthwise_case(rng.standard_normal, *case)
        for case in (
            (3, 4, (6, 7), (3, 2), 2, 1),
            (1, 3, (5, 6), (3, 3), 1, 0),
            (2, 3, (5, 5), (3, 3), 1, 1),
            (2, 2, (7, 8), (2, 3), 3, 0),
            (2, 5, (6, 6), (3, 3), 2, 1),
        )
    ],
    further=drawn.small(
        lambda rng, values: _depthwise_case(values, *(int(n) for n in rng.integers(1, 4, 2)), *drawn.geometry(rng, 2))
    ),
    small=Small(
        {"W": range(1, 5), "H": range(1, 5), "C": (1, 2, 3), "N": (1, 2), **small.KERNEL, **small.STRIDE_AND_PADDING},
        lambda numbers, W, H, C, N, kW, kH, stride, padding: (
            small.out((H, W), (kH, kW), stride, padding)
            and _depthwise_case(lambda shape: numbers(*shape), N, C, (H, W), (kH, kW), stride, padding)
        ),
    ),
    probe={
        "dy": np.array([[[[0.0, 0], [0, 0]], [[0, 1], [0, 0]]]]),
        "x": np.arange(18.0).reshape(1, 2, 3, 3) % 7,
        "w": np.arange(1.0, 9).reshape(2, 1, 2, 2),
        "stride": 1,
        "padding": 0,
    },
    tensors=("dw",),
    axes={"dw": ("channel", "one", "row", "column")},
    shows={"dw": geometries.ONE_HOT_SHOWS["dw"]},
    forward=lambda dy, x, w, stride, padding: F.conv2d(x, w, None, stride, padding, 1, len(w)),
    mistakes={
        "dw": (
            *_in_any_dw(partial(Variant, _dw_of_channels)),
            Mistake(
                "negative index of x",
                by_index.FROM_THE_END.format("x"),
                (lambda *case: _own_pairs(by_index.weight_gradient(*case, **by_index.FROM_BEHIND)),),
            ),
            Mistake("dw transposed or flipped once", FLIPPED, tuple(_flipped(flip) for flip in wrong_steps.FLIPS)),
            Mistake(
                "every channel met",
                "dw is that of a dense layer, with a kernel for every pair of channels. "
                "Here channel c of y came from channel c of x alone: one kernel for each channel.",
                (_all_pairs,),
            ),
            Mistake(
                "channels added up",
                "The channels are added up. w[c, 0] met channel c and no other.",
                (
                    lambda *case: _all_pairs(*case).sum(axis=1, keepdims=True),
                    lambda *case: _all_pairs(*case).sum(axis=0)[:, None],
                    lambda *case: np.broadcast_to(_dw_of_channels(*case).sum(axis=0), case[2].shape),
                ),
            ),
            Mistake(
                "another channel",
                "The channels are exchanged: w[c, 0] was compared with another channel of x or of dy.",
                (
                    _rolled(1),
                    _rolled(-1),
                    lambda *case: _dw_of_channels(*case)[::-1],
                    lambda *case: _all_pairs(*case)[:, :1],
                    lambda *case: _all_pairs(*case)[:, -1:],
                ),
            ),
            Mistake(
                "without its axis of 1",
                "dw has the shape (C, kH, kW). w is (C, 1, kH, kW): its second axis counts the channels that one "
                "filter reads, and that is 1.",
                (lambda *case: _dw_of_channels(*case)[:, 0],),
            ),
        )
    },
    patterns=geometries.patterns(4),
)

EXERCISES = (GROUPED_CONV2D_BACKWARD, DEPTHWISE_WEIGHT_GRADIENT)
PREDICTIONS = ()
