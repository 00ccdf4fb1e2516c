"""Cases 06 to 08: sums over a batch, and columns."""

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.engine.case import Case
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.engine.variant import Variant
from course_lib.exercises.lessons.clinic import broken, fixed, records, symptoms
from course_lib.exercises.lessons.clinic.common import all_but
from course_lib.exercises.lessons.shared import bias, columns, drawn, geometries, products, recipes

CLINIC_06 = Case(
    answer=fixed.clinic_06,
    start=broken.clinic_06,
    symptom=symptoms.bias_by_size,
    **records.of(6),
    difficulty="easy",
    minutes=2,
    task=(
        "`db` of a convolution. "
        "The network trains, but its biases hardly move, and the larger the images, the less they do."
    ),
    hints=(
        "One bias is added at how many places of a batch?",
        "Raise it by 0.1, and all of them rise by 0.1. What does each of those places do to the loss?",
        "The gradients of all those places add up. The loss has already taken the mean, and dy contains that factor.",
    ),
    cases=bias.cases,
    further=drawn.bias,
    probe=bias.PROBE,
    tensors=("db",),
    axes=geometries.BATCH_AXES,
    mistakes={
        "db": (
            *all_but(bias.mistakes(), "mean instead of sum"),
            Mistake(
                "still a mean",
                "Still too small by the same factor: a mean over the images or over the positions is left.",
                (lambda dy: dy.mean(axis=0).sum(axis=(1, 2)), lambda dy: dy.mean(axis=(2, 3)).sum(axis=0)),
            ),
        )
    },
)


def _by_columns(dy_rows, x, w, stride, padding):
    cols = F.im2col(x, w.shape[2:], stride, padding)
    return (dy_rows @ cols.transpose(1, 0, 2).reshape(cols.shape[1], -1).T).reshape(w.shape)


CLINIC_07 = Case(
    answer=fixed.clinic_07,
    start=broken.clinic_07,
    symptom=symptoms.errors_by_batch,
    **records.of(7),
    difficulty="medium",
    minutes=3,
    task=(
        "`dw` of a convolution as one matrix product for the whole batch: "
        "one row of `dy_rows` for each filter, one column for each window of each image. "
        "All shapes fit."
    ),
    hints=(
        "In which order are the numbers of `dy` stored in memory: which axis comes first?",
        "Images first, then filters. "
        "A reshape to (C_out, -1) cuts that one long row into C_out pieces. "
        "What is in the first piece?",
        "Two lines above, the axes of the columns are put in order *before* the reshape. "
        "dy needs the same: filters first.",
    ),
    tensors=("dw",),
    mistakes={
        "dw": (
            Mistake(
                "images innermost",
                "The rows of dy and the columns now go through images and positions in different orders. "
                "The columns go image by image.",
                (Variant(recipes.weight_gradient, dy=products.positions_first),),
            ),
            Mistake(
                "another reshape",
                "The reshape still mixes the filters. "
                "A reshape never changes the order of the numbers in memory, whatever shape you give it. "
                "Only moving axes does.",
                (lambda dy, x, w, stride, padding: _by_columns(dy.reshape(-1, len(w)).T, x, w, stride, padding),),
            ),
            *all_but(
                products.gemm_mistakes()["dw"], "dy reshaped without the transpose", "dy read with its filters last"
            ),
        )
    },
    **geometries.BATCH_BACKWARD,
)


def _last_one_times_windows(cols, output_size, kernel_size, stride, padding):
    geometry = output_size, kernel_size, stride, padding
    return broken.clinic_08(cols, *geometry) * loops.col2im(np.ones_like(cols), *geometry)


CLINIC_08 = Case(
    answer=fixed.clinic_08,
    start=broken.clinic_08,
    symptom=symptoms.coverage_of_ones,
    **records.of(8),
    difficulty="hard",
    minutes=4,
    task=(
        "`col2im` without a loop. "
        "Index arrays say where every entry of `cols` belongs, and `+=` adds all of them. "
        "Or does it?"
    ),
    hints=(
        "Try it: `a = np.zeros(3); a[[1, 1, 1]] += 1`. What is `a`?",
        "NumPy reads all places first, adds, and then writes them back. "
        "Where a place occurs several times, the last write wins.",
        "`np.add.at(array, index, values)` adds one value after the other, however often a place occurs.",
    ),
    mistakes={
        "x": (
            *all_but(columns.col2im_mistakes(), "overlaps overwritten"),
            Mistake(
                "times the number of windows",
                "Only one number of each place is counted, once for every window. "
                "That is right for a matrix of ones only, because every window contributes a number of its own.",
                (_last_one_times_windows,),
            ),
        )
    },
    **columns.COL2IM,
)

EXERCISES = (CLINIC_06, CLINIC_07, CLINIC_08)
