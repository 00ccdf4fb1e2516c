"""Mistakes that any lab can have: what is told of a factor, of two slips in one result, of memory and of rounding."""

import numpy as np
import pytest

from course_lib import exercises, loops
from course_lib.exercises.engine import causes, judge, repeating

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
