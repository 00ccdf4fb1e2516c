"""Mistakes that any lab can have: what is told of a factor, of two slips in one result, of memory and of rounding."""

import numpy as np
import pytest

from course_lib import exercises, loops
from course_lib.exercises.engine import causes, judge, repeating
from course_lib.exercises.engine.exercise import Exercise, Mistake

SCATTER = "conv1d_input_gradient_scatter"


def told(name, f, tensor):
    return exercises.get(name).judge(f, explain=False).mistakes[tensor]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda db, dy: 3 * db, causes.LARGER.format(tensor="db", number="3")),
        (lambda db, dy: -0.25 * db, causes.NEGATIVE.format(tensor="db", number="−0.25")),
        (lambda db, dy: db * len(dy), causes.of_quantity("times", "dy.shape[0]", 1).format(tensor="db")),
        (lambda db, dy: db[None], causes.RESHAPED.format(tensor="db")),
        (lambda db, dy: db + 2, causes.SHIFTED.format(tensor="db", shift="2")),
        (lambda db, dy: np.cumsum(db), causes.ADDED_UP.format(axis=0).format(tensor="db")),
        (lambda db, dy: np.full_like(db, db.sum()), causes.SUM_EVERYWHERE.format(axes=0).format(tensor="db")),
        (lambda db, dy: np.full_like(db, db[-1]), causes.ONE_EVERYWHERE.format(axis=0, end="last").format(tensor="db")),
    ],
)
def test_what_was_done_to_the_right_result_is_told(change, sentence):
    assert told("bias_gradient", lambda dy: change(loops.bias_gradient(dy), dy), "db") == [sentence]


def test_a_relation_that_holds_in_some_calls_only_is_not_told():
    def sometimes(dy):
        return loops.bias_gradient(dy) * (3 if len(dy) == 2 else 5)

    verdict = exercises.get("bias_gradient").judge(sometimes, explain=False)
    assert verdict.status == "wrong"
    assert not any("times as large" in sentence for sentence in verdict.mistakes.get("db", []))


def test_a_known_mistake_and_a_factor_are_both_told():
    def turned_and_tripled(dy, x, w, stride, padding):
        return 3 * loops.conv1d_input_gradient_scatter(dy, x, w[::-1], stride, padding)

    (turned,) = [mistake for mistake in exercises.get(SCATTER).mistakes["dx"] if mistake.name == "kernel turned"]
    assert told(SCATTER, turned_and_tripled, "dx") == [turned.message, causes.LARGER.format(tensor="dx", number="3")]


def test_of_two_causes_that_explain_the_same_arrays_both_are_told():
    def images_and_gradients_out_of_step(dy, x, w, stride, padding):
        return loops.weight_gradient(np.roll(dy, -1, axis=0), x, w, stride, padding)

    def last_corner_wrong(x, w, stride, padding):
        y = loops.conv2d_single(x, w, stride, padding).astype(float)
        y[-1, -1] *= 3
        return y

    for name, f, tensor, both in (
        ("weight_gradient", images_and_gradients_out_of_step, "dw", ("dy moved back by one", "x moved on by one")),
        ("conv2d_single", last_corner_wrong, "y", ("last entry of y along axis 0", "last entry of y along axis 1")),
    ):
        sentences = exercises.get(name).judge(f, explain=False).mistakes.get(tensor, [])
        assert any(causes.OR in one and all(part in one for part in both) for one in sentences), (name, sentences)


def test_of_two_known_mistakes_that_do_the_same_both_are_told():
    mistakes = {
        "y": (
            Mistake("one", "The first cause.", (lambda x: 2 * x + 1,)),
            Mistake("other", "The second cause.", (lambda x: x + x + 1,)),
            Mistake("another", "Something else.", (lambda x: 3 * x + 1,)),
        )
    }
    exercise = Exercise(
        answer=lambda x: x + 1, task="", hints=(), difficulty="easy", minutes=1, tensors=("y",),
        probe={"x": np.ones(2)}, cases=lambda rng: [{"x": rng.standard_normal(n)} for n in (3, 4)],
        mistakes=mistakes,
    )  # fmt: skip
    told_of_both = exercise.judge(lambda x: 1 + 2 * x, explain=False).mistakes
    assert told_of_both == {"y": [f"The first cause.{causes.OR}The second cause."]}


def test_one_number_under_two_names_is_told_once():
    (says,) = told("input_gradient", lambda *case: loops.input_gradient(*case) * len(case[0]), "dx")
    assert says == causes.of_quantity("times", "dy.shape[0]", 1).format(tensor="dx")


def test_what_is_true_of_the_wrong_calls_alone_says_so():
    def nothing_at_stride_2(dy, x, w, stride, padding):
        dx = loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding)
        return dx if stride == 1 else 0 * dx

    says = told(SCATTER, nothing_at_stride_2, "dx")
    assert says == [causes.WHERE_WRONG.format(tensor="dx") + causes.ZERO.format(tensor="dx")]


def test_a_relation_that_fails_in_a_further_call_is_not_told():
    usual = {case["x"].shape for case in exercises.get("conv1d").arguments}

    def doubled_where_usual(x, w, stride, padding):
        y = loops.conv1d(x, w, stride, padding)
        return 2 * y if x.shape in usual else y - 3 * w[0]

    verdict = exercises.get("conv1d").judge(doubled_where_usual, explain=False)
    assert verdict.status == "wrong" and not any("2 times" in one for one in verdict.mistakes.get("y", []))


def test_memory_that_was_never_set_is_wrong_on_every_machine():
    """The first case shows nothing: only where windows leave something over is an entry never written."""

    def last_inputs_never_set(dy, x, w, stride, padding):
        dx = np.empty(len(x))
        dx[: len(x)] = loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding)
        if (len(x) + 2 * padding - len(w)) % stride == 2:
            dx[-1] = np.empty(1)[0]
        return dx

    assert told(SCATTER, last_inputs_never_set, "dx") == [repeating.UNSET]


def test_nothing_is_explained_of_numbers_that_mean_nothing():
    def noisy(dy):
        return loops.bias_gradient(dy) + np.random.randn(dy.shape[1])

    verdict = exercises.get("bias_gradient").judge(noisy)
    assert verdict.mistakes == verdict.explained == {"db": [repeating.RANDOM]}


def test_rounding_is_named_where_an_argument_is_nearly_as_it_was():
    def in_place(f, x, eps):
        grad = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            x[index] += eps
            above = f(x)
            x[index] -= 2 * eps
            grad[index] = (above - f(x)) / (2 * eps)
            x[index] += eps
        return grad

    assert told("numerical_gradient", in_place, "x") == [judge.ROUNDED.format(name="x")]

    def moved(f, x, eps):
        x += eps
        return np.zeros(x.shape)

    assert told("numerical_gradient", moved, "x") != [judge.ROUNDED.format(name="x")]
