"""What a verdict looks like: HTML that any notebook lets through, and the same in words."""

import html.parser
import itertools
import re
from typing import NamedTuple

import numpy as np
import pytest

from course_lib import exercises, looks, loops
from course_lib.exercises import predictions
from course_lib.exercises.engine.describing import shown
from course_lib.exercises.engine.drawing import DrawingLab
from course_lib.exercises.engine.finding import NO_FEWER, FindingLab
from course_lib.exercises.engine.picture import Picture
from course_lib.exercises.engine.verdict import LEGEND, Finding, Section, Smallest, Verdict
from course_lib.exercises.lessons.clinic.designing import DesignLab

NAMES = exercises.names()


def parsed(markup):
    """Text, and a set of (tag, attributes) of what must be well-formed HTML."""

    class Reader(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.text, self.tags = [], [], []

        def handle_starttag(self, tag, attributes):
            self.open.append(tag)
            self.tags.append((tag, dict(attributes)))

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

        def handle_data(self, data):
            self.text.append(data)

    reader = Reader()
    reader.feed(markup)
    reader.close()
    assert reader.open == []
    return " ".join("".join(f" {part} " for part in reader.text).split()), reader.tags


def wrong_verdicts(name):
    """One verdict on each known mistake of a lab."""
    exercise = exercises.get(name)
    for tensor, mistakes in exercise.mistakes.items():
        for mistake in mistakes:
            yield exercise.judge(exercise.spoilt(tensor, mistake.examples[0]))


def nasty(dy, x, w, stride=1, padding=0):
    thing = "<script>alert('&')</script>"
    print(thing)
    raise ValueError(thing)


def one(status):
    exercise = exercises.get("conv2d_backward")
    answers = {
        "right": exercise.answer,
        "wrong": lambda *case: tuple(-part for part in loops.conv2d_backward(*case)),
        "not attempted": lambda *case: None,
        "error": nasty,
    }
    return exercise.judge(answers[status])


class Card(NamedTuple):
    verdict: object
    markup: str
    text: str  # what a reader sees of the markup
    tags: list
    plain: str


SOME, EACH, ALL = "one mistake of every fifth lab", "one mistake of each lab", "every mistake of each lab"


@pytest.fixture(
    scope="module",
    params=[
        SOME,
        pytest.param(EACH, marks=pytest.mark.slow),
        pytest.param(ALL, marks=[pytest.mark.slow, pytest.mark.course]),
    ],
)
def cards(request):
    """What a learner may be shown: made once, looked at in several ways."""
    verdicts = [*map(one, ("right", "wrong", "not attempted", "error"))]
    for name in NAMES[:: 5 if request.param == SOME else 1]:
        verdicts += itertools.islice(wrong_verdicts(name), None if request.param == ALL else 1)
    return [Card(verdict, markup := verdict._repr_html_(), *parsed(markup), repr(verdict)) for verdict in verdicts]


@pytest.mark.slow
def test_every_card_is_small_well_formed_and_without_anything_active(cards):
    for _, markup, _, tags, _ in cards:
        assert len(markup) < 60_000
        assert {tag for tag, _ in tags} <= {
            "div", "span", "b", "em", "code", "pre", "table", "tr", "th", "td", "details", "summary",
        }  # fmt: skip
        assert all(attributes.keys() <= {"style"} for _, attributes in tags)


@pytest.mark.slow
def test_every_card_says_in_words_what_it_says_in_html(cards):
    for verdict, _, text, _, plain in cards:
        for sentences in verdict.mistakes.values():
            for says in sentences:
                assert says in plain
                words = re.sub(r"[`*]", "", says).split()
                assert " ".join(words[:4]) in text.replace("*", "")
        for finding in verdict.findings:
            for _, fact in finding.facts:
                assert fact in plain and " ".join(fact.split()) in text


def numbers_in_html(picture):
    """The entries of each grid, as its HTML shows them."""
    verdict = Verdict("name", "wrong", findings=[Finding("dx", [], picture)])
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", verdict._repr_html_(), re.DOTALL)
    rows = [re.findall(r"<td[^>]*>(?:<b>)?(.*?)(?:</b>)?</td>", row) for row in rows]
    return [row for row in rows if row]


def numbers_in_text(picture):
    _, *lines = picture.lines()  # the first is the title
    if picture.is_flat:
        labels = max(len(grid.label) for grid in picture.grids())
        lines = [line[6 + labels :] for line in lines[1:]]
    words = [line.split() for line in lines]
    return [line for line in words if line != ["…"] and not line[-1].endswith(":")]


@pytest.mark.parametrize("shape", [(10,), (12,), (13,), (1,), (9, 12), (10, 13), (3, 2), (30, 30)])
def test_html_and_text_show_the_same_entries(shape):
    yours = np.arange(np.prod(shape), dtype=float).reshape(shape)
    expected = yours + (yours % 3 == 0)
    for other in (expected, expected[:-1] if len(expected) > 1 else expected):
        picture = Picture("a title", yours, other, 1e-6)
        assert numbers_in_html(picture) == numbers_in_text(picture)
        assert len(numbers_in_html(picture)[0]) == min(shape[-1], 12) + (shape[-1] > 12)


def test_a_sentence_that_several_tensors_earned_is_said_once():
    verdict, sentence = one("wrong"), "Every value has the wrong sign."
    assert verdict.mistakes == {"dx": [sentence], "dw": [sentence], "db": [sentence]}
    assert repr(verdict).count(sentence) == parsed(verdict._repr_html_())[0].count(sentence) == 1
    assert f"dx, dw, db: {sentence}" in repr(verdict)
    mistakes = {"x": ["Both.", "One."], "dx": ["Other.", "Both."]}
    told = Verdict("name", "wrong", mistakes, findings=[Finding("dx", [])]).told()
    assert told == {"x": [("x, dx", "Both."), ("x", "One.")], "dx": [("dx", "Other.")]}


@pytest.mark.slow
def test_cards_are_the_same_each_time_and_hold_no_addresses(cards):
    for card in cards:
        assert not re.search(r"0x[0-9a-f]{4,}|ipykernel_|/home/", card.markup + card.plain)
    for status in ("right", "wrong", "not attempted", "error"):
        assert one(status)._repr_html_() == one(status)._repr_html_()
        assert repr(one(status)) == repr(one(status))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("right", "✓ Right · conv2d_backward Tried on"),
        ("wrong", "✗ Not yet · conv2d_backward"),
        ("error", "! Stopped · conv2d_backward"),
        ("not attempted", "○ Not attempted · conv2d_backward The lesson goes on with the library's answer."),
    ],
)
def test_the_status_stands_in_words_and_not_only_in_colour(status, words):
    text, _ = parsed(one(status)._repr_html_())
    assert text.startswith(words)


