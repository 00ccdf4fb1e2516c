"""What the judge does with functions that misbehave, beyond the known mistakes."""

import sys
import threading
import time

import numpy as np
import pytest

from course_lib import exercises, loops
from course_lib import functional as F
from course_lib.exercises.engine import guard, judge, repeating
from course_lib.exercises.engine.compare import close, different
from course_lib.exercises.lessons import lesson_12_fit, lesson_b_nodes, lesson_b_order
from course_lib.exercises.lessons.shared import layer, max_pooling, sentences
from course_lib.layers import Module, Parameter
from course_lib.tape import Node

EXERCISE = exercises.get("conv1d_weight_gradient")
right = loops.conv1d_weight_gradient


def judged(f, exercise=EXERCISE):
    return exercise.judge(f)


# ---------------------------------------------------------------- what comes back


def test_several_results_where_one_is_expected_are_counted():
    assert judged(lambda *case: (right(*case), 3)).mistakes == {
        "results": ["It returned a tuple of 2 results, but one array, dw, is expected."]
    }
    assert judged(lambda *case: (right(*case),)).mistakes == {
        "results": ["It returned a tuple of 1 result, but one array, dw, is expected."]
    }


def test_too_few_results_are_counted():
    exercise = exercises.get("conv2d_backward")
    assert judged(lambda *case: loops.conv2d_backward(*case)[:2], exercise).mistakes == {
        "results": ["It returned a tuple of 2 results, but 3 are expected: dx, dw, db."]
    }
    assert judged(lambda *case: loops.conv2d_backward(*case)[0], exercise).mistakes == {
        "results": ["It returned one array, but 3 results are expected: dx, dw, db."]
    }


def test_results_in_another_order_are_put_right_and_then_judged():
    def swapped(*case):
        dx, dw, db = loops.conv2d_backward(*case)
        return dw, dx, -db

    mistakes = judged(swapped, exercises.get("conv2d_backward")).mistakes
    assert mistakes.keys() == {"results", "db"}
    assert mistakes["results"] == [
        "The results are in the wrong order: yours are dw, dx, db, but dx, dw, db are expected."
    ]
    assert mistakes["db"] == ["Every value has the wrong sign."]


def test_one_result_of_three_still_missing_is_named():
    def unfinished(*case):
        dx, dw, db = loops.conv2d_backward(*case)
        return None, dw, db

    verdict = judged(unfinished, exercises.get("conv2d_backward"))
    assert verdict.status == "wrong"
    assert verdict.mistakes == {"dx": ["dx is None. Did you compute it, and return it?"]}


def test_a_return_that_is_missing_in_some_cases_is_named():
    def forgets_when_padded(dy, x, w, stride, padding):
        if padding == 0:
            return right(dy, x, w, stride, padding)

    verdict = judged(forgets_when_padded)
    assert verdict.status == "wrong"
    assert verdict.mistakes == {"dw": ["dw is None. Did you compute it, and return it?"]}


def test_an_exception_of_another_kind_is_not_taken_for_a_known_mistake():
    """It comes wherever there is padding, as some mistakes would; but it is not about shapes."""

    def misspelt(dy, x, w, stride, padding):
        if padding:
            raise NameError("name 'paddding' is not defined")
        return loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding)

    verdict = judged(misspelt, exercises.get("conv1d_input_gradient_scatter"))
    assert verdict.status == "error"
    assert verdict.mistakes == {"dx": [sentences.RIGHT_WITHOUT_PADDING]}


@pytest.mark.parametrize("nothing", [lambda *case: None, lambda *case: (None, None, None)])
def test_nothing_at_all_is_not_attempted(nothing):
    assert judged(nothing, exercises.get("conv2d_backward")).status == "not attempted"


