"""Training: what to expect of it before it runs."""

from course_lib.exercises.prediction import Prediction

EXERCISES = ()

STEEPEST = 2.08  # the largest curvature of the lesson's filter problem, as the question states it

PREDICTIONS = (
    Prediction(
        name="08/stability",
        text=f"The steepest direction of your bowl has $\\lambda = {STEEPEST}$. Above which learning rate does the "
        "distance to the bottom *grow* in each step? (two decimals)",
        answer=lambda: 2 / STEEPEST,
        tolerance=0.01,
        slips=(
            (1 / STEEPEST, "With that one you land on the bottom in one step. Go on to where you land just as high on "
                           "the other side."),
            (STEEPEST, "Put it into 1 - lr λ. How large is that, and how large may it be?"),
            (STEEPEST / 2, "Upside down: at which lr does lr λ reach 2?"),
        ),
        why="1 - lr λ is below -1 as soon as lr > 2 / λ = 0.96. Each step then lands higher on the other side.",
    ),
    Prediction(
        name="08/forgotten",
        text="You learn the blur again and leave out step 3: the gradients are never emptied, and each backward pass "
        "adds to all those before it. What does the loss do?",
        answer="c",
        choices={
            "a": (
                "It falls as before: a sum of gradients points the same way as one of them",
                "It does at the start. But when you have passed the bottom, the old gradients still push on.",
            ),
            "b": (
                "It falls faster: larger gradients make larger steps",
                "The steps do get larger. Now think of the moment when they carry you past the bottom.",
            ),
            "c": ("It goes up and down and never settles", ""),
            "d": (
                "It grows without bound",
                "Past the bottom the new gradients point back, and they wear the sum down again.",
            ),
        },
        why="The sum remembers every gradient. You roll past the bottom, and only gradients from the other side can "
        "wear it down: a ball in a bowl, without friction.",
    ),
    Prediction(
        name="08/turned",
        text="An image program filters with a *true* convolution: it turns the kernel by 180 degrees first. You train "
        "the same layer on its pictures. For which of the four does the layer learn other numbers than the program's?",
        answer="c",
        choices={
            "a": ("All four", "Turn the blur by 180 degrees on paper. What has changed?"),
            "b": ("Only the secret one", "Nearly. Which entries of Sobel change places?"),
            "c": ("Sobel and the secret one", ""),
            "d": ("None: it learns what it is shown", "It does. And what it is shown was made with a turned kernel."),
        },
        why="Turned, the blur and the sharpening are what they were. Sobel becomes minus Sobel, and the secret kernel "
        "has no symmetry at all.",
    ),
    Prediction(
        name="08/wrong_gradient",
        text="In a copy of the network the second convolution is a `FlippedConv2d`, so the first one is trained with "
        "wrong gradients. Both learn from the same few thousand digits. The right one then reads more than nine in ten "
        "test digits. And the wrong one?",
        answer="c",
        choices={
            "a": ("One in ten: it can only guess", "The second convolution and the linear layer still learn rightly."),
            "b": ("About half", "What can the layers behind do with a first layer that is merely *some* filter?"),
            "c": ("More than nine in ten as well", ""),
        },
        why="The layers behind make do with whatever the first one gives them.",
    ),
)  # fmt: skip