def test_colours_follow_the_theme_and_have_something_to_fall_back_on():
    for status in ("right", "wrong", "not attempted", "error"):
        markup = one(status)._repr_html_()
        variables = re.findall(r"var\((--jp-[a-z0-9-]+)(,?)", markup)
        assert variables and all(comma for _, comma in variables)
        assert not re.search(r"(?<!-)color: #", re.sub(r"var\([^)]*\)", "", markup))


def test_entries_that_differ_are_outlined_and_bold():
    exercise = exercises.get("conv1d_input_gradient_scatter")

    def off_by_one(dy, x, w, stride, padding):
        dx = loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding)
        dx[2] += 1
        return dx

    verdict = exercise.judge(off_by_one)
    markup, smallest = verdict._repr_html_(), verdict.smallest
    outlined = re.findall(r"<td style=\"[^\"]*outline: 2px solid[^\"]*\">(.*?)</td>", markup)
    assert outlined == [f"<b>{smallest.expected[2] + 1:.0f}</b>", "<b>1</b>"]  # yours, and the difference
    assert len(re.findall(r"<td[^>]*>·</td>", markup)) == smallest.yours.size - 1 == 2


@pytest.mark.slow
def test_large_arrays_are_cut_and_odd_values_shown():
    exercise = exercises.get("im2col")
    markup = exercise.judge(lambda *case: np.full((3, 400, 500), np.nan))._repr_html_()
    text, _ = parsed(markup)
    assert "…" in text and "nan" in text
    assert len(markup) < 60_000