def test_nothing_is_warned_of_that_the_right_answer_does_with_changed_arguments(recwarn):
    def without_the_square(w, dw, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw
        return w - lr * m / (np.sqrt(np.abs(v)) + eps), m, v

    assert exercises.get("adam_step").judge(without_the_square).status == "wrong"
    assert not [str(one.message) for one in recwarn]


def test_a_forgotten_return_is_no_empty_answer():
    def forgets(dy, x, w, stride=1, padding=0):
        dw = right(dy, x, w, stride, padding)  # noqa: F841

    def empty(dy, x, w, stride=1, padding=0):
        """Not yet."""
        pass

    verdict = judged(forgets)
    assert (verdict.status, verdict.mistakes) == ("wrong", {"results": [judge.NO_RETURN]})
    assert verdict.explained == verdict.mistakes
    assert judged(empty).status == "not attempted" and not judged(empty).mistakes


def test_not_implemented_is_not_attempted():
    def unwritten(*case):
        raise NotImplementedError

    assert judged(unwritten).status == "not attempted"


@pytest.mark.parametrize(
    ("dtype", "word"), [(complex, "complex128"), (object, "object"), ("U8", "<U8"), (np.float16, "float16")]
)
def test_a_dtype_that_will_not_do_is_named(dtype, word):
    verdict = judged(lambda *case: right(*case).astype(dtype))
    assert verdict.status == "wrong"
    assert word in verdict.mistakes["dw"][0]


def test_integer_results_are_recognised_whatever_their_dtype():
    for answer in (lambda *case: right(*case).astype(int), lambda *case: np.trunc(right(*case))):
        assert "whole number" in judged(answer).mistakes["dw"][0]


def test_adding_into_an_integer_array_is_recognised_by_its_exception():
    def truncated(dy, x, w, stride, padding):
        dw = np.zeros(len(w), dtype=int)
        dw += dy[0] * x[: len(w)]
        return dw

    verdict = judged(truncated)
    assert verdict.status == "error"
    assert "integer array" in verdict.mistakes["dw"][0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_named(value):
    assert "NaN or infinity" in judged(lambda *case: right(*case) + value).mistakes["dw"][0]


def test_an_enormous_result_is_not_looked_at():
    verdict = judged(lambda *case: np.broadcast_to(0.0, (10**5, 10**6)))
    assert verdict.mistakes == {"results": ["dw has shape (100000, 1000000), but (3,) is expected."]}


@pytest.mark.parametrize(
    "answer",
    [
        lambda *case: np.broadcast_to(right(*case), (2, len(case[2])))[1],
        lambda *case: np.repeat(right(*case), 2)[::2],
        lambda *case: right(*case)[::-1].copy()[::-1],
        lambda *case: np.ma.array(right(*case)),
        lambda *case: right(*case).astype(">f8"),
    ],
    ids=["broadcast", "strided", "reversed", "masked", "byte-swapped"],
)
def test_an_unusual_kind_of_array_passes(answer):
    assert judged(answer).status == "right"


# ---------------------------------------------------------------- what it does besides


def test_arguments_that_are_changed_are_named_each():
    def careless(dy, x, w, stride, padding):
        dw = right(dy, x, w, stride, padding)
        w -= dw
        x[0] = 7
        return dw

    verdict = judged(careless)
    assert verdict.status == "wrong"
    assert verdict.mistakes.keys() == {"x", "w"}
    assert all("not the same after the call" in told for (told,) in verdict.mistakes.values())


def test_sums_that_go_on_from_call_to_call_are_recognised():
    kept = {}

    def growing(dy, x, w, stride, padding):
        kept[w.size] = kept.get(w.size, 0) + right(dy, x, w, stride, padding)
        return kept[w.size]

    for _ in range(2):  # the second time it is wrong from its first call on
        assert "more than the first" in judged(growing).mistakes["dw"][0]


def test_an_answer_that_changes_from_call_to_call_is_recognised(rng):
    verdict = judged(lambda dy, x, w, stride, padding: right(dy, x, w, stride, padding) + rng.random(len(w)))
    assert "different result" in verdict.mistakes["dw"][0]


def test_memory_that_was_never_set_is_not_called_something_kept():
    def never_set(dy, x, w, stride, padding):
        return np.empty(len(w)) + right(dy, x, w, stride, padding)

    (says,) = judged(never_set).mistakes["dw"]
    assert says == repeating.UNSET


@pytest.mark.parametrize("draw", [lambda n: np.random.rand(n), lambda n: np.random.default_rng().random(n)])
def test_random_numbers_are_not_called_something_kept(draw):
    (says,) = judged(lambda dy, x, w, s, p: right(dy, x, w, s, p) + draw(len(w))).mistakes["dw"]
    assert says == repeating.RANDOM


def test_what_is_kept_from_call_to_call_is_called_so():
    calls = []

    def counting(dy, x, w, stride, padding):
        calls.append(0)
        return right(dy, x, w, stride, padding) * len(calls) ** 2

    (says,) = judged(counting).mistakes["dw"]
    assert says == repeating.KEPT


def test_a_layer_whose_forward_keeps_nothing_is_told_of_its_memory():
    class Forgetful(layer.Conv2d):
        def forward(self, x):
            return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)

        def backward(self, dy):
            return F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)[0]

    verdict = judged(Forgetful, exercises.get("Conv2d"))
    assert verdict.mistakes == {"dx": [layer.NOT_KEPT]} and verdict.status == "error"


