"""Naming the bug: a question for each case, asked before its code is shown."""

from course_lib.exercises.engine.prediction import Prediction


def _diagnosis(number, why, *choices):
    """choices: (the choice, the feedback for it), where the feedback of the right choice is None."""
    letters = dict(zip("abcd", choices, strict=False))
    return Prediction(
        name=f"11/clinic_{number:02}",
        formerly=(f"07/clinic_{number:02}",),
        text=f"`clinic_{number:02}`: from what you see, what is wrong?",
        answer=next(letter for letter, (_, told) in letters.items() if told is None),
        choices={letter: (says, told or "") for letter, (says, told) in letters.items()},
        why=why,
        reveals_code=True,
    )


PREDICTIONS = (
    _diagnosis(
        1,
        "The kernel is turned for the gather form, but col2im scatters: one turn too many.",
        ("The stride is missing", "Then the stamp would be in the wrong *place*. Its place is right here."),
        ("The kernel is turned where it must not be", None),
        ("Overlaps are lost", "A single 1 in dy makes a single stamp, so nothing overlaps."),
        ("dy is missing", "Then every place would be stamped, and not only the first."),
    ),
    _diagnosis(
        2,
        "With stride 1 nothing is wrong, with any other stride nearly everything is. "
        "The function reads neighbouring pixels, but the kernel met pixels that are `stride` apart.",
        ("dw is turned by 180 degrees", "That would show with stride 1 as well."),
        ("The gradients are averaged", "An average would be wrong with stride 1 as well, and by a constant factor."),
        ("The stride is not used", None),
        ("The padding is missing", "There is no padding in the table at all."),
    ),
    _diagnosis(
        3,
        "5 and 6 lead to the same y, and so do 7 and 8. "
        "The last row and column of the even ones were never visited, and are missing.",
        ("The rows and columns that the stride left over are missing", None),
        ("The kernel is not turned", "A turned kernel gives wrong values, but the right shape."),
        ("The padding is not removed", "Then dx would be too large. And there is no padding here."),
        ("Height and width are mixed up", "All the images in the table are square."),
    ),
    _diagnosis(
        4,
        "9 comes in, and 27 goes out: where values tie, every winner is paid in full.",
        (
            "Windows overlap and overwrite each other",
            "They are side by side, and overwriting would *lose* something.",
        ),
        (
            "The mask marks the smallest value",
            "Then winners would be missing, and the difference would have negative entries.",
        ),
        ("Ties are paid several times", None),
        ("1 / k^2 is missing", "That belongs to average pooling. On random numbers the sum is right."),
    ),
    _diagnosis(
        5,
        "With stride 1 a pixel wins several windows, but only the last of them pays: = instead of +=.",
        ("A pixel that wins twice is paid once", None),
        ("Ties are paid several times", "No two values are alike, and the sum is too *small*."),
        ("The stride is ignored", "Then the sum with stride 3 would be wrong first of all."),
        ("The winner is searched for in the wrong window", "Then the places would be wrong. The sum would not."),
    ),
    _diagnosis(
        6,
        "db is 1, however many images and positions there are: a mean. "
        "The bias is added at each of them, so their gradients add up.",
        ("Only one position of each image counts", "Then eight images would give 8, whatever their size."),
        ("A mean is taken where a sum belongs", None),
        ("The sum runs over the wrong axes", "Then the length of db would not be the number of filters."),
    ),
    _diagnosis(
        7,
        "One image is right, two are wrong. The reshape mixes images and filters, because images come first in memory.",
        ("The columns are in the wrong order within a window", "That would be wrong with one image as well."),
        (
            "Only the last image counts",
            "The table cannot rule that out, but the code below can. "
            "Is there a loop over images in which something could be set?",
        ),
        ("dy is reshaped before its axes are put in order", None),
        (
            "A mean is taken over the batch",
            "Then the error for two images would be one half. Look for a division in the code.",
        ),
    ),
    _diagnosis(
        8,
        "Each pixel counts one window, however many contain it. += with index arrays adds to each place only once.",
        ("The padding is not removed", "Then the shape would be different."),
        ("Repeated places are added to only once", None),
        (
            "It divides by the number of windows",
            "The picture cannot rule that out: 4 / 4 is 1 as well. The code below can. Is there a division?",
        ),
        (
            "The order of rows and columns is exchanged",
            "That would not show with a matrix of ones. Yet something does show.",
        ),
    ),
    _diagnosis(
        9,
        "Where both x and dy are positive, the result is right. dy decides what passes, but x should.",
        ("It passes at x = 0", "No x is exactly 0 here."),
        ("The value of x is multiplied in", "Then all ones with positive x would be wrong too."),
        ("The mask is made from dy instead of x", None),
    ),
    _diagnosis(
        10,
        "The loss has taken the mean, dy carries the factor 1 / N, and the layer divides again. "
        "It learns 32 times slower.",
        ("The learning rate is too small", "Both rows use the same one."),
        ("The gradient has the wrong sign", "Then the loss would rise."),
        ("dw is transposed", "Its shape is not square, so that would not run."),
        ("The batch is averaged twice", None),
    ),
    _diagnosis(
        11,
        "`branch = dy` gives the same array a second name, and `*=` writes into it. "
        "So the shortcut gets the mask as well, and the caller still needs that dy.",
        ("The shortcut is missing", "It is there: dy + … But what *is* dy by then?"),
        ("dy is changed in place", None),
        ("The mask is taken from dy", "x @ w.T is what went into the ReLU, so that is right."),
    ),
    _diagnosis(
        12,
        "The error grows with the learning rate: dx is computed with weights that have already moved.",
        ("The step goes uphill", "That would not show in dx. And the step subtracts."),
        ("dx is computed after the weights have moved", None),
        (
            "dx is multiplied by the learning rate",
            "Then dx would be 0 at a rate of 0, and far off. But there it is right.",
        ),
    ),
    _diagnosis(
        13,
        "Shifting a whole channel cannot change the loss, because the mean shifts too. "
        "This backward pass treats the mean and the standard deviation as constants.",
        ("eps is in the wrong place", "That would change the fifth digit only."),
        ("weight is missing", "Then all of dx would be off by a constant factor, and a sum of 0 would still be 0."),
        ("Mean and variance are treated as constants", None),
        ("Each image is normalised by itself", "Then the sum of dx would be zero too."),
    ),
    _diagnosis(
        14,
        "The forward pass divided what it kept by 1 - p. The gradient must be divided by it as well.",
        ("The mask is turned round", "Then the dropped values would get a gradient."),
        ("A new mask is drawn", "The mask is handed in."),
        ("The division by 1 - p is missing", None),
    ),
)