@pytest.mark.slow
def test_an_empty_array_has_a_card_too():
    exercise = exercises.get("input_gradient")
    markup = exercise.judge(lambda dy, x, w, s, p: loops.input_gradient(dy, x, w, s, p)[:, :, :0])._repr_html_()
    assert "(empty)" in parsed(markup)[0]


@pytest.mark.parametrize("name", predictions.names())
def test_feedback_is_well_formed_and_said_in_words(name):
    prediction = predictions.get(name)
    answers = [None, "<b>", *prediction.choices, *(wrong for wrong, _ in prediction.wrong_answers)]
    for answer in answers:
        feedback = predictions.Feedback(*prediction.feedback(answer))
        text, _ = parsed(feedback._repr_html_())
        assert text.split(" · ")[0] in ("✓ Right", "✗ Not quite", "? Your prediction")
        assert feedback.says in repr(feedback)


def test_outlines_are_explained_only_where_there_are_some():
    exercise = exercises.get("conv1d_weight_gradient")
    longer = exercise.judge(lambda dy, x, w, stride, padding: np.zeros(len(w) + 1))
    wrong = exercise.judge(lambda *case: loops.conv1d_weight_gradient(*case)[::-1])
    assert "Outlined" in wrong._repr_html_() and "outline: " in wrong._repr_html_()
    assert "Outlined" not in longer._repr_html_() and "outline: " not in longer._repr_html_()
    assert "Blue is above zero" in longer._repr_html_()


def test_single_numbers_are_shown_on_the_small_example_and_have_no_shape():
    exercise = exercises.get("chain_backward")
    verdict = exercise.judge(lambda dz, x, w1, w2: (dz * w1 * w2, dz * x, dz * w1 * x))
    ((name, facts),) = [(finding.tensor, dict(finding.facts)) for finding in verdict.findings]
    assert name == "dw1"
    assert facts == {"value": "dw1: yours 6, expected 42", "called with": "dz=2.0, x=3.0, w1=5.0, w2=7.0"}


def test_a_lab_not_attempted_says_once_how_to_go_on(capsys):
    assert "run its cell" in repr(one("not attempted"))
    exercises.check(exercises.get("conv1d").answer)
    told = capsys.readouterr().out
    assert "run the cell in which you wrote it" in told and "run its cell" not in told


# ---------------------------------------------------------------- what comes first, and what is folded


def two_wrong(dy, x, w, stride, padding):
    dx, dw, db = loops.conv2d_backward(dy, x, w, stride, padding)
    return dx, dw * 3, -db


def test_one_finding_is_shown_and_the_others_are_folded():
    verdict = exercises.get("conv2d_backward").judge(two_wrong)
    open_, folded = verdict._repr_html_().split("<details", 1)
    folded, below = folded.split("</details>", 1)
    first, second = verdict.sections
    assert (first.tensor, second.tensor) == ("dw", "db") and verdict.smallest.tensor == "dw"
    assert verdict.smallest.says in parsed(open_ + "</div>")[0]
    for _, sentence in second.named:
        assert sentence in folded and sentence not in open_ + below
    for section in (first, second):
        assert all(fact in parsed(f"<details{folded}</details>")[0] for _, fact in section.finding.facts[:1])
    assert "More, also about db" in folded and "More, also about db" in repr(verdict)
    for _, sentence in first.explained:
        assert sentence in parsed(f"<details{folded}</details>")[0] and sentence not in parsed(open_ + "</div>")[0]


def test_where_nothing_is_named_one_explanation_is_shown_and_the_others_are_folded():
    explained = {"dx": ["First of dx.", "It doubles.", "dx is twice dx2."]}
    verdict = Verdict("name", "wrong", explained=explained)
    open_, folded = verdict._repr_html_().split("<details", 1)
    assert "First of dx." in open_ and "It doubles." not in open_ and "dx is twice dx2." not in open_
    lines = [line.strip() for line in repr(verdict).splitlines()]
    assert lines[1:5] == ["First of dx.", "More about it:", "dx: It doubles.", "dx is twice dx2."]