def test_the_maximum_of_the_whole_batch_is_told_from_none_at_all():
    def softmax_gradient(logits, targets, maximum):
        e = np.exp(logits - maximum(logits))
        return (e / e.sum(axis=1, keepdims=True) - np.eye(logits.shape[1])[targets]) / len(logits)

    exercise = exercises.get("cross_entropy_gradient")
    with np.errstate(all="ignore"):
        whole = judged(lambda z, t: softmax_gradient(z, t, np.max), exercise).remarks
        none = judged(lambda z, t: softmax_gradient(z, t, lambda z: 0), exercise).remarks
    assert any("whole batch" in remark for remark in whole) and not any("overflows" in remark for remark in whole)
    assert any("overflows" in remark for remark in none) and not any("whole batch" in remark for remark in none)


def test_handing_out_the_same_array_again_passes_with_a_remark():
    buffers = {}

    def reused(dy, x, w, stride, padding):
        buffer = buffers.setdefault(w.size, np.zeros(w.size))
        buffer[:] = right(dy, x, w, stride, padding)
        return buffer

    verdict = judged(reused)
    assert verdict.status == "right"
    assert "same array in every call" in verdict.remarks[0]


def test_a_view_of_an_argument_is_no_reason_for_a_remark():
    exercise = exercises.get("flatten_backward")
    assert judged(lambda dy, input_shape: dy.reshape(input_shape), exercise).remarks == []


@pytest.mark.slow
def test_what_is_printed_is_kept_short_and_does_not_reach_the_screen(capsys):
    def chatty(*case):
        for number in range(5000):
            print("line", number)
            print("error", number, file=sys.stderr)
        return right(*case)

    def shouting(*case):
        print("a" * 10**6)
        return right(*case)

    for answer, start in ((chatty, "line 0"), (shouting, "aaaa")):
        verdict = judged(answer)
        assert verdict.status == "right"
        assert verdict.printed.startswith(start)
        assert "more characters" in verdict.printed and len(verdict.printed) < 1000
    assert capsys.readouterr() == ("", "")


def test_what_numpy_warns_of_is_told():
    verdict = judged(lambda *case: right(*case) + 0 * np.log(np.zeros(1)))
    assert any("divide by zero" in remark for remark in verdict.remarks)


# ---------------------------------------------------------------- what it raises


def failing(dy, x, w, stride=1, padding=0):
    dw = np.zeros(len(w))
    place = len(x) + 5
    dw[0] = x[place]
    return dw


def test_an_exception_shows_the_learners_line_and_values():
    raised = judged(failing).raised
    assert (raised.kind, raised.line) == ("IndexError", "dw[0] = x[place]")
    assert raised.place == "line 4 of failing"
    assert raised.values == {"dw": "array [0.0, 0.0, 0.0]", "x": "array (10,)", "place": "15"}
    assert raised.call == "dy (5,), x (10,), w (3,), stride=2, padding=1"
    assert "out of bounds" in raised.message


def test_a_number_out_of_an_array_is_shown_as_a_number():
    def fails(*case):
        half = np.float64(0.5)
        return half + "half"

    assert judged(fails).raised.values == {"half": "0.5"}


def test_an_exception_from_inside_a_library_shows_the_line_that_called_it():
    def misuse(dy, x, w, stride=1, padding=0):
        return np.linalg.inv(np.zeros((2, 2)))

    assert judged(misuse).raised.line == "return np.linalg.inv(np.zeros((2, 2)))"


def test_a_value_that_cannot_be_shown_does_no_harm():
    class Shy:
        def __repr__(self):
            raise RuntimeError("not me")

    def raises(*case):
        shy = Shy()
        raise ValueError(shy)

    raised = judged(raises).raised
    assert "cannot be shown" in raised.values["shy"]
    assert "cannot be shown" in raised.message


def exits(*case):
    sys.exit(3)


def recurses(*case):
    return recurses(*case)


def asks_for_too_much(*case):
    return np.ones((10**6, 10**6))


def interrupts(*case):
    raise KeyboardInterrupt


