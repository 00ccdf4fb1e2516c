"""Lesson 08: the functions without loops, how their speed is judged and shown, and what the lesson states."""

import functools
import re
import time

import matplotlib
import numpy as np
import pytest
from claims import states, text_of
from lesson_run import names_of, quietly

from course_lib import exercises, fast, loops, speed
from course_lib import functional as F
from course_lib._support import clock
from course_lib.exercises.engine import exercise as engine
from course_lib.exercises.engine import judge, pace
from course_lib.exercises.lessons import lesson_08
from course_lib.publish import build

matplotlib.use("Agg")
LESSON = "08_make_it_fast"
LABS = [lab.name for lab in lesson_08.EXERCISES]
GEOMETRIES = [(1, 0), (2, 0), (2, 1), (3, 1)]

# ---------------------------------------------------------------- the functions


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
def test_no_loop_over_windows_and_the_library_agree(stride, padding, dtype, rng):
    x = rng.integers(-9, 9, (2, 3, 7, 6)).astype(dtype)
    cols = fast.im2col_fast(x, (3, 2), stride, padding)
    folded = fast.col2im_fast(cols, (7, 6), (3, 2), stride, padding)
    y, indices = fast.max_pool2d_fast(x, 3, stride, padding)
    dx = fast.max_pool2d_backward_fast(y, indices, x.shape)
    pairs = (
        (cols, F.im2col(x, (3, 2), stride, padding)),
        (folded, F.col2im(cols, (7, 6), (3, 2), stride, padding)),
        *zip((y, indices), F.max_pool2d(x, 3, stride, padding), strict=True),
        (dx, F.max_pool2d_backward(y, indices, x.shape)),
    )
    for found, expected in pairs:
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_a_wrong_argument_is_named_as_in_the_loops():
    for f, arguments in ((fast.im2col_fast, (np.ones((2, 3)), 3)), (fast.max_pool2d_fast, (np.ones(3), 2))):
        with pytest.raises(ValueError, match="must"):
            f(*arguments)


# ---------------------------------------------------------------- judged for right and for speed


@pytest.mark.slow
@pytest.mark.parametrize("name", LABS)
def test_a_fast_answer_is_told_its_ratio_and_a_slow_one_is_right_with_a_caution(name):
    lab = exercises.get(name)
    quick = lab.judge(lab.answer)
    assert quick.head[1] == "Right" and re.search(r"loops take .+ yours .+ times faster", quick.passed.pace)

    def slow(*case):
        time.sleep(0.02)
        return lab.answer(*case)

    verdict = lab.judge(slow)
    assert (verdict.status, verdict.mistakes, verdict.head[1]) == ("right", {}, "Right, but")
    assert re.search(r"right, and [\d]+ times slower than it could be", verdict.remarks[0])
    assert verdict.remarks[0] in repr(verdict) and not verdict.passed.pace


def test_the_loops_themselves_are_right_and_slow():
    for name in ("im2col", "col2im", "max_pool2d"):
        verdict = exercises.get(f"{name}_fast").judge(getattr(loops, name))
        assert verdict.head[1] == "Right, but", verdict


def test_a_wrong_answer_is_not_timed():
    verdict = exercises.get("im2col_fast").judge(lambda *case: -fast.im2col_fast(*case), explain=False)
    assert verdict.status == "wrong" and "slower" not in repr(verdict)


def test_an_answer_that_fails_on_the_larger_arrays_is_right_but_not_timed():
    def only_small(x, *geometry):
        if x.size > 2000:
            raise MemoryError
        return fast.im2col_fast(x, *geometry)

    verdict = exercises.get("im2col_fast").judge(only_small)
    assert verdict.status == "right" and verdict.caution
    assert verdict.remarks == [engine.NOT_TIMED.format(case=lesson_08.IM2COL_FAST.pace.says, seconds=engine.SECONDS)]


@pytest.mark.parametrize("float64_in", LABS)
def test_an_answer_that_widens_float32_is_told_so(float64_in):
    lab = exercises.get(float64_in)

    def widened(first, *rest):
        result = lab.answer(first.astype(np.float64), *rest)
        return result

    assert lesson_08.FLOAT64 in lab.judge(widened).remarks


START = exercises.get("max_pool2d_backward_fast").stub()