def test_an_exception_is_the_finding_that_is_shown():
    verdict = exercises.get("bias_gradient").judge(lambda dy, x: dy)
    open_, folded = verdict._repr_html_().split("<details", 1)
    (sentence,) = verdict.explained["db"]
    assert "missing 1 required" in sentence and "Every one of" not in open_ and "Every one of" in folded
    assert repr(verdict).index("More about it:") < repr(verdict).index(sentence)
    assert open_.index("Keep the signature") < open_.index("missing 1 required")  # or the rest would be misread
    assert repr(verdict).splitlines()[1].strip().startswith("Keep the signature")


@pytest.mark.parametrize(
    ("tensors", "sentence", "said"),
    [
        ("dx", "dx is right.", True),
        ("dx", "dxp is right.", False),
        ("weight.grad", "In weight.grad.", True),
        ("grad", "In weight.grad.", False),
        ("dx, dw", "dx is right.", False),
        ("dx, dw", "dw is dx.", True),
    ],
)
def test_a_sentence_has_a_label_only_where_it_does_not_name_its_tensor(tensors, sentence, said):
    section = Section(tensors, [], [(tensors, sentence)], None)
    assert section.open == [("" if said else tensors, sentence)]


def test_the_smallest_example_leads_and_is_the_picture_that_is_shown():
    verdict = exercises.get("conv1d_weight_gradient").judge(lambda *c: loops.conv1d_weight_gradient(*c)[::-1])
    shown = verdict._repr_html_().split("<details")[0]
    assert verdict.smallest.says in parsed(shown + "</div>")[0]
    assert "A small example" not in repr(verdict) + verdict._repr_html_()  # the probe's picture gives way to it
    yours = [f"{value:.0f}" for value in verdict.smallest.yours]
    assert re.findall(r"<td[^>]*>(?:<b>)?(.*?)(?:</b>)?</td>", shown)[: len(yours)] == yours
    lines = repr(verdict).splitlines()
    assert lines[1].strip() == f"{verdict.smallest.says} {verdict.smallest.needs}"
    assert next(line for line in lines if line.strip().startswith("yours ")).split()[1:] == yours


def test_what_explains_a_tensor_stands_below_its_name_or_in_its_place():
    explained = {"dx": ["It does not double when dy doubles.", "Both."], "db": ["Both."]}
    named = Verdict("name", "wrong", {"dx": ["A known mistake.", "Both."]}, explained=explained)
    assert named.told() == {"dx": [("dx", "A known mistake."), ("dx", "Both.")], "db": []}
    assert [section.explained for section in named.sections] == [[("dx", "It does not double when dy doubles.")], []]
    unnamed = Verdict("name", "wrong", explained=explained, findings=[Finding("dx", []), Finding("dw", [])])
    text, _ = parsed(unnamed._repr_html_())
    assert text.count("Both.") == repr(unnamed).count("Both.") == 1
    assert [pairs for pairs in unnamed.told().values() if pairs] == [
        [("dw", "This matches none of the known mistakes.")]
    ]


def test_the_tensor_of_the_smallest_example_comes_first():
    smallest = Smallest("dw", {}, None, np.zeros(1), "It fails.")
    verdict = Verdict("name", "wrong", {"dx": ["One."], "dw": ["Other."]}, smallest=smallest)
    assert [section.tensor for section in verdict.sections] == ["dw", "dx"]


def test_what_is_named_comes_before_what_is_only_described():
    smallest = Smallest("w", {}, None, np.zeros(1), "It fails.")
    verdict = Verdict("name", "wrong", {"v": ["One."]}, explained={"w": ["Wrong."], "v": ["Too."]}, smallest=smallest)
    assert [section.tensor for section in verdict.sections] == ["v", "w"]
    assert verdict.sections[0].open == [("v", "One.")]


