"""The finale's functions, and whose each is."""

import re

import matplotlib
import numpy as np
import pytest
import solutions

from course_lib import losses, mine, optim, parts
from course_lib._support import kept
from course_lib.exercises import keeping, registry
from course_lib.parts import LABS, NETWORK, Parts
from course_lib.publish import build

matplotlib.use("Agg")
EVERY = [lab for labs in LABS.values() for lab in labs]
LOOPS = [labs[-1] for labs in LABS.values() if len(labs) > 1]


@pytest.fixture(scope="module")
def lesson():
    """What the finale's first cells define: the layers, the loss, the optimizer and the two networks."""
    names = {}
    cells = [cell.source for cell in build.assemble("12_finale").cells if cell.cell_type == "code"]
    for cell in cells[: next(n for n, cell in enumerate(cells) if "def library_network" in cell) + 1]:
        exec(cell, names)
    return names


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Puts the solutions of labs into the learner's folder."""
    return lambda names: solutions.store(names, tmp_path_factory.mktemp("answers"))


def two_steps(lesson):
    """The weights, losses and dx of two steps of both networks, from the same start."""
    found = []
    for build_it, loss, Optimizer in (
        (lesson["network"], lesson["CrossEntropy"](), lesson["Adam"]),
        (lesson["library_network"], losses.CrossEntropyLoss(), optim.Adam),
    ):
        rng = np.random.default_rng(0)
        x, y = rng.standard_normal((3, 1, 28, 28)), np.array([7, 2, 7])
        model = build_it(np.random.default_rng(1)).astype(np.float64)
        optimizer = Optimizer(model.parameters(), lr=0.01)
        means = lesson["parts"].fit(
            lambda x, y, m=model, lo=loss, o=optimizer: lesson["parts"].training_step(m, lo, o, x, y), x, y, 2, 3, rng
        )
        loss.forward(model.forward(x), y)
        found.append([means, model.backward(loss.backward()), *(p.data for p in model.parameters())])
    return found


def agree(lesson, monkeypatch):
    monkeypatch.setitem(lesson, "parts", Parts())
    for ours, theirs in zip(*two_steps(lesson), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


def test_with_nothing_solved_every_part_is_the_librarys():
    found = Parts()
    assert found.count() == (0, len(LABS)) and not found.loops
    for name, labs in LABS.items():
        assert getattr(found, name) is registry.get(labs[0]).answer
    assert len(found.borrowed) == len(LABS)


def test_the_network_of_borrowed_parts_trains_as_the_librarys_does(lesson, monkeypatch):
    agree(lesson, monkeypatch)


@pytest.mark.parametrize("lab", EVERY)
def test_the_network_trains_alike_with_one_answer_alone(lesson, answers, lab, monkeypatch):
    answers([lab])
    assert Parts().count() == (1, len(LABS))
    agree(lesson, monkeypatch)


@pytest.mark.parametrize("lab", EVERY)
@pytest.mark.sampled(4)
def test_the_network_trains_alike_with_all_answers_but_one(lesson, answers, lab, monkeypatch):
    answers([name for name in EVERY if name != lab])
    missing = sum(labs == (lab,) for labs in LABS.values())
    assert Parts().count() == (len(LABS) - missing, len(LABS))
    agree(lesson, monkeypatch)


def test_the_network_trains_alike_with_answers_whose_helpers_have_other_names(lesson, tmp_path, monkeypatch):
    for name in EVERY:
        lab, renamed = registry.get(name), []
        source = lab.solution()
        for line in lab.imports:
            helper = line.split()[-1]
            renamed.append(line.replace(" as np", "") + f" as my_{helper}")
            source = re.sub(rf"\b{helper}\b", f"my_{helper}", source)
        path = tmp_path / f"{name}.py"
        path.write_text("\n".join([*renamed, "", "", source]), encoding="utf-8")
        kept.store(name, keeping.written(lab, keeping.load(name, path)), keeping.question(lab))
    assert "my_out_size = out_size" in kept.read("im2col_fast") and "import numpy as my_np" in kept.read("im2col_fast")
    assert Parts().count() == (len(LABS), len(LABS))
    agree(lesson, monkeypatch)


def test_a_fast_answer_is_taken_before_a_loop_and_a_loop_before_the_library(answers):
    answers(LOOPS)
    found = Parts()
    assert found.loops == LOOPS and found.chosen["im2col"].lab == "im2col" and found.chosen["im2col"].yours
    answers(["im2col_fast"])
    assert Parts().chosen["im2col"].lab == "im2col_fast" and "im2col" not in Parts().loops


def test_the_count_is_what_mine_reports(answers):
    answers(["fit", "adam_step", "relu_backward"])
    labs = {name for lesson in mine.report().states.values() for name, state in lesson.items() if state == "yours"}
    assert labs == {part.lab for part in Parts().chosen.values() if part.yours}
    assert Parts().summary == f"3 of {len(LABS)} functions of this network are yours."


def test_all_can_be_borrowed_to_compare_with(answers):
    answers(EVERY)
    assert Parts().count() == (len(LABS), len(LABS)) and not Parts().borrowed
    assert Parts(library=True).count() == (0, len(LABS))
    assert Parts().mark != Parts(library=True).mark


@pytest.mark.slow
@pytest.mark.parametrize("text", ["raise RuntimeError('spoilt')", "def relu_backward(dy, x):\n    return dy"])
def test_an_answer_that_throws_or_became_wrong_is_left_out(lesson, answers, text, monkeypatch):
    answers(["relu_backward", "fit"])
    kept.path_of("relu_backward").write_text(text, encoding="utf-8")
    found = Parts()
    assert found.count() == (1, len(LABS)) and not found.chosen["relu_backward"].yours
    agree(lesson, monkeypatch)


def test_an_answer_to_a_lab_that_has_changed_is_judged_again(answers, monkeypatch):
    answers(["relu_backward"])
    asked = []
    monkeypatch.setattr(keeping, "judge_alone", lambda name, path: asked.append(name) or "not right any more")
    monkeypatch.setattr(keeping, "question", lambda exercise: "another lab")
    assert Parts().count() == (0, len(LABS)) and asked == ["relu_backward"]


def test_what_is_drawn_is_the_network_of_the_lesson(lesson):
    layers = lesson["network"](np.random.default_rng(0)).layers
    assert [type(layer).__name__ for layer in layers] == [layer for layer, *_ in NETWORK[1:-1]]
    x = np.zeros((1, 1, 28, 28), np.float32)
    for layer, (_, shape, *_) in zip(layers, NETWORK[1:], strict=False):
        x = layer.forward(x)
        assert shape.removesuffix(" logits") == " × ".join(map(str, x.shape[1:]))
    drawn = {name for *_, ahead, back in NETWORK for name in (*ahead, *back)} | set(parts.AROUND)
    assert drawn == set(LABS)


def test_the_picture_tells_yours_from_borrowed_by_a_sign_too(answers):
    answers(["im2col_fast"])
    html, text = Parts()._repr_html_(), repr(Parts())
    assert html.count("✓ → im2col_fast") == 2 and html.count("○ ← col2im_fast") == 2
    assert "✓ im2col_fast; backward ○ col2im_fast" in text and "Borrowed: col2im_fast (lesson 08)" in text
    assert "dashed" in html and "write col2im_fast (lesson 08)" in html


def test_a_part_that_does_not_exist_is_named():
    with pytest.raises(AttributeError, match="there is no part 'conv3d'; there are im2col, col2im"):
        Parts().conv3d  # noqa: B018