@pytest.mark.parametrize("before", ["import numpy as np\n\n\n", ""])
def test_the_loop_that_was_given_is_not_attempted_in_whichever_cell_it_stands(before):
    names = {"np": np}
    exec(before + START, names)
    verdict = exercises.get("max_pool2d_backward_fast").judge(names["max_pool2d_backward_fast"])
    assert (verdict.status, verdict.remarks) == ("not attempted", [judge.STILL_LOOPS])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("for i, j in np.ndindex(dy.shape[2:])", "for i, j in np.ndindex(*dy.shape[2:])"),
        ("+= dy[:, :, i, j]", "+= 1.0 * dy[:, :, i, j]"),
    ],
)
def test_a_loop_that_was_changed_is_judged(old, new):
    names = {"np": np}
    assert old in START
    exec(START.replace(old, new), names)
    verdict = exercises.get("max_pool2d_backward_fast").judge(names["max_pool2d_backward_fast"])
    assert verdict.head[1] == "Right, but"


def test_what_is_said_of_a_speed_is_the_ratio_of_the_times():
    about = pace.Pace(loops.im2col, dict, "On an image")
    fine = pace.Measured(loop=0.012, yours=0.0004, best=0.0001)
    assert not fine.is_slow and fine.sentence(about).endswith("take 12 ms, yours 0.4 ms. That is 30 times faster.")
    slow = pace.Measured(loop=0.012, yours=0.004, best=0.0001)
    assert slow.is_slow and slow.sentence(about).startswith("It is right, and 40 times slower than it could be.")


# ---------------------------------------------------------------- clocks and cards


def test_calls_take_turns_and_the_best_of_each_counts():
    order, pauses = [], iter([0.001, 0.03, 0.001])
    found = clock.fastest(
        {
            "a": lambda: order.append("a") or time.sleep(0.001),
            "b": lambda: order.append("b") or time.sleep(next(pauses)),
        },
        3,
    )
    assert order == ["a", "b"] * 3 and found["b"] < 0.03


def test_no_round_begins_when_patience_is_over():
    order = []
    clock.fastest({"a": lambda: order.append("a") or time.sleep(0.02)}, rounds=50, seconds=0.05)
    assert 1 <= len(order) <= 4


def naps(n):
    """A function with one slow line."""
    total = 0
    for _ in range(n):
        total += 1
    time.sleep(0.03)
    # not a line that runs
    return total


def test_by_line_finds_the_slow_line_and_leaves_out_what_does_not_run():
    found = speed.by_line(naps, 3)
    shares = {bar.label.strip(): bar.share for bar in found.bars}
    assert next(iter(shares)) == "def naps(n):" and "# not a line that runs" not in shares
    assert not any("slow line" in label for label in shares)
    assert shares["time.sleep(0.03)"] > 0.8 and sum(shares.values()) == pytest.approx(1)
    assert re.search(r"\d+% █+ +time.sleep", repr(found))


def test_by_line_leaves_the_trace_function_as_it_was():
    import sys

    before = sys.gettrace()
    with pytest.raises(ZeroDivisionError):
        speed.by_line(lambda: None if 1 / 0 else 0)
    assert sys.gettrace() is before


def test_by_part_tells_the_parts_of_a_step_apart():
    parts = {"nap": lambda: time.sleep(0.03), "nod": lambda: time.sleep(0.01)}

    def step(parts):
        parts["nap"]()
        parts["nod"]()

    found = speed.by_part(step, parts, rounds=2)
    assert [bar.label for bar in found.bars] == ["nap", "nod", "everything else"]
    assert found.bars[0].share == pytest.approx(0.75, abs=0.1) and sum(b.share for b in found.bars) == pytest.approx(1)


def test_the_speed_card_says_it_all():
    card = speed.card(52, 1685, 4205, "Fast functions that are yours: none yet.")
    assert repr(card).splitlines() == [
        "52 images a second with loops, now 1700; the library 4200",
        "  with loops                           52",
        "  now         ██████████               1700, 32 times the first",
        "  the library ████████████████████████ 4200, 81 times the first",
        "  An epoch of 60 000 images takes 36 s with it; with loops it would be 19 minutes.",
        "  Fast functions that are yours: none yet.",
    ]
    page = card._repr_html_()
    assert "1700" in page and "19 minutes" in page and "<script" not in page and "<style" not in page


def test_names_in_a_card_are_escaped():
    page = speed.ladder({"<b>bold</b>": 1.0, "other": 2.0})._repr_html_()
    assert "<b>bold</b>" not in page and "&lt;b&gt;bold" in page


def test_a_rate_is_images_over_seconds():
    found = speed.rates({"nap": lambda: time.sleep(0.02)}, 10, rounds=3)
    assert 250 < found["nap"] <= 500