def test_arrays_of_many_axes_that_differ_in_shape_are_told_and_not_drawn():
    """A part of each would have shapes that are those of neither."""
    turned = Smallest("cols", {}, np.ones((2, 1, 1)), np.ones((1, 1, 2)), "yours has shape (2, 1, 1).")
    assert turned.picture is None and not turned.is_shown
    assert Smallest("y", {}, np.ones(2), np.ones(1), "").picture
    assert Smallest("y", {}, np.ones((1, 1, 2, 2)), np.zeros((1, 1, 2, 2)), "").picture


def test_the_legend_stands_beside_the_pictures():
    picture = Picture("dx", np.ones((2, 2)), np.zeros((2, 2)), 1e-6)
    folded = Verdict("name", "wrong", {"dx": ["One."]}, findings=[Finding("dx", [("where", "here")], picture)])
    html = folded._repr_html_()
    assert html.index("<details") < html.index(LEGEND) < html.index("</details")
    folded.smallest = Smallest("dx", {}, np.ones((2, 2)), np.zeros((2, 2)), "It fails.")
    html = folded._repr_html_()
    assert html.count(LEGEND) == 1 and html.index("</details") < html.index(LEGEND)


def test_a_remark_is_made_once():
    verdict = Verdict("name", "wrong", remarks=["Twice.", "Twice."])
    assert repr(verdict).count("Twice.") == verdict._repr_html_().count("Twice.") == 1


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((12,), ""),
        ((13,), "Shown are the first 12 of 13 columns."),
        ((9, 12), ""),
        ((10, 3), "Shown are the first 9 of 10 rows."),
        ((30, 40), "Shown are the first 9 of 30 rows and the first 12 of 40 columns."),
    ],
)
def test_what_is_cut_off_is_said_in_words(shape, words):
    picture = Picture("a title.", np.zeros(shape), np.ones(shape), 1e-6)
    title = f"a title. {words}".strip()
    assert picture.lines()[0].strip() == title
    assert title in parsed(Verdict("name", "wrong", findings=[Finding("dx", [], picture)])._repr_html_())[0]


# ---------------------------------------------------------------- a right answer


ENDINGS = {DesignLab: "with 91 numbers.", FindingLab: NO_FEWER, DrawingLab: "All 25 cells are right."}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", NAMES)
def test_a_right_answer_is_told_what_was_tried_the_solution_and_an_idea(name):
    exercise = exercises.get(name)
    verdict = exercise.judge(exercise.answer)
    text, _ = parsed(verdict._repr_html_())
    assert verdict.passed.tried == len(exercise.arguments) + len(exercise.further_runs)
    assert verdict.passed.worst <= (1e-14 if exercise.reference else 0)  # the same sums, in another order
    assert 1 <= verdict.passed.geometries <= verdict.passed.tried
    ending = ENDINGS.get(type(exercise), "The largest error is 0.")
    assert f"{verdict.passed.figures} " in text
    assert verdict.passed.figures.endswith(ending) or exercise.reference
    assert verdict.passed.idea and f"Try next: {verdict.passed.idea}" in repr(verdict)
    assert verdict.passed.solution == exercise.solution()
    folded = verdict._repr_html_().split("<details")[1]
    assert " ".join(exercise.solution().split()) in parsed(f"<details{folded.split('</details>')[0]}</details>")[0]


def test_a_right_answer_is_told_how_many_geometries_it_was_tried_on():
    cases = [case for case, _ in exercises.get("conv1d").further_runs] + exercises.get("conv1d").arguments
    geometries = {(len(case["x"]), len(case["w"]), case["stride"], case["padding"]) for case in cases}
    assert f"Tried on {len(cases)} sets of arguments with {len(geometries)} geometries." in repr(
        exercises.get("conv1d").judge(loops.conv1d)
    )
    assert "geometries" not in repr(exercises.get("chain_backward").judge(loops.chain_backward))