def takes_nothing():
    return 1


@pytest.mark.parametrize(
    ("f", "kind"),
    [
        (exits, "SystemExit"),
        (recurses, "RecursionError"),
        (asks_for_too_much, "MemoryError"),
        (takes_nothing, "TypeError"),
        (interrupts, "Interrupted"),
    ],
)
def test_whatever_it_raises_becomes_a_verdict(f, kind):
    verdict = judged(f)
    assert verdict.status == "error"
    assert verdict.raised.kind.endswith(kind)


@pytest.mark.slow
def test_memory_taken_bit_by_bit_ends_in_a_memory_error(monkeypatch):
    if sys.platform != "linux":
        pytest.skip("the limit is known on Linux only")
    monkeypatch.setattr(guard, "MEMORY", 2**26)

    def hoards(*case):
        kept = []
        while len(kept) < 100:  # 800 MB
            kept.append(np.ones(10**6))

    assert judged(hoards).raised.kind.endswith("MemoryError")
    assert np.zeros(2**25).shape  # 256 MB: the limit is gone again


def never_ends(*case):
    while True:
        pass


def will_not_be_stopped(*case):
    while True:
        try:
            never_ends()
        except Exception:
            pass


@pytest.mark.parametrize("f", [never_ends, will_not_be_stopped])
def test_an_endless_loop_is_stopped_and_its_line_shown(monkeypatch, f):
    monkeypatch.setattr(guard, "SECONDS", 0.3)
    start = time.monotonic()
    verdict = judged(f)
    assert time.monotonic() - start < 3
    assert verdict.raised.kind == "Out of time"
    assert verdict.raised.line in ("while True:", "pass")


def test_an_endless_loop_is_stopped_in_other_threads_too(monkeypatch):
    monkeypatch.setattr(guard, "SECONDS", 0.3)
    found = []
    thread = threading.Thread(target=lambda: found.append(judged(never_ends)))
    thread.start()
    thread.join(10)
    assert found and found[0].raised.kind == "Out of time"


@pytest.mark.slow
def test_nothing_is_raised_once_a_function_has_ended(monkeypatch):
    """The watchdog barks close to the end, again and again: what it raises must stay inside."""
    monkeypatch.setattr(guard, "SECONDS", 0.02)
    for wait in np.linspace(0.001, 0.006, 40):
        answer = lambda *case, wait=wait: (time.sleep(wait), right(*case))[1]
        verdict = EXERCISE.judge(answer, explain=False)
        assert verdict.status in ("right", "error")
    time.sleep(0.05)
    assert threading.active_count() < 20


@pytest.mark.parametrize(("thing", "kind"), [(5, "an int"), (None, "a NoneType"), ("conv1d", "a str")])
def test_what_is_not_a_function_is_named(thing, kind):
    verdict = judged(thing)
    assert verdict.status == "error"
    assert verdict.remarks == [f"This is not a function but {kind}: run the cell that defines yours."]


# ---------------------------------------------------------------- right in another way, or nearly


def test_another_winner_among_ties_passes_with_a_remark():
    def last_wins(x, kernel_size, stride=None, padding=0):
        y, _ = loops.max_pool2d(x, kernel_size, stride, padding)
        turned, places = loops.max_pool2d(x[:, :, ::-1, ::-1], kernel_size, stride, padding)
        return y, places

    def last(x, kernel_size, stride=None, padding=0):
        y, indices = loops.max_pool2d(x, kernel_size, stride, padding)
        step, W = stride or kernel_size, x.shape[3]
        for n, c, i, j in np.ndindex(y.shape):
            for r in range(i * step - padding, i * step - padding + kernel_size):
                for q in range(j * step - padding, j * step - padding + kernel_size):
                    if 0 <= r < x.shape[2] and 0 <= q < W and x[n, c, r, q] == y[n, c, i, j]:
                        indices[n, c, i, j] = r * W + q
        return y, indices

    verdict = judged(last, exercises.get("max_pool2d"))
    assert verdict.status == "right"
    assert verdict.remarks[0] == max_pooling.OTHER_WINNER
    assert judged(last_wins, exercises.get("max_pool2d")).status == "wrong"


def test_a_pool_whose_index_is_no_maximum_is_wrong():
    def beside(x, kernel_size, stride=None, padding=0):
        y, indices = loops.max_pool2d(x, kernel_size, stride, padding)
        indices[0, 0, 0, 0] += 1
        return y, indices

    verdict = judged(beside, exercises.get("max_pool2d"))
    assert verdict.status == "wrong"
    assert [finding.tensor for finding in verdict.findings] == ["indices"]


