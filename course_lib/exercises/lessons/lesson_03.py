"""Channels and batches: the three gradients together."""

import numpy as np

from course_lib import functional as F
from course_lib import loops
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import bias, broken, convolution, drawn, geometries, redrawn

LESSON = "03_channels_and_batches"


ONE_PIXEL_W, ONE_PIXEL_DY = np.array([[1.0, -1], [2, 0], [1, 3]]), np.array([1.0, -1, 2])


BIAS_GRADIENT = Exercise(
    answer=loops.bias_gradient,
    next_idea="Write the same sum as a matrix product with ones.",
    difficulty="easy",
    minutes=5,
    task=(
        "Write `bias_gradient(dy)`: from `dy` of shape (N, C_out, H_out, W_out) compute `db` of shape (C_out,). "
        "Each bias was added to every position of its filter's output, in every image."
    ),
    hints=(
        "You raise b[0] by 0.1. Which entries of y move, and by how much?",
        "All of filter 0's outputs move by 0.1: every image, every row, every column. Their gradients add up.",
        "Sum `dy` over images, rows and columns. Which of the four axes remains?",
    ),
    cases=bias.cases,
    further=drawn.bias,
    probe=bias.PROBE,
    tensors=("db",),
    axes=geometries.BATCH_AXES,
    mistakes={"db": (*bias.mistakes(), *bias.IN_A_LOOP_OR_RESHAPED)},
)

WEIGHT_GRADIENT = Exercise(
    answer=loops.weight_gradient,
    reference=lambda *case: F.conv2d_backward(*case)[1],
    next_idea="Keep only the loop over the kernel's rows and columns, with one `np.einsum` in it.",
    difficulty="medium",
    minutes=15,
    task=(
        "Write `weight_gradient(dy, x, w, stride=1, padding=0)`: `dw`, shaped like `w` (C_out, C_in, kH, kW). "
        "Every filter meets every channel of every image."
    ),
    hints=(
        "Which outputs used the weight w[f, c, 0, 0]? So which of the four axes of dy do you sum over?",
        "Filter f made the outputs `y[n, f]` from *all* channels of image n. "
        "So `dw[f]` collects windows with all their channels, from all images.",
        "For every n, f, i, j: add `dy[n, f, i, j]` times the "
        "window (all channels, kH x kW) of padded image n to `dw[f]`.",
    ),
    tensors=("dw",),
    mistakes={"dw": convolution.gradient_of_weight(4)},
    **geometries.BATCH_BACKWARD,
)

INPUT_GRADIENT = Exercise(
    answer=loops.input_gradient,
    reference=lambda *case: F.conv2d_backward(*case)[0],
    next_idea="Keep only the loop over the kernel's rows and columns, with one `np.einsum` in it.",
    difficulty="medium",
    minutes=15,
    task=(
        "Write `input_gradient(dy, x, w, stride=1, padding=0)`: `dx`, shaped like `x` (N, C_in, H, W). "
        "Every channel of an image fed every filter, so it collects from all of them."
    ),
    hints=(
        "Channel c of image n: which outputs did it feed? Which of n, c, f does its gradient sum over?",
        "Output `y[n, f, i, j]` hands `dy[n, f, i, j] * w[f]` back, "
        "a block with all channels, to its window in image n.",
        "Start with zeros as large as the padded images. "
        "For every n, f, i, j add `dy[n, f, i, j] * w[f]` to the window of image n. "
        "At the end crop the padding.",
    ),
    tensors=("dx",),
    windows={"dx": geometries.coverage},
    mistakes={"dx": convolution.gradient_of_input_alone(4)},
    **geometries.BATCH_BACKWARD,
)

CONV2D_BACKWARD = Exercise(
    answer=loops.conv2d_backward,
    reference=F.conv2d_backward,
    start=broken.conv2d_backward,
    difficulty="medium",
    minutes=10,
    task=(
        "**Repair it.** `conv2d_backward(dy, x, w, stride=1, padding=0)` returns `dx`, `dw` and `db`. "
        "Its author tested it with one image and a kernel of ones, and all three were right. "
        "Three lines are wrong all the same, one for each gradient. "
        "You could replace everything by calls of what you have written; find the lines first."
    ),
    hints=(
        "Try it with two images, and with a kernel that a half turn changes. Which gradients differ from yours?",
        "`dw` is too small by a factor. Whose business is the mean over the batch? "
        "`db` is right for one image. Which axes does it sum, and which not? "
        "In `dx` look at what is stamped: this is the scatter form.",
        "The weight gradient only adds: no division by `N`. "
        "`db` sums `dy` over images, rows and columns. "
        "Scatter stamps `w[f]` as it is; only the gather form turns it.",
    ),
    tensors=("dx", "dw", "db"),
    windows={"dx": geometries.coverage},
    mistakes={
        "dx": (*convolution.gradient_of_input(4), convolution.moved_weights(loops.conv2d_backward)),
        "dw": convolution.gradient_of_weight(4),
        "db": bias.mistakes(),
    },
    **geometries.BATCH_BACKWARD,
)

EXERCISES = (BIAS_GRADIENT, WEIGHT_GRADIENT, INPUT_GRADIENT, CONV2D_BACKWARD)

