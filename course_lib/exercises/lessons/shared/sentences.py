"""What several labs tell a learner in the same words."""

SIGN = "Every value has the wrong sign."

MADE_ANEW = "Only one position counts: the array seems to be made anew inside the loop, or `return` stands inside it."

SET_OR_MADE_ANEW = (
    "Only one position counts: a value seems to be set (=) where it must be added (+=), "
    "the array is made anew inside the loop, or `return` stands inside it."
)

ONE_AXIS = "The stride seems to be used along one axis only. Rows and columns both move by it."

MIXED_UP = (
    "It is right for square arrays only: height and width seem to be mixed up somewhere. "
    "Go through every pair (i, j), (H, W), (kH, kW) and look which comes first."
)

NOT_PADDED = (
    "It is right only where the padding is 0: are the windows taken from the bare x? "
    "The kernel met x with zeros on *both* sides, along its positions and along no other axis."
)

TOO_SMALL = (
    "Everything is too small by one factor: a mean over the batch seems to be taken. "
    "The loss takes its mean once, and dy knows of it already."
)

FORGOTTEN = "x reaches y in two ways, round the branch and through it. Gradients of different ways are added."

# said where no known mistake explains an answer, but it goes wrong in these cases alone
RIGHT_AT_STRIDE_1 = "It is right wherever the stride is 1: what does a larger stride change?"
RIGHT_WITHOUT_PADDING = "It is right wherever the padding is 0: what does the padding change?"
RIGHT_FOR_ONE_IMAGE = "It is right for one image: what of the others in a batch?"
