"""An update of the course never loses what a learner wrote: cells are followed wherever they go."""

import copy
import random

import pytest

from course_lib._support.merging import merge


def text(name, source=None):
    return {"id": name, "cell_type": "markdown", "source": source or f"Text {name}.", "metadata": {}}


def code(name, source=None, **course):
    return {
        "id": name, "cell_type": "code", "source": source or f"{name} = 1",
        "metadata": {"course": course} if course else {}, "outputs": [], "execution_count": None,
    }  # fmt: skip


def lab(name, **more):
    return [
        text(f"lab-{name}-task", f"Write {name}."),
        code(f"lab-{name}-stub", f"def {name}(x):\n    ...", exercise=name, part="stub", **more),
        code(f"lab-{name}-check", f"{name} = check({name})", exercise=name, part="check", **more),
    ]


def changed(cells, **sources):
    """A copy of the cells in which some have another source, by id (- as _)."""
    cells = copy.deepcopy(cells)
    for cell in cells:
        cell["source"] = sources.get(cell["id"].replace("-", "_"), cell["source"])
    return cells


def sources(cells):
    return [cell["source"] for cell in cells]


ONE = [text("a"), *lab("f"), text("b"), code("c"), text("d")]
ANSWER = "def f(x):\n    return 2 * x"


def test_without_an_update_the_learner_finds_everything_as_it_was():
    own = changed(ONE, lab_f_stub=ANSWER, c="c = 7")
    own.insert(3, code("note", "mine = 1"))
    assert sources(merge({"01": ONE}, {"01": ONE}, {"01": own})["01"]) == sources(own)


def test_a_reworded_text_is_new_and_the_answer_stays_with_its_output():
    own = changed(ONE, lab_f_stub=ANSWER)
    own[3]["outputs"] = [{"output_type": "stream", "text": "Right"}]
    new = [text("a2", "Text a, said better."), *ONE[1:]]
    merged = merge({"01": new}, {"01": ONE}, {"01": own})["01"]
    assert sources(merged) == ["Text a, said better.", "Write f.", ANSWER, "f = check(f)", *sources(ONE[4:])]
    assert merged[3]["outputs"] == own[3]["outputs"]


def test_an_answer_stays_even_when_the_stub_is_new():
    new = changed(ONE, lab_f_stub="def f(x, stride=1):\n    ...")
    merged = merge({"01": new}, {"01": ONE}, {"01": changed(ONE, lab_f_stub=ANSWER)})["01"]
    assert sources(merged)[2] == ANSWER
    assert sources(merge({"01": new}, {"01": ONE}, {"01": ONE})["01"])[2].startswith("def f(x, stride=1)")


def test_a_new_lab_is_there_between_what_was():
    new = [*ONE[:4], *lab("g"), *ONE[4:]]
    merged = merge({"01": new}, {"01": ONE}, {"01": changed(ONE, lab_f_stub=ANSWER)})["01"]
    assert sources(merged) == sources(changed(new, lab_f_stub=ANSWER))


def test_a_renamed_lab_keeps_its_answer_under_the_new_name():
    new = [ONE[0], *lab("double", formerly=["f"]), *ONE[4:]]
    own = changed(ONE, lab_f_stub=f"{ANSWER}\n\nf(3), of(1)")
    merged = merge({"01": new}, {"01": ONE}, {"01": own})["01"]
    assert sources(merged)[2] == "def double(x):\n    return 2 * x\n\ndouble(3), of(1)"
    assert sources(merged)[3] == "double = check(double)"


def test_a_lesson_split_in_two_takes_answers_and_notes_along():
    own = changed(ONE, lab_f_stub=ANSWER)
    own.insert(3, text("note", "Remember: twice."))
    own.insert(6, code("trial", "f(4)"))
    new = {"01": [ONE[0], text("x")], "02": [text("y"), *ONE[1:]]}
    merged = merge(new, {"01": ONE}, {"01": own})
    assert sources(merged["01"]) == ["Text a.", "Text x."]
    assert sources(merged["02"])[:5] == ["Text y.", "Write f.", ANSWER, "Remember: twice.", "f = check(f)"]
    assert sources(merged["02"])[5:7] == ["Text b.", "f(4)"]