def test_an_unknown_mistake_is_measured_and_drawn():
    def odd(*case):
        dx, dw, db = loops.conv2d_backward(*case)
        return dx * (1.5 + np.sin(np.arange(dx.size)).reshape(dx.shape)), dw, db

    verdict = judged(odd, exercises.get("conv2d_backward"))
    assert (verdict.status, verdict.mistakes) == ("wrong", {})
    (finding,) = verdict.findings
    facts = dict(finding.facts)
    assert finding.tensor == "dx"
    assert "scaling x up changes the loss" in facts["as a whole"]
    assert np.count_nonzero(finding.picture.expected) == 9  # one kernel, stamped by the only 1 in dy
    assert verdict.remarks == ["Right already: `dw`, `db`."]


def odd_results(exercise):
    """Functions that give back all sorts of things where arrays are expected."""

    def changed(change):
        def answer(*case):
            right = exercise.answer(*case)
            return tuple(map(change, right)) if len(exercise.tensors) > 1 else change(right)

        return answer

    yield from map(
        changed,
        (
            lambda part: np.asarray(part) * 1.7 + 0.1,
            lambda part: np.asarray(part)[..., None],
            lambda part: np.asarray(part).ravel()[:0],
            lambda part: float(np.sum(part)),
            lambda part: np.asarray(part) + np.nan,
            lambda part: np.asarray(part).tolist(),
            lambda part: str(part),
            lambda part: {"grad": part},
            lambda part: np.asarray(part).astype(bool),
            lambda part: np.asarray(part).astype(np.int8),
            lambda part: [part, part],
            lambda part: print,
        ),
    )
    yield lambda *case: case
    yield lambda *case: case[0]
    yield lambda *case: {}


@pytest.mark.sampled(4, rest="course")
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in exercises.names() if not exercises.get(name).run])
def test_whatever_comes_back_there_is_a_verdict_and_a_card(name):
    exercise = exercises.get(name)
    for answer in odd_results(exercise):
        verdict = judged(answer, exercise)
        assert verdict.status in ("right", "wrong", "error", "not attempted")
        assert len(verdict._repr_html_()) < 60_000 and repr(verdict)


def test_values_in_wrong_places_are_told_from_values_that_are_off():
    def moved(dy, x, w, stride, padding):
        dw = right(dy, x, w, stride, padding)
        first, second = np.argsort(w)[:2]  # change two entries so that sum(dw * w) stays
        dw[first] += 1 / w[first]
        dw[second] -= 1 / w[second]
        return dw

    (finding,) = judged(moved).findings
    assert "wrong places" in dict(finding.facts)["as a whole"]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda dx: dx[..., -1], "all of them in column 6 (the last)"),
        (lambda dx: dx[:, 1], "all of them in channel 1 (the last)"),
        (lambda dx: dx[0, :, 1:3], "all of them in image 0"),
        (lambda dx: dx[:, :, 2:-1, 1:-1], "all of them in rows 2 to 4"),
        (lambda dx: dx[:, :, 1:-1, 1:-1], "all of them in the interior"),
        (lambda dx: dx[:, :, :: dx.shape[2] - 1], "all of them at the border"),
        (lambda dx: dx[:, :, ::2], ""),
    ],
)
def test_where_the_errors_sit_is_said(spoil, place):
    def wrong(*case):
        dx = loops.input_gradient(*case)
        spoil(dx)[...] += 1
        return dx

    (finding,) = judged(wrong, exercises.get("input_gradient")).findings
    assert dict(finding.facts)["where"].partition(" entries")[2] == (place and f", {place}")


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda dx: dx[:: len(dx) - 1], "all of them at the border"),
        (lambda dx: dx[1:-1], "all of them in the interior"),
        (lambda dx: dx[1:3], "all of them in positions 1 to 2"),
    ],
)
def test_where_the_errors_sit_is_said_in_one_dimension_too(spoil, place):
    def wrong(*case):
        dx = loops.conv1d_input_gradient_gather(*case)
        spoil(dx)[...] += 1
        return dx

    (finding,) = judged(wrong, exercises.get("conv1d_input_gradient_gather")).findings
    assert place in dict(finding.facts)["where"]


