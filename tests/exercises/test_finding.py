"""Labs that ask for an input: the smallest is what a search over everything smaller finds, and no stored number."""

from itertools import product

import numpy as np
import pytest

from course_lib import exercises, progress, suspects
from course_lib.exercises import checking
from course_lib.functional import out_size

CONVICT, APART = exercises.get("convict_turned"), exercises.get("tell_apart")


def test_no_input_with_fewer_numbers_convicts():
    """Also with large strides and paddings, and with several drawings of the numbers."""
    assert CONVICT.fewest == 4
    for n, k, s, p, seed in product(range(1, 3), range(1, 3), range(1, 13), range(13), range(3)):
        if n + 2 * p < k or n + k + out_size(n, k, s, p) > 3:
            continue
        rng = np.random.default_rng(seed)
        dy, x, w = rng.standard_normal(out_size(n, k, s, p)), rng.standard_normal(n), rng.standard_normal(k)
        assert np.allclose(*CONVICT.both(dy, x, w, s, p))


def test_no_geometry_with_fewer_numbers_tells_the_two_apart():
    assert APART.fewest == 6
    for H, W, k, s, p in product(range(1, 5), range(1, 5), range(1, 3), range(1, 13), range(13)):
        fits = min(H, W) + 2 * p >= k
        if fits and H * W + k * k + out_size(H, k, s, p) * out_size(W, k, s, p) < 6:
            assert np.allclose(*APART.both(*APART.given((H, W, k, s, p))))


@pytest.mark.parametrize("lab", [CONVICT, APART], ids=["convict_turned", "tell_apart"])
def test_the_shipped_solution_is_the_smallest_and_what_one_begins_from_shows_nothing(lab):
    assert lab.input(lab.answer()).numbers == lab.fewest
    assert not lab.input(lab.start()).differs
    assert lab.judge(lambda: lab.start()).mistakes["both agree"]  # as written anew, it is an answer like any other


@pytest.mark.parametrize("lab", [CONVICT, APART], ids=["convict_turned", "tell_apart"])
def test_reasons_are_told_in_their_order_and_one_always_holds(lab):
    for n, reason in enumerate(lab.reasons):
        found = lab.input(reason.example())
        assert [one.holds(found) for one in lab.reasons].index(True) == n and not found.differs
    assert lab.reasons[-1].holds(lab.input(lab.answer()))


def test_the_functions_on_trial_stand_in_the_task_and_can_be_called_in_the_cell():
    import inspect

    for lab in (CONVICT, APART):
        for suspect in lab.suspects:
            assert inspect.getsource(suspect).strip() in lab.task
            assert f"from course_lib.suspects import {suspect.__name__}" in lab.imports


def test_a_card_tells_what_both_return_and_whether_fewer_numbers_do():
    text = repr(CONVICT.judge(lambda: ([1.0, 2], [0.0], [1.0, 2], 1, 1)))
    assert "dx should be [4], and turned returns [5]. It takes 5 numbers. It is possible with fewer." in text
    assert "Both return [6]." in repr(CONVICT.judge(CONVICT.reasons[4].example))
    assert "They differ in 25 of 30 entries. It takes 48 numbers." in repr(APART.judge(lambda: (5, 6, 3, 2, 1)))


@pytest.mark.parametrize(
    ("lab", "value", "says"),
    [
        (CONVICT, 3, "must return five things"),
        (CONVICT, ("a", [1], [1], 1, 0), "dy must be an array of numbers."),
        (CONVICT, ([1], [1], [[1]], 1, 0), "w must have 1 axis and finite numbers"),
        (CONVICT, ([np.nan], [1], [1], 1, 0), "dy must have 1 axis and finite numbers"),
        (CONVICT, ([1], [1], [1], 0, 0), "stride must be a whole number from 1"),
        (CONVICT, ([1], [1], [1], 1, True), "padding must be a whole number from 0"),
        (CONVICT, ([1], [1], [1, 2], 1, 0), "The kernel must fit into the padded x"),
        (CONVICT, ([1], [1], [1], 1, 1), "dy must have 3 entries"),
        (CONVICT, (np.ones(501), np.ones(501), [1], 1, 0), "must have at most 1000 numbers"),
        (APART, (1, 2), "must return five whole numbers"),
        (APART, (2, 2, 3, 1, 0), "A kernel of 3 x 3 must fit"),
        (APART, (13, 2, 2, 1, 0), "at most 12"),
        (APART, (2.0, 2, 2, 1, 0), "H must be a whole number"),
    ],
)
def test_what_is_no_input_is_told_why(lab, value, says):
    verdict = lab.judge(lambda: value)
    assert verdict.status == "wrong" and says in repr(verdict)


def test_the_best_is_kept_and_told(monkeypatch):
    shown = []
    monkeypatch.setattr(checking, "display", shown.append)
    monkeypatch.setattr(checking.keeping, "keep", lambda *_: (True, ""))
    larger, smaller = (lambda: ([1.0, 2, 3], [0.0, 0], [1.0, 2], 1, 1)), (lambda: ([1.0, 2], [0.0], [1.0, 2], 1, 1))
    for answer, best in ((larger, 7), (smaller, 5), (larger, 5)):
        exercises.check(answer, "convict_turned")
        assert progress.best("convict_turned")[0] == best
        card = next(one for one in reversed(shown) if isinstance(one, exercises.Verdict))
        assert f"Your best so far: {best}." in repr(card)
    assert progress.best("convict_turned")[1] == "dy = [1.0, 2.0], x = [0.0], w = [1.0, 2.0], stride = 1, padding = 1"


def test_every_suspect_is_right_on_what_it_is_tested_with_usually():
    rng = np.random.default_rng(0)
    dy, x, w = rng.standard_normal((3, 3)), rng.standard_normal((3, 3)), rng.standard_normal((3, 3))
    assert np.allclose(suspects.stride_forgotten(dy, x, w, 1, 1), suspects.rest_forgotten(dy, x, w, 1, 1))
