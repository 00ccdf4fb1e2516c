"""Cases 01 to 03: gradients of a convolution."""

import numpy as np

from course_lib import functional as F
from course_lib.exercises.engine.case import Case
from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.lessons.clinic import broken, fixed, records, symptoms
from course_lib.exercises.lessons.clinic.common import all_but
from course_lib.exercises.lessons.shared import convolution, geometries, products


def _without_geometry(dy, x, w, stride, padding):
    N, C_out = dy.shape[:2]
    return F.col2im(w.reshape(C_out, -1).T @ dy.reshape(N, C_out, -1), x.shape[2:], w.shape[2:])


CLINIC_01 = Case(
    answer=fixed.clinic_01,
    start=broken.clinic_01,
    symptom=symptoms.one_stamp,
    **records.of(1),
    difficulty="easy",
    minutes=2,
    task=(
        "`dx` of a convolution, by columns. "
        "Every shape is right, and a network trained with it still reads nine digits in ten. "
        "Give it a `dy` with a single 1, and look."
    ),
    hints=(
        "y[0, 0] saw four pixels, through the weights 1, 2, 3, 4. Which of them should get 1 back?",
        "There are two ways to compute dx: hand back (scatter) and collect (gather). "
        "To which of them does `col2im` belong, and to which the turned kernel?",
        "col2im hands back, and the kernel goes as it is. One pair of brackets is too many.",
    ),
    tensors=("dx",),
    windows={"dx": geometries.coverage},
    mistakes={
        "dx": (
            *all_but(products.gemm_mistakes()["dx"], "kernel turned"),
            Mistake(
                "stride and padding not passed on",
                "It fails wherever there is a stride or a padding. "
                "`col2im` cannot know where the windows were unless you tell it.",
                (_without_geometry,),
            ),
        )
    },
    **geometries.BATCH_BACKWARD,
)

CLINIC_02 = Case(
    answer=fixed.clinic_02,
    start=broken.clinic_02,
    symptom=symptoms.errors_by_stride,
    **records.of(2),
    difficulty="medium",
    minutes=3,
    task=(
        "`dw` of a convolution with one channel, as many tutorials have it: `dy` slides over `x`. "
        "Its author tested it with stride 1."
    ),
    hints=(
        "With stride 2, which pixels did the weight w[0, 0] meet? Are they neighbours?",
        "The weight w[p, q] met the pixels (p + stride * i, q + stride * j): every stride-th row and column.",
        "A slice takes a third number: `xp[p : p + stride * H_out : stride, ...]` has H_out rows, `stride` apart.",
    ),
    tensors=("dw",),
    mistakes={"dw": all_but(convolution.gradient_of_weight(2), "stride missing")},
    **geometries.SINGLE_BACKWARD,
)


def _zeros_behind(dy, x, w, stride, padding):
    dx = np.zeros(x.shape)
    short = broken.clinic_03(dy, x, w, stride, padding)
    dx[: len(short), : short.shape[1]] = short
    return dx


def _zeros_in_front(dy, x, w, stride, padding):
    dx = np.zeros(x.shape)
    short = broken.clinic_03(dy, x, w, stride, padding)
    dx[len(x) - len(short) :, x.shape[1] - short.shape[1] :] = short
    return dx


CLINIC_03 = Case(
    answer=fixed.clinic_03,
    start=broken.clinic_03,
    symptom=symptoms.sizes_of_dx,
    **records.of(3),
    difficulty="medium",
    minutes=3,
    task=(
        "`dx` of a convolution with one channel, collected by a turned kernel. "
        "It has run for months on images with an odd number of rows and columns. "
        "Today someone trains on 6 x 6."
    ),
    hints=(
        "Which sizes of x lead to the same size of y? Can dy tell them apart?",
        "A stride of 2 leaves a last row that no window reached. It is part of x, so it must be in dx: as zeros.",
        "`spread` must be as large as if the stride were 1: H + 2 * padding - kH + 1 rows. "
        "dy fills every stride-th of them.",
    ),
    tensors=("dx",),
    windows={"dx": geometries.coverage},
    mistakes={
        "dx": (
            *all_but(convolution.gradient_of_input_alone(2), "remainder dropped"),
            Mistake(
                "zeros at the wrong end",
                "The shape is right now, but the zeros are in the wrong place. "
                "What the stride left over is at the end of the *padded* x, in rows and in columns. "
                "It is part of `dxp`, before the padding is cropped.",
                (_zeros_behind, _zeros_in_front),
            ),
        )
    },
    **{**geometries.SINGLE_BACKWARD, "probe": {**geometries.SINGLE_ONE_HOT, "x": np.ones((6, 6))}},
)

EXERCISES = (CLINIC_01, CLINIC_02, CLINIC_03)