def test_errors_where_windows_overlap_are_said_to_sit_there():
    exercise = exercises.get("conv1d_input_gradient_scatter")

    def wrong(dy, x, w, stride, padding):
        dx = loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding)
        dx[exercise.windows["dx"](dy, x, w, stride, padding) > 1] *= 1.3
        return dx

    (finding,) = judged(wrong, exercise).findings
    assert "where windows overlap" in dict(finding.facts)["where"]


@pytest.mark.slow
def test_judging_a_right_answer_in_plain_loops_takes_less_than_a_second():
    for name in exercises.names():
        exercise = exercises.get(name)
        _ = exercise.references
        start = time.process_time()
        exercise.judge(exercise.answer)
        assert time.process_time() - start < 1, name


# ---------------------------------------------------------------- how it may be called


def test_arguments_may_have_other_names_or_come_by_keyword_only():
    exercise = exercises.get("conv1d")
    assert exercise.judge(lambda a, b, c=1, d=0: loops.conv1d(a, b, c, d)).status == "right"
    assert exercise.judge(lambda x, w, *, stride, padding: loops.conv1d(x, w, stride, padding)).status == "right"
    assert exercise.judge(lambda **named: loops.conv1d(**named)).status == "right"


def test_a_loop_over_batches_that_never_ends_is_stopped_before_it_fills_the_memory():
    def start_never_moves(step, x, y, epochs, batch_size, rng):
        order, start = rng.permutation(len(x)), 0
        while start < len(x):
            step(x[order[start : start + batch_size]], y[order[start : start + batch_size]])

    assert judged(start_never_moves, exercises.get("fit")).mistakes == {"results": [lesson_12_fit.NO_END]}


def test_a_list_that_is_a_default_argument_is_told_as_one():
    def order(root, found=[]):  # noqa: B006
        for parent in root.parents:
            if parent not in found:
                order(parent, found)
        found.append(root)
        return found

    told = judged(order, exercises.get("topological_order")).mistakes
    assert told == {"results": [lesson_b_order.OF_ANOTHER_CALL]}


@pytest.mark.parametrize(
    ("local", "parents", "says"),
    [
        (
            lambda backward, values: backward(values[0], *values),
            tuple,
            lesson_b_nodes.NO_FUNCTION.format(a_type="tuple"),
        ),
        (
            lambda backward, values: lambda dy: list(backward(dy, *values)),
            lambda parents: [one.value for one in parents],
            lesson_b_nodes.NO_PARENT_NODES.format(a_type="ndarray"),
        ),
    ],
)
def test_what_a_node_should_hold_and_does_not_is_named(local, parents, says):
    def record(forward, backward, *nodes):
        values = [one.value for one in nodes]
        node = Node(forward(*values))
        if Node.recording:
            node.parents, node.local = parents(nodes), local(backward, values)
        return node

    assert judged(record, exercises.get("record")).mistakes == {"results": [says]}


def test_an_array_that_should_remember_parents_is_told_to_be_no_node():
    def record(forward, backward, *nodes):
        values = [one.value for one in nodes]
        result = forward(*values)
        if Node.recording:
            result.parents, result.local = nodes, lambda dy: list(backward(dy, *values))
        return result

    assert judged(record, exercises.get("record")).mistakes["value"] == [lesson_b_nodes.ARRAY_NO_NODE]


def test_no_number_is_close_to_infinity_and_an_infinity_does_not_make_the_others_close():
    endless = np.array([np.inf, 1.0])
    assert not close(np.array([5.0, 1.0]), endless, 1e-5)
    assert different(np.array([5.0, 2.0]), endless, 1e-5).tolist() == [True, True]
    assert different(np.array([5.0, 1.0]), endless, 1e-5).tolist() == [True, False]


def test_a_parameter_in_a_product_is_told_where_its_numbers_are():
    class Swish(Module):
        def __init__(self, channels):
            self.beta = Parameter(np.ones((channels, 1, 1)))

        def forward(self, x):
            return x / (1 + np.exp(-x * self.beta))

        def backward(self, dy):
            return dy

    (told,) = judged(Swish, exercises.get("Swish")).mistakes["y"]
    assert told.startswith("beta is a Parameter")


def test_sizes_along_the_columns_are_told_as_such():
    told = judged(lambda gradients, sizes: (gradients * sizes).sum(axis=0) / sizes.sum(), exercises.get("add_shards"))
    assert told.mistakes["total"][0].startswith("`sizes` has one number for each *row*")
