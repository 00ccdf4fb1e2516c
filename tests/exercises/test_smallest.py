"""The smallest example on which an answer fails: it is true, it is small, and it holds nothing that is not needed."""

import itertools
import re

import numpy as np
import pytest
from answers import COMPUTING

from course_lib import exercises, loops
from course_lib.exercises.engine import guard, shrinking
from course_lib.exercises.engine.compare import close
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.question import copied

pytestmark = pytest.mark.slow

NAMES = COMPUTING
shrinking_run_case = shrinking.run_case
MOST_CELLS = 16  # in all arguments together


BETWEEN_WHOLE_NUMBERS = (
    *("batch_norm", "clinic_13"),  # eps shows only where the variance is small
    *("relu_backward", "clinic_09"),  # a threshold other than 0 shows only near 0
    *("saliency", "turn_into"),  # the brightness of a pixel is from 0 to 1
)


def spoilt(exercise, each):
    """Known wrong answers of a lab: the first of each tensor, or all."""
    for tensor, mistakes in exercise.mistakes.items():
        for wrong in [wrong for mistake in mistakes for wrong in mistake.examples][: None if each else 1]:
            yield exercise.spoilt(tensor, wrong)


@pytest.mark.sampled(3, rest="course")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "each", [False, pytest.param(True, marks=[pytest.mark.slow, pytest.mark.course])], ids=["one", "all"]
)
def test_every_wrong_answer_fails_on_a_few_whole_numbers(name, each):
    exercise = exercises.get(name)
    for answer in spoilt(exercise, each):
        smallest = exercise.judge(answer).smallest
        arrays = [value for value in smallest.arguments.values() if isinstance(value, np.ndarray)]
        assert sum(array.size for array in arrays) <= (30 if name == "clinic_23" else MOST_CELLS)  # nine layers
        assert list(smallest.arguments) == list(exercise.probe)
        if not name.startswith(BETWEEN_WHOLE_NUMBERS):
            assert all(np.array_equal(array, np.round(array)) for array in arrays)


@pytest.mark.sampled(3, rest="course")
@pytest.mark.parametrize("name", NAMES)
def test_the_example_is_true(name):
    """What it says of the right answer, and of the wrong one, is what they return."""
    exercise = exercises.get(name)
    for answer in spoilt(exercise, each=False):
        smallest = exercise.judge(answer).smallest
        assert close(exercise.expected(smallest.arguments)[smallest.tensor], smallest.expected, 1e-12)
        copies = {name: copied(value) for name, value in smallest.arguments.items()}
        if smallest.yours is None:
            continue
        returned = exercise.results(answer, copies)
        parts = returned if len(exercise.tensors) > 1 else (returned,)
        yours = dict(zip(exercise.tensors, parts, strict=True))[smallest.tensor]
        assert np.array_equal(yours, smallest.yours, equal_nan=True)
        assert not close(smallest.yours, smallest.expected, exercise.tolerance)


def reversed_kernel(x, w, stride, padding):
    return loops.conv1d(x, w[::-1], stride, padding)


def overwritten(x, w, stride, padding):
    """Right but for outputs after the second."""
    y = loops.conv1d(x, w, stride, padding)
    y[2:] = 0
    return y


def always_stride_1(x, w, stride, padding):
    y = loops.conv1d(x, w, 1, padding)
    return y[: loops.out_size(len(x), len(w), stride, padding)]


def without_padding(x, w, stride, padding):
    y = loops.conv1d(x, w, stride, 0) if len(x) >= len(w) else np.zeros(0)
    return np.resize(np.append(y, 0), loops.out_size(len(x), len(w), stride, padding))


def right_without_both(x, w, stride, padding):
    return loops.conv1d(x, w, stride, padding) + (stride > 1 and padding > 0)


GEOMETRIES = [
    (n, k, stride, padding)
    for n, k, stride, padding in itertools.product(range(1, 5), range(1, 4), (1, 2, 3), (0, 1, 2))
    if n + 2 * padding >= k
]