PREDICTIONS = (
    Prediction(
        name="03/one_pixel",
        again=redrawn.one_pixel,
        text="How far does the loss move for each unit that `x[1]` moves? Type that number, `dx[1]`.",
        answer=lambda: float(ONE_PIXEL_W[:, 1] @ ONE_PIXEL_DY),
        wrong_answers=(
            (-1, "That is what comes back from filter 0. x[1] fed the other two as well."),
            (6, "That is what comes back from filter 2. x[1] fed the other two as well."),
            (1, "That is dx[0]: you went down the first column of w. Channel 1 has the second."),
            (
                2,
                "That is how far all three outputs move. "
                "The loss depends on each of them differently, and dy says how.",
            ),
        ),
        why="It fed all three filters through −1, 0 and 3, and collects −1, 0 and 6 from them: 5 in all.",
    ),
    Prediction(
        name="03/weights",
        again=redrawn.weights,
        reveals=0,
        text="A layer takes colour images (3 channels) and has 16 filters of 3 x 3. How many weights are in `w`?",
        answer=lambda: np.zeros((16, 3, 3, 3)).size,
        wrong_answers=(
            (144, "That is one kernel for each filter. But a filter has one kernel for *each* channel of x."),
            (27, "That is one filter. There are 16."),
            (48, "That is how many kernels there are. Each has 3 x 3 weights."),
            (448, "That counts the 16 biases too. They are in b."),
        ),
        why="16 filters, each with 3 kernels of 3 x 3: 16 · 3 · 9 = 432. The biases are 16 more, in b.",
    ),
    Prediction(
        name="03/sums",
        text="`dy` has four indices: image n, filter f, row i, column j. "
        "One weight, `w[f, c, a, b]`, belongs to one filter and one channel. "
        "Over which indices does its gradient sum?",
        answer="b",
        choices={
            "a": ("rows and columns only", "That is one image. The same weight was used in every image of the batch."),
            "b": ("images, rows and columns", ""),
            "c": (
                "images, filters, rows and columns",
                "w[f, c, a, b] did not contribute to the outputs of other filters, so their dy says nothing about it.",
            ),
        },
        why="The weight was used at every position of every image, but only by its own filter.",
    ),
    Prediction(
        name="03/red",
        text="`x` is a colour image: channel 0 is red, channel 2 is blue. "
        "Which kernels does `dx` of the *red* channel need?",
        answer="a",
        choices={
            "a": ("`w[f, 0]` of every filter f", ""),
            "b": (
                "`w[0, c]` of every channel c",
                "Those are all the kernels of filter 0. Red fed every filter, and entered each through one kernel.",
            ),
            "c": (
                "all of them",
                "The red pixels never met w[f, 2], which is for blue. "
                "A weight they never met cannot bring anything back.",
            ),
        },
        why="Red went into every filter, each time through that filter's red kernel. "
        "Its gradient comes back the same way.",
    ),
    Prediction(
        name="03/bias",
        again=redrawn.bias_of_ones,
        text="A batch of 2 images, 3 filters, outputs of 4 x 5, and `dy` full of ones. What is `db[0]`?",
        answer=lambda: loops.bias_gradient(np.ones((2, 3, 4, 5)))[0],
        wrong_answers=(
            (20, "That is one image. The same bias serves every image of the batch."),
            (120, "That is all of dy. Filters 1 and 2 have their own biases."),
            (1, "That would be right if the bias were used once. It is added at every position of every image."),
        ),
        why="2 images x 4 rows x 5 columns use b[0], and each contributes 1: 40.",
    ),
    Prediction(
        name="03/cost",
        reveals=3,
        text="A convolution's forward pass needs M multiplications. About how many does its backward pass need?",
        answer="c",
        choices={
            "a": (
                "M / 2",
                "For dx, and again for dw, every output is paired with every weight of its window. Count again.",
            ),
            "b": (
                "M, the same",
                "That is one of the two gradients. dx and dw each take a product as large as that of the forward pass.",
            ),
            "c": ("2 M", ""),
            "d": ("3 M", "dx and dw cost M each. The third one, db, takes additions only."),
        },
        why="dx and dw each cost as much as the forward pass; db only adds. "
        "In the first layer nobody needs dx, yet it costs M again.",
    ),
    Prediction(
        name="03/mean",
        reveals=2,
        text="The loss is a mean over a batch of 8 images. Where does the factor 1/8 enter the gradients?",
        answer="a",
        choices={
            "a": ("Once, in the gradient of the loss, and so in dy", ""),
            "b": (
                "In every layer: dw and db are divided by 8",
                "Then a network of five layers would divide its first gradient five times. "
                "Each layer sums what dy brings.",
            ),
            "c": ("Nowhere: the optimizer does it", "An optimizer takes the gradient as it comes."),
        },
        why="The loss takes the mean once. "
        "From there on every backward pass sums, and dy carries the factor 1/8 along.",
    ),
    Prediction(
        name="03/receptive",
        again=redrawn.receptive,
        text="Two layers with kernels of 3 x 3 and stride 1, one behind the other. "
        "On how many *rows* of the image does one output of the second layer depend?",
        answer=lambda: 3 + (3 - 1),
        wrong_answers=(
            (3, "That is what it sees of the layer before. Each of those sees three rows of the image."),
            (6, "The windows of neighbouring outputs overlap. How many rows do three of them span?"),
            (9, "Three windows of three rows, if they did not overlap. With stride 1 they do."),
        ),
        why="It reads three rows of the first layer. Their windows begin one row apart and span 3 + 1 + 1 = 5 rows.",
    ),
    Prediction(
        name="03/lost",
        again=redrawn.lost,
        text="A convolution took `x` of 6 x 6 with a kernel of 3 x 3, stride 2 and padding 1, and made `y` of 3 x 3. "
        "How many rows does `conv_transpose2d(dy, w, stride=2, padding=1)` have?",
        answer=lambda: (3 - 1) * 2 - 2 * 1 + 3,
        wrong_answers=(
            (
                6,
                "That would be nice. But the last window starts at row 4 of the padded image. Where does it end?",
            ),
            (7, "That is before the padding is cropped, one row on each side."),
        ),
        why="The stamps span (3 − 1) · 2 + 3 = 7 rows of the padded image, minus 1 on each side. `x` had 6.",
    ),
)