def test_the_solution_stands_beside_the_learners_own_code():
    verdict = exercises.get("conv1d").judge(loops.conv1d)
    alone = verdict._repr_html_()
    assert "The course&#39;s own solution</summary>" in alone and "yours" not in alone
    assert """The course's own solution: print(exercises.get("conv1d").solution())""" in repr(verdict)
    verdict.passed.yours = "def conv1d(x):\n    return x < 1"
    text, _ = parsed(verdict._repr_html_())
    assert "Your code beside the course's own solution yours def conv1d(x): return x < 1 the course's def" in text


def test_the_largest_error_is_relative_to_the_largest_entry():
    exercise = exercises.get("conv1d")
    verdict = exercise.judge(lambda *case: loops.conv1d(*case).astype(np.float64) * (1 + 1e-7))
    assert verdict.status == "right" and verdict.passed.worst == pytest.approx(1e-7, rel=1e-3)
    assert f"The largest error is {looks.number(verdict.passed.worst, 2)}." in repr(verdict)


def test_an_accepted_choice_among_ties_is_no_error():
    exercise = exercises.get("max_pool2d")

    def last_winner(x, kernel_size, stride, padding):
        H, W = x.shape[2:]
        y, indices = loops.max_pool2d(x[:, :, ::-1, ::-1], kernel_size, stride, padding)
        if (H + 2 * padding - kernel_size) % (stride or kernel_size) or (W + 2 * padding - kernel_size) % (
            stride or kernel_size
        ):
            return loops.max_pool2d(x, kernel_size, stride, padding)
        return y[:, :, ::-1, ::-1], H * W - 1 - indices[:, :, ::-1, ::-1]

    verdict = exercise.judge(last_winner)
    assert verdict.status == "right" and verdict.remarks and verdict.passed.worst == 0


def conv2d_with(**methods):
    return type("Conv2d", (exercises.get("Conv2d").answer,), methods)


def test_weights_of_the_wrong_size_or_from_elsewhere_are_not_plainly_right():
    answer = exercises.get("Conv2d").answer

    def elsewhere(self, *sizes, rng=None, **geometry):
        answer.__init__(self, *sizes, rng=np.random.default_rng(3), **geometry)

    def too_large(self, *sizes, rng=None, **geometry):
        answer.__init__(self, *sizes, rng=rng, **geometry)
        self.weight.data *= 5

    for start in (elsewhere, too_large):
        verdict = exercises.get("Conv2d").judge(conv2d_with(__init__=start))
        assert (verdict.status, verdict.caution, verdict.head) == ("right", True, ("!", "Right, but"))
        assert verdict.colour == "caution" and repr(verdict).startswith("! Right, but: Conv2d")
    plain = exercises.get("Conv2d").judge(conv2d_with())
    assert (plain.caution, plain.head, plain.colour) == (False, ("✓", "Right"), "right")


def test_a_missing_parameter_is_told_the_signature_of_the_stub():
    exercise = exercises.get("conv_transpose2d")
    head = "conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0)"
    verdict = exercise.judge(lambda x, w, stride=1, padding=0, output_padding=0: x)
    assert f"Keep the signature of the stub: `{head}`." in verdict.remarks
    other = exercise.judge(lambda x, w, b, stride, padding, output_padding: len(stride))
    assert other.raised.kind == "TypeError" and not other.remarks


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("clinic")])
def test_cards_of_the_clinic_do_not_speak_of_a_lesson_that_goes_on(name):
    exercise = exercises.get(name)
    answers = exercise.answer, exercise.start, lambda *case: case[0] * 7, lambda *case: 1 / 0
    for answer in answers:
        verdict = exercise.judge(answer)
        assert "librar" not in repr(verdict) + verdict._repr_html_() and "The lesson" not in repr(verdict)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([True, False]), "array [True, False]"),
        (np.array([1, 2]), "array [1, 2]"),
        (np.array([1.23456]), "array [1.235]"),
        (np.array(["a"]), "array ['a']"),
        (np.zeros((2, 3)), "array (2, 3)"),
    ],
)
def test_a_value_in_a_line_that_raised_is_written_whatever_it_holds(value, text):
    assert shown(value) == text