@pytest.mark.parametrize("answer", [reversed_kernel, overwritten, always_stride_1, without_padding, right_without_both])
def test_nothing_smaller_fails(answer):
    """Of all geometries that are smaller in one way and larger in none, none fails with random numbers either."""
    rng = np.random.default_rng(1)
    found = exercises.get("conv1d").judge(answer).smallest.arguments
    size = len(found["x"]), len(found["w"]), found["stride"], found["padding"]
    smaller = [g for g in GEOMETRIES if g != size and all(a <= b for a, b in zip(g, size, strict=True))]
    for n, k, stride, padding in smaller:
        x, w = rng.standard_normal(n), rng.standard_normal(k)
        assert np.allclose(answer(x, w, stride, padding), loops.conv1d(x, w, stride, padding)), (n, k, stride, padding)


def test_only_the_feature_that_fails_is_in_the_example():
    conv1d = exercises.get("conv1d")
    both = conv1d.judge(right_without_both).smallest
    assert (len(both.arguments["x"]), len(both.arguments["w"])) == (1, 1)
    assert (both.arguments["stride"], both.arguments["padding"]) == (2, 1)
    assert "stride = 2, padding = 1" in both.says
    plain = conv1d.judge(reversed_kernel).smallest
    assert (plain.arguments["stride"], plain.arguments["padding"]) == (1, 0)
    assert "stride" not in plain.says and "padding" not in plain.says
    x, w = plain.arguments["x"], plain.arguments["w"]
    assert len(x) == len(w) == 2
    x, w = (f"[{a:.0f}, {b:.0f}]" for a, b in (x, w))
    assert plain.says == (
        f"It fails already for x = {x}, w = {w}: yours {plain.yours[0]:.0f}, right {plain.expected[0]:.0f}."
    )


def one_less(case, said):
    """The arguments of a convolution in one dimension, or in two, with what "yours is right with ..." names."""
    case, rng = dict(case), np.random.default_rng(len(said))
    shapes = {name: list(case[name].shape) for name in ("x", "w")}
    if size := re.fullmatch(r"(\d) (entry|entries|rows?|columns?) in (x|w)", said):
        shapes[size[3]][-1 if size[2].startswith(("entr", "col")) else 0] = int(size[1])
    else:
        name, value = re.fullmatch(r"(stride|padding) = (\d)", said).groups()
        case[name] = int(value)
    case |= {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    if "dy" in case:
        sizes = zip(shapes["x"], shapes["w"], strict=True)
        case["dy"] = rng.standard_normal([loops.out_size(n, k, case["stride"], case["padding"]) for n, k in sizes])
    return case


@pytest.mark.sampled(3, rest="course")
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in NAMES
        if name.startswith("conv")
        and {"x", "w"} <= set(exercises.get(name).probe)
        and exercises.get(name).probe["x"].ndim < 3
    ],
)
def test_what_the_example_needs_is_true(name):
    """It fails; with one size or feature less, as the sentence says, the same answer comes out right."""
    exercise, said = exercises.get(name), 0
    for answer in spoilt(exercise, each=True):
        smallest = exercise.judge(answer).smallest
        has, _, has_not = smallest.needs.removeprefix("This needs ").partition(": yours is right with ")
        parts = has_not.rstrip(".").split(", and with ") if has_not else []
        said += len(parts)
        for part in parts:
            case = one_less(smallest.arguments, part)
            copies = {name: copied(value) for name, value in case.items()}
            yours = exercise.results(answer, copies)
            yours = yours if len(exercise.tensors) > 1 else (yours,)
            for array, right in zip(yours, exercise.expected(case).values(), strict=True):
                assert close(np.asarray(array), right, exercise.tolerance), part
            assert part.partition(" = ")[0].split()[-1] in has
    assert said > 10


def test_what_a_known_failure_does_without_is_not_needed():
    """Wrong with a stride and no padding, and with padding and no stride: neither is needed."""

    def answer(x, w, stride, padding):
        return loops.conv1d(x, w, stride, padding) + ((stride > 1) != (padding > 0))

    smallest = exercises.get("conv1d").judge(answer).smallest
    assert {"stride = 2", "padding = 1"} & set(re.findall(r"\w+ = \d", smallest.says)) and smallest.needs == ""
    always = exercises.get("conv1d").judge(lambda *case: loops.conv1d(*case) + 1).smallest
    assert always.needs == ""


