"""Questions come back after 1, 3, 10 and 30 days: by a clock that the tests turn."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from course_lib import exercises, progress
from course_lib.exercises import predictions, recall, recalling
from course_lib.widgets.prediction import Question

DAY = timedelta(days=1)
START = datetime(2030, 1, 1, 12, tzinfo=UTC)
REDRAWN = [name for name in predictions.names() if predictions.get(name).again]


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "p.json"))


def answered(name, right=True, at=START, first="b"):
    """Note the first answer to a question at that time."""
    progress.record_prediction(name, first, right)
    entries = json.loads(progress.path().read_text(encoding="utf-8"))
    entries[name] |= {"answered": at.isoformat(), "since": at.isoformat()}
    progress.path().write_text(json.dumps(entries), encoding="utf-8")


def shown(monkeypatch, now):
    """What recall displays: a list of cards and widgets."""
    found = []
    monkeypatch.setattr(recalling, "display", found.append)
    recall(now)
    return found


def asked(monkeypatch, now):
    """The widgets that recall displays."""
    return [one for one in shown(monkeypatch, now) if isinstance(one, Question)]


def answer(widget, given):
    widget.given = {"number": widget.given["number"] + 1, "answer": given}
    return widget.reply


def test_a_question_comes_back_after_1_3_10_and_30_days_and_then_no_more(monkeypatch):
    answered("03/sums")
    now = START
    for days in (1, 3, 10, 30):
        assert recalling.due(now + days * DAY - timedelta(seconds=1)) == []
        now += days * DAY
        assert recalling.due(now) == ["03/sums"]
        (widget,) = asked(monkeypatch, now)
        assert answer(widget, "b")["status"] == "right"
    assert recalling.due(now + 10_000 * DAY) == []
    assert "nothing left to ask" in repr(shown(monkeypatch, now + 10_000 * DAY)[0])


def test_a_wrong_answer_begins_anew_and_only_the_first_one_counts(monkeypatch):
    answered("03/sums")
    (widget,) = asked(monkeypatch, START + DAY)
    assert answer(widget, "b")["status"] == "right"
    (widget,) = asked(monkeypatch, START + 5 * DAY)
    assert answer(widget, "a")["status"] == "wrong"
    assert answer(widget, "b")["status"] == "right"
    noted = progress.prediction("03/sums")
    assert (noted["slot"], noted["again"], noted["first"], noted["right"]) == (0, False, "b", True)
    assert recalling.due(START + 6 * DAY) == ["03/sums"]


def test_those_answered_wrongly_come_first_then_the_longest_waiting(monkeypatch):
    answered("00/smaller_eps", at=START)
    answered("03/sums", at=START - DAY)
    answered("03/red", right=False, at=START + DAY)
    answered("03/mean", at=START)
    answered("03/cost", at=START - 3 * DAY)
    progress.record_return("03/mean", False, START)
    assert recalling.due(START + 5 * DAY) == ["03/mean", "03/red", "03/cost", "03/sums", "00/smaller_eps"]


def test_five_at_a_time(monkeypatch):
    names = [name for name in predictions.names() if predictions.get(name).comes_back][:7]
    for name in names:
        answered(name, first=0)
    found = shown(monkeypatch, START + 2 * DAY)
    assert [type(one).__name__ for one in found] == ["Returns", *["Returning", "Question"] * 5]
    assert repr(found[0]).startswith("5 of the 7 questions that have come back, about 3 minutes.")
    assert repr(found[1]).startswith("1 of 5 · lesson 00: ")


def test_a_skip_notes_nothing_and_tells_the_answer(monkeypatch):
    answered("03/sums")
    before = progress.entries()
    (widget,) = asked(monkeypatch, START + DAY)
    reply = answer(widget, None)
    assert reply["status"] == "skipped" and "images, rows and columns" in "".join(text for _, text in reply["says"])
    assert answer(widget, "z")["status"] == "neutral"
    assert progress.entries() == before and recalling.due(START + DAY) == ["03/sums"]


def test_running_the_cell_answers_nothing_and_nothing_nags(monkeypatch):
    assert "after a day" in repr(shown(monkeypatch, START)[0])
    answered("03/sums")
    before = progress.entries()
    assert "returns in 24 hours" in repr(shown(monkeypatch, START)[0])
    shown(monkeypatch, START + 100 * DAY)
    assert progress.entries() == before
    assert "come back" not in repr(exercises.board()) and "days" not in repr(exercises.board())


def test_the_clock_may_be_in_any_zone_and_without_one_it_is_utc():
    answered("03/sums")
    at = START + DAY
    assert recalling.due(at.replace(tzinfo=None)) == ["03/sums"]
    assert recalling.due(at.astimezone(timezone(timedelta(hours=-9)))) == ["03/sums"]
    assert recalling.due(at.astimezone(timezone(timedelta(hours=9))) - timedelta(hours=1)) == []
    with pytest.raises(TypeError, match="now must be a datetime, but is 3"):
        recall(3)


def test_a_progress_file_written_by_hand_stops_nothing():
    answered("03/sums")
    for since, slot in (("yesterday", 0), ("", 0), (START.isoformat(), -7), ("2030-01-01", 0)):
        entries = json.loads(progress.path().read_text(encoding="utf-8"))
        entries["03/sums"] |= {"since": since, "slot": slot}
        progress.path().write_text(json.dumps(entries), encoding="utf-8")
        assert recalling.due(START + 50 * DAY) == ([] if since == "yesterday" else ["03/sums"])


def test_what_cannot_be_understood_elsewhere_does_not_come_back(monkeypatch):
    answered("02/digit")
    answered("11/clinic_03")
    assert recalling.due(START + 50 * DAY) == []


# ---------------------------------------------------------------- with other numbers


def test_every_question_with_a_number_is_redrawn_and_comes_back():
    numeric = {name for name in predictions.names() if not predictions.get(name).choices}
    assert numeric <= set(REDRAWN) and len(numeric) >= 65
    assert all(predictions.get(name).comes_back for name in REDRAWN)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", REDRAWN)
def test_a_redrawn_question_has_other_numbers_and_no_wrong_answer_that_is_right(name):
    question = predictions.get(name)
    texts, answers = set(), set()
    for seed in range(60):
        drawn = question.redrawn(np.random.default_rng(seed))
        right = drawn.right_answer
        assert drawn.feedback(right) == (True, drawn.why) and np.isfinite(right if not drawn.choices else 0).all()
        for wrong, says in drawn.wrong_answers:
            told = drawn.feedback(wrong.tolist() if isinstance(wrong, np.ndarray) else wrong)
            assert told[0] is True or told[1] in {text for _, text in drawn.wrong_answers}, (seed, wrong, says)
            assert np.shape(wrong) == drawn.shape, "another shape than what is typed"
        assert len({says for says, _ in drawn.choices.values()}) == len(question.choices), (
            "two choices that say the same"
        )
        assert not re.search(r"nan|inf\b|array\(|np\.(?!zeros)|\d{5}|- -|\+ -", drawn.text + drawn.why), (
            drawn.text + drawn.why
        )
        for terms, total in re.findall(
            r"(?<![\d·])(?<!· )((?:\(-\d+\)|\d+)(?: \+ (?:\(-\d+\)|\d+))+) = (-?\d+)", drawn.why
        ):
            assert sum(int(term.strip("()")) for term in terms.split(" + ")) == int(total), drawn.why
        texts.add(drawn.text)
        answers.add(str(drawn.choices[right] if drawn.choices else right))
    assert len(texts) >= 5 and len(answers) >= 2, "the same numbers again"


def test_the_numbers_stay_until_the_question_is_answered(monkeypatch):
    answered("01/forward", first=[5, 11, 18])
    texts = []
    for now in (START + DAY, START + 2 * DAY):
        _, text, widget = shown(monkeypatch, now)
        texts.append(text.text)
    assert texts[0] == texts[1] != predictions.get("01/forward").text
    numbers = recalling._generator("01/forward", progress.prediction("01/forward"))
    right = predictions.get("01/forward").redrawn(numbers).right_answer
    assert answer(widget, [str(number) for number in right])["status"] == "right"
    _, text, _ = shown(monkeypatch, START + 20 * DAY)
    assert text.text != texts[0]


def test_some_redrawn_answers_worked_out_by_hand():
    """Of texts read back from what is shown: the numbers in them lead to the answer."""
    for seed in range(20):
        drawn = {name: predictions.get(name).redrawn(np.random.default_rng(seed)) for name in REDRAWN}
        x, y, z = map(int, re.search(r"x = (-?\d+), y = (-?\d+), z = (-?\d+)", drawn["00/two_ways"].text).groups())
        assert drawn["00/two_ways"].right_answer == 1 + z and (x, y) != (0, 0)
        x, w = (json.loads(text) for text in re.findall(r"= (\[[-\d, ]+\])", drawn["01/forward"].text))
        assert drawn["01/forward"].right_answer == [sum(x[j + t] * w[t] for t in range(3)) for j in range(3)]
        n, k, s = map(
            int, re.search(r"has (\d+) entries, the kernel (\d+), the stride is (\d+)", drawn["01/feeds"].text).groups()
        )
        counts = [sum(at <= i < at + k for at in range(0, n - k + 1, s)) for i in range(n)]
        assert drawn["01/feeds"].right_answer == counts
        k, p = map(int, re.search(r"kernel of (\d+) x \d+, .* padding (\d+)\.", drawn["02/padding"].text).groups())
        assert drawn["02/padding"].right_answer == k - 1 - p
        size, k, s = map(
            int,
            re.search(r"of (\d+) x \d+, a kernel of (\d+) x \d+, stride (\d+)", drawn["02/remainder"].text).groups(),
        )
        seen = {i + t for i in range(0, size - k + 1, s) for t in range(k)}
        assert drawn["02/remainder"].right_answer == size**2 - len(seen) ** 2
        out, k, s, p = map(
            int,
            re.search(
                r"is (\d+) x \d+, and the kernel (\d+) x .*stride=(\d+), padding=(\d+)", drawn["03/lost"].text
            ).groups(),
        )
        assert drawn["03/lost"].right_answer == (out - 1) * s + k - 2 * p


def numbers_in(pattern, text):
    """What the groups of a pattern find, as whole numbers, decimals, or lists of them."""
    return [json.loads(found) for found in re.search(pattern, text).groups()]


def fold_by_hand(size, k, stride):
    """place -> how many windows contain it, along both axes."""
    begins = range(0, size - k + 1, stride)
    along = [sum(at <= i < at + k for at in begins) for i in range(size)]
    return {(i, j): along[i] * along[j] for i in range(size) for j in range(size)}


LIST = r"(\[[-\d., \[\]]*\])"
BY_HAND = {  # question -> where its numbers stand in the text, and what follows from them
    "04/second_window": (
        rf"x = {LIST}`, .* column (\d) of",
        lambda x, j: [x[j // 3 + a][j % 3 + b] for a in (0, 1) for b in (0, 1)],
    ),
    "04/columns": (
        r"with (\d) channels? of (\d+) x .* kernel of (\d)",
        lambda c, n, k: [c * k * k, (n - k + 1) ** 2],
    ),
    "04/centre": (
        rf"w = {LIST}`, .* `dy = {LIST}`.* pixel \(1, (\d)\)",
        lambda w, dy, j: sum(w[1 - a][j - b] * dy[a][b] for a in (0, 1) for b in (j - 1, j)),
    ),
    "04/fancy": (
        rf"where = {LIST}`.*\+= (\d)",
        lambda where, step: [step * (n in where) for n in range(4)],
    ),
    "04/inverse": (
        r"is (\d) x .* entry is (\d)\..* a (\d) x .* at \((\d), (\d)\)",
        lambda n, value, k, i, j: value * fold_by_hand(n, k, 1)[i, j],
    ),
    "04/one_hot": (
        rf"w = {LIST}`.* at \((\d), (\d)\) .* row (\d) of",
        lambda w, i, j, row: [w[row - i][n - j] if 0 <= n - j < 2 else 0 for n in range(3)],
    ),
    "04/memory": (
        r"of (\d+) x .* kernel of (\d) x .* stride (\d), padding (\d)",
        lambda n, k, s, p: ((n + 2 * p - k) // s + 1) ** 2 * k * k / n**2,
    ),
    "05/indices": (
        rf"x = {LIST}`",
        lambda x: [[max((x[i][j], 4 * i + j) for i in (a, a + 1) for j in (b, b + 1))[1] for b in (0, 2)]
                   for a in (0, 2)],
    ),
    "05/overlap": (
        r"with (\d) x .* on a (\d) x .* at \((\d), (\d)\)\. `dy` is (\d)",
        lambda k, n, i, j, dy: dy * fold_by_hand(n, k, 1)[i, j],
    ),
    "05/tie": (r"`dy = (\d)`", lambda dy: dy),
    "05/average": (
        r"with (\d) x .* on a (\d) x .*`dy` is (\d+) .*dx\[(\d), (\d)\]",
        lambda k, n, dy, i, j: dy * fold_by_hand(n, k, 1)[i, j] / k**2,
    ),
    "05/odd": (
        r"A (\d) x .* of (\d+) x",
        lambda k, n: sum(windows == 0 for windows in fold_by_hand(n, k, k).values()),
    ),
    "05/relu_sign": (
        rf"x = {LIST}` .*`dy = {LIST}`",
        lambda x, dy: [b if a > 0 else 0 for a, b in zip(x, dy, strict=True)],
    ),
    "06/shared": (
        r"w = (\d)` and `b = (-?\d)`: (-?\d+) becomes",
        lambda w, b, x: ((w + 1) * ((w + 1) * x + b) + b - (w - 1) * ((w - 1) * x + b) - b) / 2,
    ),
    "06/hasty": (
        r"`w` = (-?\d), `x` = (-?\d), `dy` = (-?\d)",
        lambda w, x, dy: dy * (w - x * dy / 10),
    ),
    "06/integers": (rf"gradient is `{LIST}`", lambda right: [int(value) for value in right]),
    "06/linear_weight": (
        rf"x = {LIST}` .*`dy = {LIST}`.*dw\[(\d), (\d)\]",
        lambda x, dy, o, f: dy[0][o] * x[0][f] + dy[1][o] * x[1][f],
    ),
    "07/flatten_width": (
        r"^(\d+) x .* with (\d+) filters",
        lambda n, filters: filters * (((n - 2) // 2 - 2) // 2) ** 2,
    ),
    "07/momentum": (
        r"weight is (\d), .* gradient is (-?\d) .* rate is ([\d.]+), the momentum ([\d.]+),",
        lambda w, dw, lr, kept: [w - lr * dw, w - lr * dw - lr * (kept * dw + dw)],
    ),
    "07/first_averages": (
        r"β1 = ([\d.]+) and β2 = ([\d.]+)\. .* is (-?\d+)\.",
        lambda b1, b2, dw: [(1 - b1) * dw, (1 - b2) * dw**2],
    ),
    "08/rounds": (
        r"A (\d) x .*stride (\d), padding (\d), .* of (\d+) x",
        lambda k, s, p, n: [((n + 2 * p - k) // s + 1) ** 2, k * k],
    ),
    "09/factor": (
        r"sums (\d+) .* deviation ([\d.]+),",
        lambda count, std: (count * std * std / 2) ** 0.5,
    ),
    "10/upsample": (
        r"kernel (\d), stride (\d), padding (\d) and output_padding (\d) gets (\d+) x",
        lambda k, s, p, extra, n: (n - 1) * s + k + extra - 2 * p,
    ),
    "B/two_uses": (r"w = (\d) and x = (\d):", lambda w, x: 2 * w * x * (x + 1)),
    "B/same_array": (r"an array of (\d)s, .* a gradient of (\d)s", lambda ones, more: ones + more),
    "C/traffic": (r"has (\d+),000 .* of (\d+) workers", lambda thousands, workers: 2 * 4 * thousands * workers),
    "C/stale": (r"rate of ([\d.]+)\.", lambda largest: largest / 2),
    "12/stability": (r"λ = ([\d.]+):", lambda steepest: 2 / steepest),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_redrawn_answers_of_later_lessons_follow_from_the_numbers_in_the_text(name):
    pattern, worked_out = BY_HAND[name]
    for seed in range(20):
        drawn = predictions.get(name).redrawn(np.random.default_rng(seed))
        right, how = drawn.feedback(worked_out(*numbers_in(pattern, drawn.text)))
        assert right is True, (drawn.text, drawn.right_answer, how)