def test_notes_stay_in_their_order_behind_the_cell_they_followed_even_if_it_is_reworded():
    own = copy.deepcopy(ONE)
    own[5:5] = [text("n1", "first note"), text("n2", "second note")]
    new = [*ONE[:4], text("b2", "Text b, as it is now."), *ONE[5:]]
    merged = sources(merge({"01": new}, {"01": ONE}, {"01": own})["01"])
    assert merged[4:8] == ["Text b, as it is now.", "first note", "second note", "c = 1"]


def test_a_note_before_the_first_cell_stays_there():
    own = [text("note", "Start again on Monday."), *ONE]
    merged = merge({"01": [text("new"), *ONE]}, {"01": ONE}, {"01": own})["01"]
    assert sources(merged)[0] == "Start again on Monday."


def test_where_both_changed_a_cell_the_courses_is_followed_by_the_learners():
    own, new = changed(ONE, c="c = 7"), changed(ONE, c="c = 8")
    merged = merge({"01": new}, {"01": ONE}, {"01": own})["01"]
    assert sources(merged)[5:7] == ["c = 8", "c = 7"]
    assert len({cell["id"] for cell in merged}) == len(merged)


def test_an_edited_cell_that_the_course_dropped_is_kept():
    merged = merge({"01": [*ONE[:5], ONE[6]]}, {"01": ONE}, {"01": changed(ONE, c="c = 7")})["01"]
    assert sources(merged)[4:7] == ["Text b.", "c = 7", "Text d."]
    untouched = merge({"01": [*ONE[:5], ONE[6]]}, {"01": ONE}, {"01": ONE})["01"]
    assert sources(untouched)[4:] == ["Text b.", "Text d."]


def test_a_deleted_cell_stays_away_unless_it_changed():
    own = [cell for cell in ONE if cell["id"] not in ("b", "c")]
    merged = merge({"01": changed(ONE, c="c = 8")}, {"01": ONE}, {"01": own})["01"]
    assert sources(merged)[4:] == ["c = 8", "Text d."]


def test_the_same_cell_in_two_lessons_is_not_mixed_up():
    two = [text("a"), code("c"), text("e")]
    shipped = {"01": [cell for cell in ONE if cell["id"] != "c"], "02": two}
    merged = merge(shipped, {"01": ONE, "02": two}, {"01": changed(ONE, c="c = 7"), "02": two})
    assert sources(merged["02"]) == sources(two)
    assert "c = 7" in sources(merged["01"])


@pytest.mark.parametrize("seed", range(40))
def test_nothing_that_a_learner_wrote_is_ever_lost(seed):
    """Random edits, notes and deletions against random updates: every text of the learner's is somewhere."""
    rng = random.Random(seed)
    base = {name: [*(text(f"{name}-{n}") for n in range(6)), *lab(f"lab{name}")] for name in ("01", "02", "03")}
    own, written = {}, set()
    for name, cells in base.items():
        own[name] = []
        for number, cell in enumerate(copy.deepcopy(cells)):
            if rng.random() < 0.15:
                continue
            if rng.random() < 0.4 and "check" not in cell["id"]:
                cell["source"] = f"edited {name} {number} {seed}"
                written.add(cell["source"])
            own[name].append(cell)
            if rng.random() < 0.4:
                own[name].append(text(f"note-{name}-{number}", f"note {name} {number} {seed}"))
                written.add(own[name][-1]["source"])
    everything = [cell for cells in base.values() for cell in copy.deepcopy(cells)]
    rng.shuffle(everything)
    shipped = {"01": everything[:9], "02": everything[9:20], "03": everything[20:]}
    for cells in shipped.values():
        for cell in cells:
            if rng.random() < 0.3 and "check" not in cell["id"]:
                cell["source"] += " (new)"
    merged = merge(shipped, base, own)
    assert written <= {source for cells in merged.values() for source in sources(cells)}
    for cells in merged.values():
        assert len({cell["id"] for cell in cells}) == len(cells)
