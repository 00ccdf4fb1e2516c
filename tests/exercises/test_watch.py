"""A learner's own code, running: what is recorded adds up to what was returned, and nothing else is touched."""

import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from answers import RIGHT, WRONG

from course_lib import exercises, functional, init, layers, loops
from course_lib._support import tracing
from course_lib.exercises import checking, offering
from course_lib.exercises.engine import guard
from course_lib.exercises.engine.verdict import Verdict
from course_lib.exercises.recording import ROLES, example, recorded
from course_lib.frames.parting import clock
from course_lib.frames.story import Story
from course_lib.frames.traced import ONE_STEP_A_LINE, story
from course_lib.widgets import still
from course_lib.widgets.player import to_json

pytestmark = pytest.mark.slow

ARRAY_LABS = [name for name in exercises.names() if exercises.get(name).run is None and name not in ("chain_backward",)]


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


def told(name, f):
    """(trace, what was returned, story) of an answer on the lab's own example."""
    exercise = exercises.get(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace, returned = recorded(exercise, f, example(exercise, Verdict(name, "right")))
    return trace, returned, None if trace.refused else story(trace, name, returned, ROLES)


def steps_of(watched):
    return watched.steps[1:-1]


def numbers(value):
    return np.nan_to_num(np.asarray(value, dtype=float), posinf=0, neginf=0)


# ---------------------------------------------------------------- what is written adds up


@pytest.mark.parametrize("name", ARRAY_LABS)
@pytest.mark.parametrize("most", [1, pytest.param(None, marks=pytest.mark.course)], ids=["some", "all"])
def test_what_is_written_adds_up_to_what_is_returned(name, most):
    right, wrong = [f for lab, f in RIGHT if lab == name], [f for lab, _, f in WRONG if lab == name]
    for f in (exercises.get(name).answer, *right[:most], *wrong[:most]):
        trace, returned, watched = told(name, f)
        assert watched is not None, trace.refused
        if trace.raised is not None:
            assert type(trace.raised).__name__ in watched.steps[-1].sentence
            continue
        assert not trace.stopped
        for tensor, value in returned.items():
            if np.size(value):
                np.testing.assert_allclose(watched.sum()[tensor], numbers(value), rtol=1e-6, atol=1e-9, err_msg=str(f))


def test_loops_are_shown_step_by_step():
    several = [name for name in ARRAY_LABS if len(steps_of(told(name, exercises.get(name).answer)[2])) > 1]
    print(f"more than one step: {len(several)} of {len(ARRAY_LABS)} array labs")
    assert len(several) >= 35


@pytest.mark.course
def test_only_four_kinds_are_refused():
    refused = {(name, told(name, f)[0].refused) for name, f in (*RIGHT, *((lab, f) for lab, _, f in WRONG))}
    others = {(name, sentence) for name, sentence in refused if sentence and "generator" not in sentence}
    assert [one for one in others if "calls itself" not in one[1]] == []  # none starts threads
    assert {name for name, _ in others} == {"topological_order", "backpropagate"}  # they walk a graph


def test_the_values_shown_are_those_that_were_held():
    """Also in between: after every step, each array holds what the code had made of it."""
    held = []

    def conv1d(x, w, stride=1, padding=0):
        y = np.full(6, 7.0)
        for j in range(6):
            y[j] = x[j] * w[0]
            held.append(y.copy())
        return y

    watched = told("conv1d", conv1d)[2]
    places = [at for at, how in enumerate(watched.hows) if how.get("y") == "set"]
    for at, values in zip(places, held, strict=True):
        np.testing.assert_array_equal(watched.values_at(at)["y"].ravel(), values)


# ---------------------------------------------------------------- what a step says


def plain_conv1d(x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    y = np.zeros((len(xp) - len(w)) // stride + 1)
    for j in range(len(y)):
        start = j * stride
        for u in range(len(w)):
            y[j] += xp[start + u] * w[u]
    return y


def test_a_step_has_its_line_its_loop_variables_its_cells_and_its_amount():
    watched = told("conv1d", plain_conv1d)[2]
    step = next(step for step in watched.steps if step.beside.startswith("j = 1, u = 2"))
    assert step.beside == "j = 1, u = 2, start = 2"
    assert watched.source[watched.line_number(step)].endswith("y[j] += xp[start + u] * w[u]")
    assert "adds 15 to y[1]" in step.sentence
    (term,) = watched.terms(step)
    assert term == type(term)(("y", 1), (("xp", 4), ("w", 2)), 15.0)


def test_many_cells_that_one_is_made_of_each_send_their_product():
    def conv1d(x, w, stride=1, padding=0):
        y = np.zeros(3)
        for j in range(3):
            y[j] = np.sum(x[j : j + 3] * w)
        return y

    watched = told("conv1d", conv1d)[2]
    terms = list(watched.terms(watched.steps[2]))
    assert [(term.sources, term.amount) for term in terms] == [
        ((("x", n), ("w", n)), product) for n, product in enumerate((1.0, 4.0, 0.0))
    ]


def test_a_number_taken_from_a_cell_is_that_cell_as_long_as_it_is_not_changed():
    def conv1d(x, w, stride=1, padding=0):
        y = np.zeros(4)
        for j in range(2):
            g = x[j + 1]
            y[j] += g * w[0]
            g = g + 1
            y[j + 2] += g * w[0]
        return y

    watched = told("conv1d", conv1d)[2]
    sources = [term.sources for step in watched.steps[2:6] for term in watched.terms(step)]
    assert sources == [(("x", 1), ("w", 0)), (("w", 0),), (("x", 2), ("w", 0)), (("w", 0),)]


def window_of(xp, start, k):
    window = np.zeros(k)
    for u in range(k):
        window[u] = xp[start + u]
    return window


def with_a_helper(x, w, stride=1, padding=0):
    xp = np.pad(x, padding)
    y = np.zeros((len(xp) - len(w)) // stride + 1)
    for j in range(len(y)):
        y[j] = window_of(xp, j * stride, len(w)) @ w
    return y


def test_steps_inside_the_learners_helpers_are_shown():
    watched = told("conv1d", with_a_helper)[2]
    inside = [step for step in watched.steps if " of window_of " in step.sentence]
    assert len(inside) == 4 * 4  # a new window and three cells, four times
    assert "window[u] = xp[start + u]" in watched.source[watched.line_number(inside[1])]
    assert watched.results["y"][0] == "y"


def by_a_list(x, w, stride=1, padding=0):
    y = []
    for i in range(0, len(x) + 2 * padding - len(w) + 1, stride):
        total = 0.0
        for u in range(len(w)):
            if 0 <= i + u - padding < len(x):
                total += x[i + u - padding] * w[u]
        y.append(total)
    return y


def test_lists_and_running_sums_are_arrays_too():
    watched = told("conv1d", by_a_list)[2]
    assert {"y", "total"} <= {grid.name for grid in watched.grids.values()}
    assert any("adds 15 to total" in step.sentence for step in watched.steps)


def test_a_view_is_the_array_that_it_shows():
    def conv1d(x, w, stride=1, padding=0):
        y = np.zeros(3)
        for j in range(3):
            window = x[j : j + 3]
            y[j] = window[0] * w[0]
        return y

    watched = told("conv1d", conv1d)[2]
    assert {grid.name for grid in watched.grids.values()} == {"x", "w", "y"}
    assert next(iter(watched.terms(watched.steps[3]))).sources == (("x", 1), ("w", 0))


def test_what_a_call_changes_is_seen():
    def conv1d_input_gradient_scatter(dy, x, w, stride=1, padding=0):
        dx = np.zeros(len(x), dtype=np.float32)
        np.add.at(dx, [1, 1, 2], [4, 5, 6])
        return dx

    watched = told("conv1d_input_gradient_scatter", conv1d_input_gradient_scatter)[2]
    assert "changes dx[1] to 9 and dx[2] to 6" in watched.steps[2].sentence


def test_a_start_from_minus_infinity_counts_as_empty():
    def conv1d(x, w, stride=1, padding=0):
        y = np.full(2, -np.inf)
        for j in range(2):
            y[j] = max(y[j], x[j])
        return y

    np.testing.assert_array_equal(told("conv1d", conv1d)[2].sum()["y"], [1, 2])


def test_channels_are_planes_and_large_arrays_pictures():
    planes = told("input_gradient", loops.input_gradient)[2].grids
    assert {"dxp[0, 0]", "dxp[1, 1]", "dy[1, 0]"} <= planes.keys()

    def conv1d(x, w, stride=1, padding=0):
        large = np.zeros((30, 30))
        large[3, 4] = x[1]
        return x[:2]

    assert told("conv1d", conv1d)[2].grids["large"].picture


def test_vectorised_code_says_so():
    whole = told("linear_backward", lambda dy, x, w: (dy @ w, dy.T @ x, dy.sum(0)))[2]
    assert whole.steps[0].sentence.endswith(ONE_STEP_A_LINE)
    assert ONE_STEP_A_LINE not in told("conv1d", plain_conv1d)[2].steps[0].sentence


def test_an_iterator_in_a_subscript_is_not_used_up_by_looking():
    def conv1d(x, w, stride=1, padding=0):
        places = iter(range(6))
        y = np.zeros(4)
        for j in range(4):
            y[j] = x[next(places)]
        return y + sum(x[i] for i in places)

    returned = told("conv1d", conv1d)[1]
    np.testing.assert_array_equal(returned["y"], [4, 5, 3, 8])


# ---------------------------------------------------------------- where two part


def scatter_that_sets(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for j in range(len(dy)):
        dxp[j * stride : j * stride + len(w)] = dy[j] * w
    return dxp[padding : padding + len(x)]


def scatter_without_the_first(dy, x, w, stride=1, padding=0):
    dxp = np.zeros(len(x) + 2 * padding)
    for j in range(1, len(dy)):
        dxp[j * stride : j * stride + len(w)] += dy[j] * w
    return dxp[padding : padding + len(x)]


def forward_times_two(x, w, stride=1, padding=0):
    return 2 * plain_conv1d(x, w, stride, padding)


def forward_turned(x, w, stride=1, padding=0):
    return plain_conv1d(x, w[::-1], stride, padding)


def one_too_many(x, w, stride=1, padding=0):
    return np.append(plain_conv1d(x, w, stride, padding), 0)


def one_too_few(x, w, stride=1, padding=0):
    return plain_conv1d(x, w, stride, padding)[:-1]


@pytest.mark.parametrize(
    ("name", "f", "part"),
    [
        ("conv1d_input_gradient_scatter", scatter_that_sets, "which is lost"),
        ("conv1d_input_gradient_scatter", scatter_without_the_first, "in a right answer it is"),
        ("conv1d", forward_turned, "in a right answer it is"),
        ("conv1d", forward_times_two, "in a right answer it is"),
    ],
)
def test_a_wrong_answer_halts_where_it_parts_from_a_right_one(name, f, part):
    widget = exercises.watch(f, name)
    at, sentence = widget.story.parted
    assert part in sentence and widget.story.steps[at].sentence.endswith(sentence)
    ticks = [mine for mine, _ in widget.stories["clock"]]
    assert ticks[widget.stories["halt"]] == at and ticks[widget.stories["halt"] - 1] == at - 1


def test_they_part_at_the_first_step_that_cannot_be_mended():
    """Before it, every cell that is ready is right: nothing is decided yet."""
    widget = exercises.watch(scatter_that_sets, "conv1d_input_gradient_scatter")
    at, sentence = widget.story.parted
    name, cells = widget.story.results["dx"]
    right = widget.right.sum()["dx"].ravel()
    decided = []
    for step in range(len(widget.story.steps)):
        held = widget.story.array_at(name, step).ravel()[cells.ravel()]
        before = widget.story.array_at(name, step - 1).ravel()[cells.ravel()] if step else np.zeros(right.size)
        decided.append(bool(((held != before) & (before != 0) & (held != right)).any()))
    assert decided.index(True) == at
    assert "it held" in sentence


def test_an_amount_that_does_not_belong_is_named():
    def conv1d_input_gradient_scatter(dy, x, w, stride=1, padding=0):
        dxp = np.zeros(len(x) + 2 * padding)
        for j in range(len(dy)):
            for u in range(len(w)):
                dxp[j * stride + u] += dy[j] * (w[u] if j < 2 else 100)
        return dxp[padding : padding + len(x)]

    exercise = exercises.get("conv1d_input_gradient_scatter")
    case = example(exercise, Verdict(exercise.name, "right"))
    mine, right = (
        story(trace, "", returned, ROLES)
        for trace, returned in (recorded(exercise, f, case) for f in (conv1d_input_gradient_scatter, exercise.answer))
    )
    from course_lib.frames.parting import parted

    at, sentence = parted(mine, right).parted
    assert "receives 300; a right answer adds" in sentence and mine.steps[at].beside.startswith("j = 2, u = 0")


def test_a_wrong_shape_is_said_where_the_array_is_made():
    watched = exercises.watch(one_too_many, "conv1d").story
    at, sentence = watched.parted
    assert "has shape" in sentence and watched.hows[at]["y returned"] == "returned"
    assert "has no number in it" in exercises.watch(one_too_few, "conv1d").story.parted[1]


def test_right_answers_do_not_part():
    for name, f in RIGHT[:60]:
        if exercises.get(name).run is None and isinstance(f, type(plain_conv1d)):
            exercise = exercises.get(name)
            widget = exercises.watch(f, name)
            assert widget.story is None or (widget.story.parted is None and widget.right is None), exercise.name


def test_one_clock_visits_every_step_of_both_and_never_goes_back():
    widget = exercises.watch(scatter_that_sets, "conv1d_input_gradient_scatter")
    ticks = clock(widget.story, told("conv1d", plain_conv1d)[2])
    for steps in zip(*ticks, strict=True):
        assert set(np.diff(steps)) <= {0, 1} and steps[0] == 0
    assert ticks[-1] == (len(widget.story.steps) - 1, len(told("conv1d", plain_conv1d)[2].steps) - 1)
    mine, right = told("conv1d", plain_conv1d)[2], told("conv1d", loops.conv1d)[2]
    last_of_1 = next(at for at, step in enumerate(mine.steps) if "adds 15 to y[1]" in step.sentence)
    first_of_1 = next(at for at, step in enumerate(right.steps) if "sets y[1]" in step.sentence)
    assert (last_of_1, first_of_1) in clock(mine, right)
    same = clock(widget.story, widget.story)
    assert all(mine == right for mine, right in same)


# ---------------------------------------------------------------- refusals and limits


def calls_itself(x, w, stride=1, padding=0, at=0):
    return x if at == 3 else calls_itself(x, w, stride, padding, at + 1)


def products(x, w):
    for u in range(len(w)):
        yield x[u] * w[u]


def by_a_generator(x, w, stride=1, padding=0):
    return np.array(list(products(x, w)))


def by_a_thread(x, w, stride=1, padding=0):
    worker = threading.Thread(target=lambda: list(x))
    worker.start()
    worker.join()
    return x


@pytest.mark.parametrize(
    ("f", "word"), [(calls_itself, "calls itself"), (by_a_generator, "generator"), (by_a_thread, "threads")]
)
def test_what_cannot_be_shown_is_refused_in_a_sentence(f, word):
    widget = exercises.watch(f, "conv1d")
    assert widget.story is None and word in widget.sentence
    assert widget.stories == {"message": widget.sentence} and repr(widget) == widget.sentence
    assert sys.gettrace() is None and threading.gettrace() is None


def test_a_thread_that_had_begun_before_is_none_of_the_functions():
    """Thread.start returns before the new thread asks for its trace function: the guard's own thread is that late."""
    late = threading.Event()

    def begin_late():
        late.wait(10)
        sys.settrace(threading.gettrace())
        (lambda: None)()  # a call, which is told to the trace function

    def conv1d(x, w, stride=1, padding=0):
        late.set()
        thread.join(10)
        return x

    thread = threading.Thread(target=begin_late)
    thread.start()
    trace = told("conv1d", conv1d)[0]
    assert trace.refused == "" and trace.arrays


def test_a_tracer_that_is_at_work_is_left_alone():
    def mine(frame, event, arg):
        return None

    tracing.flush_interruptions()  # of tests that ran out of time
    sys.settrace(mine)
    try:
        trace = told("conv1d", plain_conv1d)[0]
        assert sys.gettrace() is mine
    finally:
        sys.settrace(None)
    assert trace.refused == tracing.IN_USE and not trace.lines


def test_a_tool_that_monitors_is_left_alone(monkeypatch):
    monkeypatch.setattr(
        sys, "monitoring", type("monitoring", (), {"get_tool": staticmethod(lambda n: None)}), raising=False
    )
    assert not tracing.is_in_use()
    monkeypatch.setattr(
        sys, "monitoring", type("monitoring", (), {"get_tool": staticmethod(lambda n: "x" * n or None)}), raising=False
    )
    assert tracing.is_in_use()


def endless(x, w, stride=1, padding=0):
    y = np.zeros(3)
    while True:
        y[0] += 1


def test_recording_stops_after_so_many_steps(monkeypatch):
    monkeypatch.setattr(tracing, "MOST_STEPS", 50)
    monkeypatch.setattr(guard, "SECONDS", 1)
    trace, _, watched = told("conv1d", endless)
    assert len(trace.lines) == 50 and watched.steps[-1].sentence == tracing.STOPPED_STEPS


def test_recording_stops_at_so_many_bytes(monkeypatch):
    monkeypatch.setattr(tracing, "MOST_BYTES", 20_000)
    monkeypatch.setattr(guard, "SECONDS", 1)
    trace, _, watched = told("conv1d", endless)
    assert 5 < len(trace.lines) < 100 and watched.steps[-1].sentence == tracing.STOPPED_BYTES


def test_the_time_limit_holds(monkeypatch):
    monkeypatch.setattr(guard, "SECONDS", 0.3)
    monkeypatch.setattr(tracing, "MOST_STEPS", 10**9)
    monkeypatch.setattr(tracing, "MOST_BYTES", 10**9)
    begin = time.perf_counter()
    trace = told("conv1d", endless)[0]
    assert time.perf_counter() - begin < 10 and trace.stopped and sys.gettrace() is None


def test_an_error_ends_the_story_with_its_line():
    def conv1d(x, w, stride=1, padding=0):
        y = np.zeros(2)
        y[0] = x[0]
        y[5] = x[1]
        return y

    last = exercises.watch(conv1d).story.steps[-1].sentence
    assert last.startswith("Line 4 ended it with IndexError")


def test_an_answer_that_cannot_be_called_is_told_so_in_place_of_an_empty_picture():
    def conv1d(x):
        return x

    player = exercises.watch(conv1d)
    assert player.story is None and player.stories == {"message": player.sentence}
    assert player.sentence.startswith("There is nothing to draw. It ended with TypeError: ")


def test_arguments_stay_as_they_are():
    def conv1d(x, w, stride=1, padding=0):
        x[:] = 0
        return x

    probe = exercises.get("conv1d").probe["x"].copy()
    watched = told("conv1d", conv1d)[2]
    np.testing.assert_array_equal(exercises.get("conv1d").probe["x"], probe)
    assert "(it held" in watched.steps[1].sentence or "8 cells of x" in watched.steps[1].sentence


def test_what_a_layer_keeps_is_not_told_as_returned_and_is_not_read_from_what_is():
    class Conv2d(layers.Conv2d):
        def backward(self, dy):
            dx, dw, db = functional.conv2d_backward(dy, self.x, self.weight.data)
            self.weight.grad = dw / 2
            self.bias.grad += db
            return dx

        def forward(self, x):
            self.x = x
            return functional.conv2d(x, self.weight.data, self.bias.data)

    story = exercises.watch(Conv2d).story
    last = story.steps[-2]
    assert last.sentence == "Line 5 was the last. What came of it: y."
    assert [story.results[name][0] for name in ("weight.grad", "bias.grad")] == ["self.weight.grad", "self.bias.grad"]
    assert last.formula == "" and "dx" not in {key.split("[")[0] for key in last.looks}


class _Kept(layers.Module):
    def __init__(self, in_features, out_features, *, rng=None):
        self.weight = layers.Parameter(init.he_normal((out_features, in_features), rng or np.random.default_rng()))
        self.bias = layers.Parameter(np.zeros(out_features))

    def forward(self, x):
        self.x = x
        return x @ self.weight.data.T + self.bias.data


class SetsTheWeight(_Kept):
    def backward(self, dy):
        self.weight.grad = dy.T @ self.x
        self.bias.grad += dy.sum(axis=0)
        return dy @ self.weight.data


class LeavesTheLastImageOut(_Kept):
    def backward(self, dy):
        self.weight.grad += dy.T @ self.x
        for n in range(len(dy) - 1):
            self.bias.grad += dy[n]
        return dy @ self.weight.data


@pytest.mark.parametrize(
    ("cls", "line", "sentence"),
    [
        (SetsTheWeight, "self.weight.grad = dy.T @ self.x", "is set to"),
        (LeavesTheLastImageOut, "", "self.bias.grad[0] has received nothing until now"),
    ],
)
def test_a_layer_halts_where_an_array_that_it_keeps_can_no_longer_become_right(cls, line, sentence):
    story = exercises.watch(cls, "Linear").story
    at, says = story.parted
    assert sentence in says
    assert not line or line in story.lines[story.line_number(story.steps[at])]
    assert at < len(story.steps) - 2 or not line


def test_what_methods_keep_adds_up_to_what_the_layer_has_in_the_end():
    story = exercises.watch(SetsTheWeight, "Linear").story
    held = exercises.get("Linear").judge(SetsTheWeight).smallest
    np.testing.assert_allclose(story.sum()["weight.grad"], held.yours)
    assert any("self.x" in step.sentence for step in story.steps)
    assert any(" finds self.weight.data" in step.sentence for step in story.steps)  # the lab gives it weights


def test_what_a_line_reads_of_an_array_that_self_keeps_is_seen():
    class Linear(_Kept):
        def backward(self, dy):
            for n in range(len(dy)):
                self.weight.grad[:] += np.outer(dy[n], self.x[n])
                self.bias.grad += dy[n]
            return dy @ self.weight.data

    story = exercises.watch(Linear, "Linear").story
    assert any("self.x[" in step.formula for step in story.steps)


# ---------------------------------------------------------------- the face


def test_watch_plays_a_story_of_frames_with_the_code_open():
    widget = exercises.watch(plain_conv1d, "conv1d")
    assert isinstance(widget.story, Story) and widget.right is None
    code = to_json(widget.story)["code"]
    assert not code["secret"] and code["lines"][0].split(maxsplit=1)[1].startswith("def plain_conv1d")
    assert still.png(*widget.stories_shown)


def test_the_right_code_beside_a_wrong_one_stays_closed():
    widget = exercises.watch(scatter_that_sets, "conv1d_input_gradient_scatter")
    assert not to_json(widget.story)["code"]["secret"] and to_json(widget.right)["code"]["secret"]


def test_a_wrong_answer_is_watched_on_the_smallest_example_that_fails():
    widget = exercises.watch(scatter_that_sets, "conv1d_input_gradient_scatter")
    smallest = exercises.get("conv1d_input_gradient_scatter").judge(scatter_that_sets).smallest
    np.testing.assert_array_equal(widget.story.grids["dy"].values.ravel(), smallest.arguments["dy"])


def test_the_name_alone_plays_what_the_notebook_or_the_session_has(monkeypatch):
    monkeypatch.setitem(globals(), "conv1d", plain_conv1d)
    assert "plain_conv1d" in exercises.watch("conv1d").story.source[0]
    monkeypatch.setitem(globals(), "conv1d", loops.conv1d)  # what check has put in its place
    monkeypatch.setitem(checking._last, "conv1d", forward_turned)
    assert "forward_turned" in exercises.watch("conv1d").story.source[0]


def test_without_an_answer_a_right_one_is_played_with_its_code_closed():
    played = exercises.watch("conv1d").story
    assert to_json(played)["code"]["secret"]
    assert played.source[0].startswith(" 1 def conv1d(")  # without the decorator that checks arguments
    assert "np.pad" in played.source[int(next(step.line for step in played.steps if step.line))]


def test_what_a_decorator_runs_is_not_shown():
    lines = exercises.watch("adam_step").story.source
    assert lines[0].startswith(" 1 def adam_step(") and not any("checks." in line for line in lines)


def test_code_of_a_cell_is_found(monkeypatch):
    import linecache

    text = "def conv1d(x, w, stride=1, padding=0):\n    y = x[:2] * 1\n    y[1] = w[2]\n    return y\n"
    linecache.cache["<cell 7>"] = len(text), None, text.splitlines(True), "<cell 7>"
    namespace = {}
    exec(compile(text, "<cell 7>", "exec"), namespace)
    watched = told("conv1d", namespace["conv1d"])[2]
    assert watched.source[2] == " 3     y[1] = w[2]" and "sets y[1] to 3" in watched.steps[2].sentence


def test_what_is_not_written_in_python_is_said():
    assert "not a function written in Python" in exercises.watch(np.dot, "conv1d").sentence


# ---------------------------------------------------------------- the button below a card


@pytest.fixture
def notebook(monkeypatch):
    """As in a notebook: what is displayed."""
    shown = []
    monkeypatch.setattr(offering, "get_ipython", lambda: type("Shell", (), {"kernel": object()})())
    monkeypatch.setattr(offering, "display", shown.append)
    return shown


@pytest.mark.parametrize("f", [plain_conv1d, forward_turned])
def test_a_card_has_a_button_that_plays_the_code_below_it(f, notebook, monkeypatch):
    monkeypatch.setattr(checking, "display", lambda card: None)
    monkeypatch.setattr(checking.keeping, "keep", lambda exercise, f: (True, "kept"))
    exercises.check(f, "conv1d")
    (offer,) = notebook
    assert repr(offer) == "watch(conv1d) plays your code"
    offer.button.click()
    (player,) = offer.children
    assert f.__name__ in player.story.source[0]


def test_there_is_no_button_for_what_was_not_attempted_or_outside_of_a_notebook(notebook, monkeypatch):
    monkeypatch.setattr(checking, "display", lambda card: None)
    exercises.check(lambda *case: None, "conv1d")
    assert not notebook
    monkeypatch.setattr(offering, "get_ipython", lambda: None)
    exercises.check(forward_turned, "conv1d")
    assert not notebook


def test_the_button_costs_nothing_until_it_is_pressed(notebook, monkeypatch):
    exercise = exercises.get("conv1d")
    verdict = exercise.judge(forward_turned)
    monkeypatch.setattr(offering, "watched", lambda *case: pytest.fail("nobody has pressed it"))
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        offering.offer_watch(exercise, forward_turned, verdict)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.005


def test_importing_the_labs_loads_no_widget():
    code = "import sys, course_lib.exercises; print('anywidget' in sys.modules, 'ipywidgets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.split() == ["False", "False"]


def test_numpy_is_untouched():
    before = {name: getattr(np, name) for name in ("zeros", "pad", "sum", "add")}
    told("conv1d", plain_conv1d)
    assert all(getattr(np, name) is value for name, value in before.items())
    assert functional.np is np
