"""Naming the bug: a question for each case, asked before its code is shown."""

from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.clinic import records


def _diagnosis(number, why, *choices, asks="From what you see: what is wrong?", formerly=()):
    """choices: (the choice, the feedback for it), where the feedback of the right choice is None."""
    letters = dict(zip("abcdef", choices, strict=False))
    return Prediction(
        name=f"11/clinic_{number:02}",
        formerly=formerly,
        text=f"{records.of(number)['title']}. {asks}",
        answer=next(letter for letter, (_, told) in letters.items() if told is None),
        choices={letter: (says, told or "") for letter, (says, told) in letters.items()},
        why=why,
        reveals_code=True,
        comes_back=False,
    )


def _known(number, why, *choices):
    """A case that was in lesson 07 before."""
    return _diagnosis(number, why, *choices, formerly=(f"07/clinic_{number:02}",))


PREDICTIONS = (
    _known(
        1,
        "The kernel is turned for the gather form, but col2im scatters: one turn too many.",
        ("The stride is missing", "Then the stamp would be in the wrong *place*. Its place is right here."),
        ("The kernel is turned where it must not be", None),
        ("Overlaps are lost", "A single 1 in dy makes a single stamp, so nothing overlaps."),
        ("dy is missing", "Then every place would be stamped, and not only the first."),
    ),
    _known(
        2,
        "With stride 1 nothing is wrong, with any other stride nearly everything is. "
        "The function reads neighbouring pixels, but the kernel met pixels that are `stride` apart.",
        ("dw is turned by 180 degrees", "That would show with stride 1 as well."),
        ("The gradients are averaged", "An average would be wrong with stride 1 as well, and by a constant factor."),
        ("The stride is not used", None),
        ("The padding is missing", "There is no padding in the table at all."),
    ),
    _known(
        3,
        "5 and 6 lead to the same y, and so do 7 and 8. "
        "The last row and column of the even ones were never visited, and are missing.",
        ("The rows and columns that the stride left over are missing", None),
        ("The kernel is not turned", "A turned kernel gives wrong values, but the right shape."),
        ("The padding is not removed", "Then dx would be too large. And there is no padding here."),
        ("Height and width are mixed up", "All the images in the table are square."),
    ),
    _known(
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
    _known(
        5,
        "With stride 1 a pixel wins several windows, but only the last of them pays: = instead of +=.",
        ("A pixel that wins twice is paid once", None),
        ("Ties are paid several times", "No two values are alike, and the sum is too *small*."),
        ("The stride is ignored", "Then the sum with stride 3 would be wrong first of all."),
        ("The winner is searched for in the wrong window", "Then the places would be wrong. The sum would not."),
    ),
    _known(
        6,
        "db is 1, however many images and positions there are: a mean. "
        "The bias is added at each of them, so their gradients add up.",
        ("Only one position of each image counts", "Then eight images would give 8, whatever their size."),
        ("A mean is taken where a sum belongs", None),
        ("The sum runs over the wrong axes", "Then the length of db would not be the number of filters."),
    ),
    _known(
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
    _known(
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
    _known(
        9,
        "Where both x and dy are positive, the result is right. dy decides what passes, but x should.",
        ("It passes at x = 0", "No x is exactly 0 here."),
        ("The value of x is multiplied in", "Then all ones with positive x would be wrong too."),
        ("The mask is made from dy instead of x", None),
    ),
    _known(
        10,
        "The loss has taken the mean, dy carries the factor 1 / N, and the layer divides again. "
        "It learns 32 times slower.",
        ("The learning rate is too small", "Both rows use the same one."),
        ("The gradient has the wrong sign", "Then the loss would rise."),
        ("dw is transposed", "Its shape is not square, so that would not run."),
        ("The batch is averaged twice", None),
    ),
    _known(
        11,
        "`branch = dy` gives the same array a second name, and `*=` writes into it. "
        "So the shortcut gets the mask as well, and the caller still needs that dy.",
        ("The shortcut is missing", "It is there: dy + … But what *is* dy by then?"),
        ("dy is changed in place", None),
        ("The mask is taken from dy", "x @ w.T is what went into the ReLU, so that is right."),
    ),
    _known(
        12,
        "The error grows with the learning rate: dx is computed with weights that have already moved.",
        ("The step goes uphill", "That would not show in dx. And the step subtracts."),
        ("dx is computed after the weights have moved", None),
        (
            "dx is multiplied by the learning rate",
            "Then dx would be 0 at a rate of 0, and far off. But there it is right.",
        ),
    ),
    _known(
        13,
        "Shifting a whole channel cannot change the loss, because the mean shifts too. "
        "This backward pass treats the mean and the standard deviation as constants.",
        ("eps is in the wrong place", "That would change the fifth digit only."),
        ("weight is missing", "Then all of dx would be off by a constant factor, and a sum of 0 would still be 0."),
        ("Mean and variance are treated as constants", None),
        ("Each image is normalised by itself", "Then the sum of dx would be zero too."),
    ),
    _known(
        14,
        "The forward pass divided what it kept by 1 - p. The gradient must be divided by it as well.",
        ("The mask is turned round", "Then the dropped values would get a gradient."),
        ("A new mask is drawn", "The mask is handed in."),
        ("The division by 1 - p is missing", None),
    ),
    _diagnosis(
        15,
        "Groups alone are right, and a stride alone is right. Only together they fail: such calls take a path that "
        "knows nothing of groups, and every filter hands its gradient to all channels.",
        ("The stride is not used", "Then one group with stride 2 would be wrong as well."),
        ("The channels of a group are in the wrong order", "Then four groups with stride 1 would be wrong as well."),
        ("With a stride, the groups are forgotten", None),
        ("The kernel is turned", "That would be wrong in every row."),
    ),
    _diagnosis(
        16,
        "9, 18, 27: every step adds to what the step before has left. The memory was never cleared.",
        ("dx begins with what an earlier step left there", None),
        ("Ties are paid several times", "Then the first step would pay too much as well."),
        ("The indices are those of the step before", "Then the places would be wrong, and the sum would be 9."),
        ("Windows overlap and pay twice", "They lie side by side, and the first step is right."),
    ),
    _diagnosis(
        17,
        "The 3 loses to the 5, and wins against the 1. The second window opens its gate, and then the first one pays "
        "through it. The 2 wins against the 1, and the window after that shuts its gate.",
        ("A pixel that wins twice is paid once", "Then the sum would be too small. It is right here."),
        ("Ties are paid several times", "No two values of a window are alike."),
        ("The windows are in the wrong places", "Then windows side by side would be wrong as well."),
        ("The last window to look at a pixel decides for all", None),
    ),
    _diagnosis(
        18,
        "The first group is right because its channels are the first ones. All other filters are given the first "
        "group's channels as well.",
        ("The groups are added up", "Then the first group would be wrong, too."),
        ("All groups are given what the first one met", None),
        ("The gradient is averaged over the groups", "Then every group would be wrong, and by the same factor."),
        ("dw is turned by 180 degrees", "Then one group alone would be wrong as well."),
    ),
    _diagnosis(
        19,
        "The convolution has not moved at all. The linear layer learns to read what random filters show it, and that "
        "is enough for most images.",
        ("The learning rate is too small", "The linear layer moves exactly as far as it should."),
        ("The ReLU has no mask on the way back", "Then the convolution would move, only not quite as it should."),
        ("The convolution never gets a gradient", None),
        ("w2 is transposed", "Then the shapes would not fit."),
    ),
    _diagnosis(
        20,
        "The three numbers are right and stand in reverse order. A kernel that is alike from both ends would not even "
        "notice.",
        ("dw is a mean where it must be a sum", "Then all three numbers would be off by one factor."),
        ("dw is in reverse order", None),
        ("dw is shifted by one place", "A shift would leave the middle number at an end."),
        ("A stride is missing", "The signal is met at every place: there is no stride to forget."),
    ),
    _diagnosis(
        21,
        "One image at a time works, so the layers themselves can be learnt. In a batch, something lets images meet: of "
        "these layers, only the flatten rearranges the batch. Its backward pass undoes exactly what forward does, so "
        "every gradient check is content.",
        ("In the first convolution", "A convolution takes image by image: the batch is an axis that it never mixes."),
        ("In the pooling", "If it took a wrong pixel, one image at a time would not work either."),
        ("In the flatten", None),
        ("In the last linear layer", "A matrix product keeps the rows of a batch apart, whatever the matrix."),
        ("In the optimizer", "It also steps when there is one image at a time, and then it works."),
        asks="In which layer is it?",
    ),
    _diagnosis(
        22,
        "The accuracy rises, so all gradients are good. The loss is only printed: no layer ever uses its value.",
        ("In a layer: a gradient has the wrong sign", "Then the network would get worse, and the accuracy fall."),
        ("In the optimizer: it steps uphill", "Then the accuracy would fall."),
        ("In the loss: the number that is printed", None),
        ("In the loss: the gradient that is handed back", "Then the layers would learn something else than reading."),
        ("Nowhere: a loss may rise now and then", "Now and then, but not from start to end."),
        asks="Where is it?",
    ),
    _diagnosis(
        23,
        "The linear layer gets the right gradient, and the second convolution does not. So it goes wrong on the way "
        "from the one to the other, and all that lies before inherits it.",
        ("In the first convolution", "It is wrong there, too. But is it wrong there *first*, coming from the loss?"),
        ("Between the linear layer and the second convolution", None),
        ("In the linear layer", "Its gradient agrees with the measured one."),
        ("In the loss", "Then the linear layer's gradient would be wrong as well."),
        asks="Where on the way back does it go wrong first?",
    ),
    _diagnosis(
        24,
        "Both ReLUs are one object, and it remembers one array. The second call on the way forward writes over the "
        "first, so on the way back the first ReLU is given the mask of the second.",
        ("A linear layer's weights are transposed", "Then its own gradient check would fail."),
        ("The ReLU's mask is the wrong way round", "Then its own gradient check would fail."),
        ("Gradients of the last batch were not zeroed", "Then every gradient would be wrong, the last one, too."),
        ("Two calls share one memory", None),
        asks="Each part is fine, the whole is not. What can it be?",
    ),
)