# ---------------------------------------------------------------- the lesson


@functools.cache
def cells():
    return build.assemble(LESSON).cells


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names that the lesson defines, with nothing solved and few images, and what it prints."""
    with quietly(tmp_path_factory) as patch:
        patch.setenv("COURSE_WORK", str(tmp_path_factory.mktemp("work")))
        patch.setenv("COURSE_QUICK", "1")
        return names_of(cells(), ("predict", "first_guesses"))


@pytest.mark.slow
def test_every_change_leaves_the_gradients_as_they_are(lesson):
    assert re.findall("the same gradients: (.+)", lesson["printed"]) == ["True", "True", "True", "True True"]


@pytest.mark.slow
def test_pooling_takes_most_of_a_step_on_loops_and_the_products_next_to_nothing(lesson):
    shares = {bar.label: bar.share for bar in lesson["where"].bars}
    assert max(shares, key=shares.get) == "max_pool2d" and shares["max_pool2d"] > 0.5
    assert exercises.predictions.get("08/where").answer == "c"
    assert shares["weight_product"] < 0.1


@pytest.mark.slow
def test_every_change_is_a_gain_and_all_of_them_together_a_large_one(lesson):
    assert lesson["rates"]["pool, backward"] > 10 * lesson["with_loops"]
    assert lesson["rates"]["float32"] > lesson["rates"]["pool"] > lesson["with_loops"]


@pytest.mark.slow
def test_the_copy_of_tensordot_costs_more_than_the_products(lesson):
    names = ("by_tensordot", "weight_product")
    calls = {name: lambda f=lesson[name]: f(lesson["upstream"], lesson["cols"]) for name in names}
    seconds = clock.fastest(calls, 60)
    assert seconds["by_tensordot"] > seconds["weight_product"]
    assert exercises.predictions.get("08/products").answer == "b"


@pytest.mark.slow
def test_the_products_are_a_third_of_the_fast_step_or_less(lesson):
    seconds = clock.fastest({"all": lesson["fast_step"], "products": lesson["products_alone"]}, 40)
    assert seconds["products"] < seconds["all"] / 2
    assert exercises.predictions.get("08/floor").answer == "a"


@pytest.mark.slow
def test_add_at_with_an_index_for_each_axis_is_slower_than_slices(lesson):
    calls = {
        "axes": lambda: lesson["add_at"](lesson["target_axes"], lesson["padded_shape"]),
        "slices": lambda: lesson["col2im_fast"](lesson["cols"], (14, 14), (3, 3), 1, 1),
    }
    seconds = clock.fastest(calls, 10)
    assert seconds["axes"] > 2 * seconds["slices"]


@pytest.mark.slow
def test_where_numba_is_missing_the_cell_says_so(lesson):
    if lesson["numba"] is None:
        assert "not installed here" in lesson["compared_with_compiled"]()


@pytest.mark.slow
def test_the_loop_to_be_compiled_is_right_as_it_stands(lesson):
    planes = lesson["planes"][:1, :2].reshape(-1, 28, 28)
    y, winner = np.empty((2, 14, 14), np.float32), np.empty((2, 14, 14), int)
    lesson["pool_in_loops"](planes, y, winner)
    for found, expected in zip((y, winner), lesson["by_slices"](planes[None]), strict=True):
        np.testing.assert_array_equal(found, expected[0])


def test_numbers_in_the_text_are_those_of_the_network():
    assert lesson_08.rounds() == (28 * 28, 9)
    states(text_of(LESSON), 14 * 14, about="of all images and channels at a time, and so it still has a loop")
    states(text_of(LESSON), 14 * 14 - 1, about="jumps over")


def test_the_lesson_is_one_sitting_and_what_only_draws_is_folded():
    assert len(cells()) <= 100
    drawing = [cell for cell in cells() if cell.cell_type == "code" and "figures.row(" in cell.source]
    assert drawing and all(cell.metadata.jupyter.source_hidden for cell in drawing)


def test_whatever_shows_a_time_is_not_compared():
    clocks = re.compile(r"speed\.(compare|by_part|by_line|ladder|card|rates|fastest)\(")
    for cell in cells():
        if cell.cell_type == "code" and clocks.search(cell.source):
            assert "nbval-ignore-output" in cell.metadata.get("tags", []), cell.source


def test_the_lesson_asks_every_question_that_was_written_for_it():
    asked = {name for cell in cells() for name in re.findall(r'predict\("(08/\w+)"', cell.source)}
    assert asked == {prediction.name for prediction in lesson_08.PREDICTIONS}