def test_what_is_needed_is_said_in_the_words_of_the_lab():
    def first_image(dy, x, w, stride, padding):
        return loops.weight_gradient(dy[:1], x[:1], w, stride, padding)

    def strideless(x, w, stride, padding):
        return np.resize(loops.conv1d(x, w, 1, padding), loops.out_size(len(x), len(w), stride, padding))

    needs = exercises.get("weight_gradient").judge(first_image).smallest.needs
    assert needs == "This needs 2 images in x: yours is right with 1 image in x."
    verdict = exercises.get("conv1d").judge(strideless)
    assert verdict.smallest.needs == (
        "This needs stride = 2 and 3 entries in x: yours is right with stride = 1, and with 2 entries in x."
    )
    assert verdict.smallest.needs in repr(verdict) and verdict.smallest.needs in verdict._repr_html_()


def test_of_two_examples_of_one_size_that_without_padding_is_shown():
    def set_in_place_of_added(dy, x, w, stride, padding):
        dxp = np.zeros(len(x) + 2 * padding)
        for j in range(len(dy)):
            dxp[j * stride : j * stride + len(w)] = dy[j] * w
        return dxp[padding : padding + len(x)]

    smallest = exercises.get("conv1d_input_gradient_scatter").judge(set_in_place_of_added).smallest
    assert (len(smallest.arguments["x"]), len(smallest.arguments["w"])) == (3, 2)
    assert (smallest.arguments["stride"], smallest.arguments["padding"]) == (1, 0)


def test_channels_and_images_appear_where_they_matter():
    def first_image(dy, x, w, stride, padding):
        return loops.weight_gradient(dy[:1], x[:1], w, stride, padding)

    arguments = exercises.get("weight_gradient").judge(first_image).smallest.arguments
    assert arguments["x"].shape == (2, 1, 1, 1) and arguments["w"].shape == (1, 1, 1, 1)
    assert (arguments["stride"], arguments["padding"]) == (1, 0)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("conv1d", lambda *case: np.trunc(loops.conv1d(*case))),
        ("relu_backward", lambda dy, x: dy * (x >= 0)),
        ("max_pool2d", lambda x, *sizes: loops.max_pool2d(np.maximum(x, -100), *sizes)),
        ("conv1d", lambda *case: loops.conv1d(*case).astype(np.float16)),
    ],
    ids=["whole numbers only", "zeros", "far below zero", "float16"],
)
def test_what_shows_with_certain_numbers_only_is_found(name, answer):
    verdict = exercises.get(name).judge(answer)
    assert verdict.smallest.yours is not None
    assert sum(np.size(value) for value in verdict.smallest.arguments.values()) <= 8
    if name == "relu_backward":
        assert np.abs(verdict.smallest.arguments["dy"]).max() <= 2  # not larger than it has to be


def test_a_right_answer_has_none():
    for name in NAMES:
        assert exercises.get(name).judge(exercises.get(name).answer).smallest is None


def test_an_answer_that_raises_has_an_example_and_nothing_to_show():
    smallest = exercises.get("conv1d").judge(lambda x, w, stride, padding: x[stride + 100]).smallest
    assert smallest.yours is None and smallest.picture is None
    assert smallest.says.startswith("It stops already for x = [") and "IndexError" in smallest.says


def test_wrong_values_are_shown_rather_than_an_exception():
    """Where the cases gave wrong values, an exception on the very smallest input is not what is wrong with it."""

    def needs_three(x, w, stride, padding):
        return loops.conv1d(x, w, stride, padding) * 2 + x[2] * 0

    smallest = exercises.get("conv1d").judge(needs_three).smallest
    assert smallest.yours is not None and len(smallest.arguments["x"]) == 3


def test_what_is_written_to_and_what_is_kept_shows_too():
    def writes(x, w, stride, padding):
        x *= 2
        return loops.conv1d(x / 2, w, stride, padding)

    smallest = exercises.get("conv1d").judge(writes).smallest
    assert smallest.tensor == "x" and len(smallest.arguments["x"]) == 1

    kept = []

    def keeps(x, w, stride, padding):
        """Twice as much, if it was called with the same x before."""
        again = any(np.array_equal(x, other) for other in kept[-1:])
        kept.append(x.copy())
        return loops.conv1d(x, w, stride, padding) * (1 + again)

    smallest = exercises.get("conv1d").judge(keeps).smallest
    assert np.array_equal(smallest.yours, 2 * smallest.expected) and len(smallest.arguments["x"]) == 1


