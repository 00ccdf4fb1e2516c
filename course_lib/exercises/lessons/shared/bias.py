"""The gradient of a bias: the cases that its labs try, and its known mistakes."""

import numpy as np

from course_lib.exercises.engine.exercise import Mistake
from course_lib.exercises.lessons.shared import sentences


def cases(rng):
    return [{"dy": rng.standard_normal(shape)} for shape in ((3, 4, 2, 5), (2, 3, 4, 4), (3, 3, 3, 3), (2, 1, 3, 2))]


PROBE = {"dy": np.arange(2 * 3 * 2 * 2, dtype=float).reshape(2, 3, 2, 2)}


def as_wide_as_high(dy):
    """db, if the loop over the columns ends where that over the rows does."""
    return dy[:, :, :, range(dy.shape[2])].sum(axis=(0, 2, 3))


def as_high_as_wide(dy):
    return dy[:, :, range(dy.shape[3])].sum(axis=(0, 2, 3))


IN_A_LOOP_OR_RESHAPED = (
    Mistake(
        "images and filters mixed",
        "Images and filters are mixed. A reshape keeps the order of the numbers, in which image 0 comes first with "
        "all its filters: the filters' axis must be moved to the front before.",
        (lambda dy: dy.reshape(dy.shape[1], -1).sum(axis=1),),
    ),
    Mistake("H and W mixed up", sentences.MIXED_UP, (as_wide_as_high, as_high_as_wide)),
)


def mistakes():
    """The known mistakes in db. Their functions take dy first; further arguments are ignored."""

    def of_dy(*functions):
        return tuple(lambda dy, *rest, f=f: f(dy) for f in functions)

    def only(index):
        def kept(dy):
            db = np.zeros(dy.shape[1])
            db[index] = dy.sum(axis=(0, 2, 3))[index]
            return db

        return kept

    return (
        Mistake(
            "one position only",
            "Only one position of each image is summed. "
            "The bias was added at every position: which entries of dy does it reach?",
            of_dy(
                lambda dy: dy[:, :, 0, 0].sum(axis=0),
                lambda dy: dy[:, :, -1, -1].sum(axis=0),
                lambda dy: dy[-1, :, -1, -1],
                lambda dy: dy[0, :, 0, 0],
            ),
        ),
        Mistake(
            "one row or column only",
            "Only one row, or one column, of each image is summed. The bias was added at every position.",
            of_dy(
                lambda dy: dy[:, :, 0].sum(axis=(0, 2)),
                lambda dy: dy[:, :, -1].sum(axis=(0, 2)),
                lambda dy: dy[:, :, :, 0].sum(axis=(0, 2)),
                lambda dy: dy[:, :, :, -1].sum(axis=(0, 2)),
            ),
        ),
        Mistake(
            "one image only",
            "Only one image of the batch counts. "
            "Is db set (=) for each image where it must be added to (+=), or is the sum over the images missing?",
            of_dy(lambda dy: dy[-1].sum(axis=(1, 2)), lambda dy: dy[0].sum(axis=(1, 2))),
        ),
        Mistake(
            "one filter only",
            "Only one filter gets its gradient. There is one bias for each filter.",
            of_dy(only(-1), only(0)),
        ),
        Mistake(
            "mean instead of sum",
            "Everything is too small by the same factor. "
            "You seem to take a mean over images or positions where a sum belongs. "
            "The loss has already taken the mean, and dy contains that factor.",
            of_dy(
                lambda dy: dy.sum(axis=(0, 2, 3)) / len(dy),
                lambda dy: dy.sum(axis=0).mean(axis=(1, 2)),
                lambda dy: dy.mean(axis=(0, 2, 3)),
            ),
            source="https://github.com/Oneflow-Inc/oneflow/pull/255",
        ),
        Mistake(
            "wrong axes",
            "The sum runs over the wrong axes. "
            "There is one bias for each filter, so the filters' axis must remain, and no other.",
            of_dy(
                *(
                    lambda dy, axes=axes: dy.sum(axis=axes)
                    for axes in (
                        None,
                        0,
                        1,
                        (0, 1),
                        (2, 3),
                        (1, 2, 3),
                        (0, 1, 2),
                        (0, 1, 3),
                        (0, 2),
                        (0, 3),
                        (1, 2),
                        (1, 3),
                        2,
                        3,
                    )
                ),
                lambda dy: dy.sum(axis=(0, 2, 3), keepdims=True),
            ),
        ),
        Mistake("sign", "Every value has the wrong sign.", of_dy(lambda dy: -dy.sum(axis=(0, 2, 3)))),
    )
