"""Max pooling: a gradient that goes to the winner."""

import numpy as np

from course_lib import gradcheck, loops
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.prediction import Prediction
from course_lib.exercises.lessons.shared import redrawn_layers
from course_lib.exercises.lessons.shared.max_pooling import MAX_POOL, SMALL
from course_lib.exercises.lessons.shared.max_pooling_backward import MAX_POOL_BACKWARD

LESSON = "05_pooling_and_friends"

MAX_POOL2D = Exercise(
    answer=loops.max_pool2d,
    next_idea="Accept `kernel_size=(2, 3)` too, as PyTorch does.",
    difficulty="medium",
    minutes=15,
    task=(
        "Write `max_pool2d(x, kernel_size, stride=None, padding=0)`. "
        "Return two arrays (N, C, H_out, W_out): `y`, the maximum of every window, and `indices`, "
        "where in its H x W image each maximum was, as the number `row * W + column`. "
        "`kernel_size` is one number. "
        "Without a stride, windows start `kernel_size` apart."
    ),
    hints=(
        "The backward pass needs to know which pixel won. "
        "A window gives the winner's place within the window. "
        "What must you add to get its place in the image?",
        "`np.argmax(window)` counts through a window row by row; `divmod` by the window's width gives row and column. "
        "Add the window's upper left corner. "
        "Padding must never win: what could you pad with?",
        "Clip the windows at the edge of the image instead of padding, "
        "or pad with `-np.inf` and subtract `padding` from the place again. "
        "Then `indices` is `row * W + column`, with row and column in the image.",
    ),
    extras={
        "With kernel_size=(2, 3) instead of one number it fails. "
        "That is fine here, but PyTorch's pooling accepts both.": (
            lambda f: np.allclose(f(SMALL, (2, 3), None, 0)[1], loops.max_pool2d(SMALL, (2, 3))[1])
        )
    },
    **MAX_POOL,
)

MAX_POOL2D_BACKWARD = Exercise(
    answer=loops.max_pool2d_backward,
    next_idea="Do it without a loop. What does `np.add.at` do that `+=` does not?",
    difficulty="medium",
    minutes=10,
    task=(
        "Write `max_pool2d_backward(dy, indices, input_shape)`: `dx` of shape `input_shape` (N, C, H, W). "
        "For each output, `indices` says where its winner was, as `row * W + column`. "
        "The winner takes the gradient, and a pixel can win several windows."
    ),
    hints=(
        "Only the winner moved y. What gradient do the others get?",
        "Start with zeros. "
        "Every `dy[n, c, i, j]` goes to one pixel of the same image and channel. "
        "Windows may overlap. "
        "What if two of them have the same winner?",
        "`divmod(index, W)` gives row and column. "
        "Add with `+=`, one output after the other. "
        "`+=` with an index array would add to each pixel only once.",
    ),
    **MAX_POOL_BACKWARD,
)

EXERCISES = (MAX_POOL2D, MAX_POOL2D_BACKWARD)

# ---------------------------------------------------------------- predictions

# the image of the lesson
TIE = np.array([[2.0, 2], [2, 1]]).reshape(1, 1, 2, 2)
FOUR = np.array([[1.0, 3, 2, 0], [4, 0, 1, 5], [0, 1, 3, 2], [2, 6, 1, 0]]).reshape(1, 1, 4, 4)

PREDICTIONS = (
    Prediction(
        name="05/indices",
        again=redrawn_layers.places_of_winners,
        text="Type the numbers of the four winners. The first is 4: row 1, column 0.",
        answer=lambda: loops.max_pool2d(FOUR, 2)[1][0, 0],
        wrong_answers=(
            ([[2, 3], [3, 0]], "Those are places inside the windows. Number the pixels of the whole image."),
            ([[4, 5], [6, 3]], "Those are the winners themselves. Where are they?"),
            ([[1, 13], [7, 10]], "Rows and columns are exchanged: the number is row * 4 + column."),
        ),
        why="4 stands at (1, 0): 1 · 4 + 0. 5 at (1, 3): 7. 6 at (3, 1): 13. 3 at (2, 2): 10.",
    ),
    Prediction(
        name="05/overlap",
        again=redrawn_layers.won_windows,
        text="Max pooling with 2 x 2 windows, stride 1, on a 3 x 3 image whose largest value is in the middle. "
        "`dy` is all ones. "
        "What is `dx` in the middle?",
        answer=lambda: loops.max_pool2d_backward(np.ones((1, 1, 2, 2)), np.full((1, 1, 2, 2), 4), (1, 1, 3, 3))[
            0, 0, 1, 1
        ],
        wrong_answers=(
            (1, "That is what it gets from one window. How many windows does it win?"),
            (0.25, "No mean is taken: the winner takes the whole gradient of each window it wins."),
        ),
        why="It wins all four windows and moves all four outputs, so the gradients add up.",
    ),
    Prediction(
        name="05/tie",
        again=redrawn_layers.paid_in_total,
        reveals=3,
        text="One window `[[2, 2], [2, 1]]`, `dy = 1`. How much gradient may `dx` contain in total, if it is right?",
        answer=lambda: loops.max_pool2d_backward(np.ones((1, 1, 1, 1)), loops.max_pool2d(TIE, 2)[1], TIE.shape).sum(),
        wrong_answers=(
            (3, "Three pixels tie. If each got 1, the gradient would be paid three times, but y only moved once."),
            (4, "Only the winner moves y."),
        ),
        why="y moves no further than the pixel that moves it, so only 1 is handed out: "
        "to one of the tied pixels (PyTorch takes the first), or shared among them. "
        "A mask `x == y` pays all three.",
    ),
    Prediction(
        name="05/measured_tie",
        again=redrawn_layers.measured_at_a_tie,
        text="`window = [[2, 2], [2, 1]]`. What does a central difference report for its maximum? Type all four.",
        answer=lambda: gradcheck.numerical_gradient(np.max, [[2, 2], [2, 1]]),
        tolerance=1e-3,
        wrong_answers=(
            (
                [[1, 1], [1, 0]],
                "That is how far y moves when a pixel goes up. When it goes down, the other two keep the maximum.",
            ),
            (
                [[1, 0], [0, 0]],
                "A measurement does not know which one comes first. It nudges each of them, up and down.",
            ),
            (
                lambda: [[1 / 3, 1 / 3], [1 / 3, 0]],
                "Nothing is split, because each pixel is nudged alone. How far does y move up, and how far down?",
            ),
            ([[0, 0], [0, 0]], "When the pixel goes down, y stays. But when it goes up, y rises with it."),
        ),
        why="Up by eps, y rises by eps. Down by eps, y stays. So (eps − 0) / (2 eps) = 1/2, for each of the three.",
    ),
    Prediction(
        name="05/share",
        comes_back=False,
        text="In what share of these windows do two or more pixels hold the maximum?",
        answer="d",
        choices={
            "a": (
                "In almost none",
                "That would be right for random numbers. But look at a picture of a digit. What is most of it?",
            ),
            "b": (
                "In about one in ten",
                "Strokes of full ink alone tie in 7 windows of 100. And most of the picture is not ink.",
            ),
            "c": ("In about a third", "More. Most of a picture of a digit is background, and it is flat."),
            "d": ("In about four of five", ""),
        },
        why="Most of the picture is background, where all four pixels are 0.",
    ),
)