def test_one_result_in_place_of_several_has_an_example():
    smallest = exercises.get("conv2d_backward").judge(lambda *case: loops.conv2d_backward(*case)[:2]).smallest
    assert smallest.yours is None and "3 are expected" in smallest.says


def test_it_is_the_same_each_time_and_calls_the_answer_so_often_at_most(monkeypatch):
    monkeypatch.setattr(shrinking, "CALLS", 30)
    calls = []

    def rarely_wrong(dy, x, w, stride, padding):
        calls.append(1)
        dx = loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding)
        return dx + (x.size == 10)

    exercise = exercises.get("conv1d_input_gradient_scatter")
    first, second = (exercise.judge(rarely_wrong).smallest for _ in range(2))
    assert first.says == second.says
    searched = []
    monkeypatch.setattr(shrinking, "run_case", lambda *_: searched.append(1) or shrinking_run_case(*_))
    exercise.judge(rarely_wrong)
    assert len(searched) == 30 + 2 * shrinking.TWICE


def test_an_answer_that_hangs_on_small_input_is_stopped(monkeypatch):
    monkeypatch.setattr(shrinking, "SECONDS", 0.3)

    def hangs(x, w, stride, padding):
        while len(x) < 3:
            pass
        return np.zeros(2)

    smallest = exercises.get("conv1d").judge(hangs).smallest
    assert smallest is not None and guard.SECONDS > 1


def test_small_cases_are_told_from_the_cases_of_a_new_lab():
    """With a size that three arguments share, and a gradient shaped as what forward returns."""

    def scaled_sum_backward(dy, x, scale, power=1):
        """dy (m,), x (m, n), scale (n,) -> dx (m, n)."""
        return dy[:, None] * scale * power

    exercise = Exercise(
        answer=scaled_sum_backward,
        task="", hints=("", "", ""), difficulty="easy", minutes=1,
        cases=lambda rng: [
            dict(zip(("dy", "x", "scale"), map(rng.standard_normal, (m, (m, n), n)), strict=True)) | {"power": p}
            for m, n, p in ((3, 5, 1), (4, 2, 2), (2, 3, 3))
        ],
        probe={"dy": np.ones(2), "x": np.ones((2, 2)), "scale": np.ones(2), "power": 1},
        tensors=("dx",), mistakes={},
        forward=lambda dy, x, scale, power: (x * scale * power).sum(axis=1),
    )  # fmt: skip
    smallest = exercise.judge(lambda dy, x, scale, power: dy[:, None] * scale[::-1] * power).smallest
    assert smallest.arguments["x"].shape == (1, 2) and smallest.arguments["power"] == 1
    smallest = exercise.judge(lambda dy, x, scale, power: dy[::-1, None] * scale * power).smallest
    assert smallest.arguments["x"].shape == (2, 1)
    smallest = exercise.judge(lambda dy, x, scale, power: dy[:, None] * scale).smallest
    assert smallest.arguments["power"] == 2 and smallest.arguments["x"].shape == (1, 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([[[[9.0, 7]]]]), "[9, 7]"),
        (np.array([[1.5, -2.0], [3, 4]]), "[[1.5, −2], [3, 4]]"),
        (np.zeros((1, 2, 1)), "[[0], [0]]"),
        (np.array([7.0, 8]).reshape(2, 1, 1, 1), "[7, 8]"),
        (np.array([[7.0, 8], [1, 2]]).reshape(2, 2, 1, 1), "[[7, 8], [1, 2]]"),
        (np.array([[[[5.0]]]]), "[5]"),
        (np.zeros((10, 10)), "100 numbers"),
        (np.array([True, False]), "[True, False]"),
        (2, "2"),
        ((2, 3), "(2, 3)"),
    ],
)
def test_arguments_are_written_as_one_would_type_them(value, text):
    assert shrinking.entries(value) == text
