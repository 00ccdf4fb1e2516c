"""Messages that several labs share."""

SIGN = "Every value has the wrong sign."

MADE_ANEW = "Only one position counts. Is the array created anew inside the loop, or is `return` inside the loop?"

SET_OR_MADE_ANEW = (
    "Only one position counts. "
    "Is a value set (=) where it must be added to (+=), "
    "is the array created anew inside the loop, or is `return` inside the loop?"
)

ONE_AXIS = "The stride seems to be used along one axis only. It applies to rows and to columns."

MIXED_UP = (
    "Height and width seem to be mixed up somewhere, which square arrays do not show. "
    "Go through every pair (i, j), (H, W), (kH, kW) and check the order."
)

NOT_PADDED = (
    "The padding seems to be left out: do you take the windows from x without it? "
    "The forward pass put zeros on *both* sides of x, along its positions and along no other axis."
)

TOO_SMALL = (
    "Everything is too small by the same factor. "
    "You seem to take a mean over the batch. "
    "The loss has already taken it, and dy contains that factor."
)

FORGOTTEN = "x reaches y along two paths, the shortcut and the branch. Gradients from different paths are added."

# said where no known mistake explains an answer, but it goes wrong in these cases alone
RIGHT_AT_STRIDE_1 = "It is right wherever the stride is 1. What does a larger stride change?"
RIGHT_WITHOUT_PADDING = "It is right wherever the padding is 0. What does the padding change?"
RIGHT_FOR_ONE_IMAGE = "It is right for one image. What about the others in a batch?"

NEITHER = (
    "Neither stride nor padding is used: this is the first formula of the lesson, for stride 1 without padding. "
    "What does each of the two change?"
)

ONE_ROW = (
    "Only one row of outputs counts. "
    "Is `return` inside the loop over the rows, or is the array created anew for each of them?"
)

NUMBER_OF_WINDOWS = (
    "The number of windows is wrong. "
    "How far can the first window move, and how many positions does that give? "
    "(`out_size` computes it.)"
)

LINE_COPIED = (
    "Both corners of the window come from the same index. "
    "Rows begin at stride * i, columns at stride * j: was a line copied and one letter in it not changed?"
)
