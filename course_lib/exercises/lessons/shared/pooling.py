"""The windows that the labs about pooling try an answer on, and what is told about their stride."""

from course_lib.exercises.lessons.shared import recipes, sentences

# (N, C, H, W), kernel_size, stride, padding: windows that tile (with a remainder
# and without), that overlap, that leave gaps; square images too
POOLS = (
    ((2, 3, 5, 6), 2, None, 0),
    ((3, 2, 6, 7), 3, 2, 1),
    ((1, 2, 5, 5), 2, 1, 0),
    ((2, 2, 7, 7), 3, 2, 0),
    ((2, 1, 6, 6), 2, 2, 1),
    ((2, 2, 5, 7), 3, 1, 1),
    ((2, 2, 4, 6), 2, None, 0),
    ((1, 2, 7, 8), 2, 3, 0),
)


def step(kernel_size, stride):
    return kernel_size if stride is None else stride


def count(size, kernel_size, stride, padding):
    return recipes.out_sizes(size, (kernel_size, kernel_size), step(kernel_size, stride), padding)


def patterns(shape):
    """What is told where no known wrong function explains an answer. shape(**case) -> (N, C, H, W)."""
    return [
        (sentences.MIXED_UP, lambda **case: shape(**case)[2] != shape(**case)[3]),
        (sentences.RIGHT_WITHOUT_PADDING, lambda padding, **_: padding > 0),
        (
            "It fails where no stride is given: windows then stand kernel_size apart.",
            lambda stride, **_: stride is None,
        ),
    ]


STRIDE = (
    "The stride is off. "
    "Without a stride the windows stand kernel_size apart, so that they tile; with one, they stand stride apart."
)


def one_by_default(kernel_size, stride):
    return stride or 1


def always_tiling(kernel_size, stride):
    return kernel_size
