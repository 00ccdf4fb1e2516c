"""The windows that labs about pooling try, and the message about their stride."""

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


def sizes_swapped(size, kernel, stride, padding):
    """The number of windows along rows in place of that along columns, and the other way round."""
    return recipes.out_sizes(size, kernel, stride, padding)[::-1]


def patterns(shape):
    """What an answer is told that no known wrong function explains. shape(**case) returns (N, C, H, W)."""
    return [
        (sentences.MIXED_UP, lambda **case: shape(**case)[2] != shape(**case)[3]),
        (sentences.RIGHT_WITHOUT_PADDING, lambda padding, **_: padding > 0),
        (
            "It fails where no stride is given. Windows then start kernel_size apart.",
            lambda stride, **_: stride is None,
        ),
    ]


WITHOUT_STRIDE = "The windows lie too close: window (i, j) starts at (stride * i, stride * j), and yours at (i, j)."

WINDOW_SIZE = (
    "The window has the wrong size. It is kernel_size long along both axes. "
    "(A slice `a : b` ends *before* b, and so does `range`.)"
)

MOVED_WINDOW = (
    "At the upper and left edge your windows are too long. "
    "Clipped there, a window begins later, but it ends where the whole one would."
)

STRIDE = (
    "The stride is wrong. "
    "Without a stride, windows start kernel_size apart, so that they tile the image. "
    "With one, they start stride apart."
)


def one_by_default(kernel_size, stride):
    return stride or 1


def always_tiling(kernel_size, stride):
    return kernel_size
