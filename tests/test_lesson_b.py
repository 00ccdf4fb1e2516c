"""What lesson B states is computed from the lesson's own cells, so that text and code cannot drift apart."""

import functools
import gc
import itertools
import re
import weakref

import matplotlib
import numpy as np
import pytest
from lesson_run import answer, names_of, quietly
from matplotlib import pyplot as plt
from stories import small_tape

from course_lib import exercises, figures, frames, gradcheck, tape
from course_lib.exercises.engine.running import as_in_stub
from course_lib.publish import build
from course_lib.tape import Node

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSON = "B_tape"
LABS = ("record", "topological_order", "backpropagate", "no_grad")


@functools.cache
def cells():
    return build.assemble(LESSON).cells


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names that the lesson defines, with nothing solved and a few images, and what it prints."""
    with quietly(tmp_path_factory) as patch:
        patch.setenv("COURSE_QUICK", "1")
        return names_of(cells(), ("play", "first_guesses", "predict"))


# ---------------------------------------------------------------- the tape


def test_what_check_hands_back_takes_any_number_of_parents():
    def record(forward, backward, *nodes):
        return Node(forward(*(node.value for node in nodes)))

    handed = as_in_stub(record, exercises.get("record"))
    assert [handed(max, None, *map(Node, numbers)).value for numbers in ((1, 3), (1, 2, 5))] == [3, 5]


def test_the_first_example_has_the_gradients_of_its_formula(lesson):
    """f = w**2 x (x + 1), at w = 3 and x = 2."""
    w, x = 3, 2
    assert w**2 * x * (x + 1) == lesson["places"]["f"][2] == 54
    assert answer("B/two_uses")() == 2 * w * x * (x + 1) == 36
    assert "dw = 36, dx = 45\n" in lesson["printed"] and w**2 * (2 * x + 1) == 45
    assert lesson["printed"].count("dw = 36, dx = 45") == 2, "by hand, and by the tape"


def test_the_wrong_guesses_at_it_are_what_one_gets_who_forgets_a_use():
    wrong = [guess for guess, _ in exercises.predictions.get("B/two_uses").wrong_answers]
    dp, dq = 9 + 6, 6
    assert wrong == [dp * 2, dq, 9 * 2 + dq, 6 * 2 + dq]


def test_the_tape_that_the_labs_ask_for_is_about_80_lines():
    sources = [exercises.get(lab).solution() for lab in LABS]
    cell = next(cell.source for cell in cells() if cell.source.startswith("parts = Parts()"))
    lines = [line for text in (*sources, cell) for line in text.splitlines() if line.strip()]
    assert len(lines) <= 80


def test_a_sum_hands_one_array_to_both_parents_and_writing_into_it_shows_in_the_other(lesson):
    assert "one array for both: True\nsecond: [6. 6.]" in lesson["printed"]
    assert answer("B/same_array")() == 6


def test_the_network_on_the_tape_has_as_many_nodes_as_asked_for(lesson):
    assert f"{answer('B/nodes')()} nodes, loss" in lesson["printed"]


def test_the_gradients_of_the_tape_are_those_of_the_layers(lesson):
    assert len(re.findall(r"[wb]\d: the same", lesson["printed"])) == 6
    assert "another" not in re.findall(r"w1: .*", lesson["printed"])[0]


def test_a_shortcut_and_shared_weights_agree_with_slopes_and_a_use_that_is_lost_does_not(lesson, rng):
    arrays = rng.standard_normal((1, 2, 4, 3)), rng.standard_normal((2, 2, 3, 3)), rng.standard_normal(2)
    forward = lambda *arrays: lesson["block"](*map(Node, arrays)).value
    assert gradcheck.check(forward, lesson["block_backward"], *arrays, rng=rng)

    def forgetful(dy, x, w, b):
        """The second convolution on a tape of its own: its weights report to other nodes."""
        nodes = [Node(array) for array in (x, w, b)]
        inner = lesson["on_tape"]("relu", lesson["on_tape"]("conv", *nodes))
        lost = lesson["on_tape"]("conv", inner, Node(w), Node(b))
        tape.backpropagate(lesson["add"](nodes[0], lost), dy)
        return [node.grad for node in nodes]

    found = gradcheck.check(forward, forgetful, *arrays, rng=rng)
    assert [error < 1e-6 for error in found.errors.values()] == [True, False, False]


def test_what_nobody_walks_back_is_kept_all_the_same_unless_the_tape_is_off(lesson):
    assert "2001 nodes are kept for one number" in lesson["printed"]
    assert "1 node, 2560 bytes" in lesson["printed"]
    for off, alive in ((False, True), (True, False)):
        leaf = Node(np.ones(3))
        watched = weakref.ref(leaf)
        with tape.no_grad() if off else pytest.MonkeyPatch.context():
            result = lesson["add"](leaf, leaf)
        del leaf
        gc.collect()
        assert (watched() is not None) == alive and result.value.sum() == 6


def test_the_tape_trains_with_the_losses_of_the_layers_to_rounding(lesson):
    (by_tape, by_layers), finer = lesson["both_losses"].T, lesson["finer"]
    assert len(by_tape) > 20 and by_tape[-5:].mean() < 0.75 * by_tape[0]
    assert 0 < np.abs(by_tape - by_layers).max() < 1e-5
    assert np.abs(finer[:, 0] - finer[:, 1]).max() < 1e-12
    assert exercises.predictions.get("B/same_losses").answer == "b"
    assert lesson["trained"][0].value.dtype == np.float32


def test_a_lost_use_would_show_in_the_losses(lesson, monkeypatch):
    """Else the agreement above would say nothing."""

    def overwriting(root):
        order = tape.topological_order(root)
        root.grad = np.ones_like(root.value)
        for node in reversed(order):
            for parent, gradient in zip(node.parents, node.local(node.grad) if node.local else (), strict=True):
                parent.grad = gradient * (1 if parent.name != "b1" else 0)

    x, y = lesson["x_train"][:64], lesson["y_train"][:64]
    losses = {}
    for name, walk in (("right", tape.backpropagate), ("wrong", overwriting)):
        monkeypatch.setitem(lesson, "backpropagate", walk)
        nodes = lesson["as_nodes"](lesson["layered"](np.random.default_rng(0)))
        step = lesson["descend"](nodes, 0.1)
        losses[name] = [lesson["tape_step"](nodes, step, x, y) for _ in range(5)]
    assert np.abs(np.subtract(losses["right"], losses["wrong"])).max() > 1e-4


# ---------------------------------------------------------------- the gradient of a gradient


def test_the_three_functions_are_the_derivatives_of_one_number(lesson, rng):
    x, w, dy = rng.standard_normal((2, 2, 4, 3)), rng.standard_normal((3, 2, 3, 3)), rng.standard_normal((2, 3, 4, 3))
    conv, back_x, back_w = (lesson[name] for name in ("conv", "back_x", "back_w"))
    total = np.sum(dy * conv(x, w))
    assert np.isclose(total, np.sum(x * back_x(dy, w))) and np.isclose(total, np.sum(w * back_w(dy, x)))


def test_the_way_back_of_each_agrees_with_slopes_and_is_made_of_the_other_two(lesson, rng):
    x, w, dy = rng.standard_normal((1, 2, 4, 3)), rng.standard_normal((3, 2, 3, 3)), rng.standard_normal((1, 3, 4, 3))
    for name, pair in (("conv", (x, w)), ("back_x", (dy, w)), ("back_w", (dy, x))):
        assert gradcheck.check(*lesson["THREE"][name], *pair, rng=rng), name
    assert "two convolutions: True" in lesson["printed"]


def test_the_gradient_of_a_gradient_needs_both_ways_to_the_weights(lesson, rng):
    x, w = rng.standard_normal((1, 2, 4, 3)), rng.standard_normal((3, 2, 3, 3))
    forward = lambda x, w: lesson["steepness"](Node(x), Node(w)).value
    assert gradcheck.check(forward, lesson["steepness_backward"], x, w, rng=rng)

    def direct_way_alone(u, x, w):
        dy = lesson["conv"](x, w)
        return lesson["steepness_backward"](u, x, w)[0], lesson["back_w"](dy, u)

    assert [error < 1e-6 for error in gradcheck.check(forward, direct_way_alone, x, w, rng=rng).errors.values()] == [
        True,
        False,
    ]


def test_pytorch_agrees_where_it_is_installed(lesson):
    said = lesson["compared"](), lesson["judged"]()
    if lesson["torch"] is None:
        assert all("PyTorch is not installed here" in sentence for sentence in said)
    else:
        assert said[0].endswith("the same gradients: True") and said[1] == "gradient right, its gradient right"


def test_without_pytorch_its_cells_say_so_and_go_on(lesson, monkeypatch):
    monkeypatch.setitem(lesson, "torch", None)
    for name in ("compared", "judged"):
        assert lesson[name]().endswith("PyTorch is not installed here")
    source = next(cell.source for cell in cells() if "class Conv(Function)" in cell.source)
    exec(source, {**lesson, "Function": object})


# ---------------------------------------------------------------- pictures


def test_the_animation_adds_up_to_what_the_tape_finds():
    root = small_tape()
    story = frames.backpropagate(root)
    tape.backpropagate(root)
    totals = story.sum()
    assert len(totals) == 5
    for node in tape.topological_order(root):
        assert totals[f"d{node.name}"].item() == node.grad


def test_the_animation_counts_a_node_that_is_both_factors_twice():
    x = Node(np.array(3.0), "x")
    square = tape.record(np.multiply, lambda dy, a, b: (dy * b, dy * a), x, x)
    square.name = "y"
    assert frames.backpropagate(square).sum()["dx"].item() == 6


def test_what_the_animation_cannot_show_is_refused_by_name():
    x = Node(np.ones(2), "x")
    for root, error in ((3, TypeError), (x, ValueError), (Node(np.array(1.0), ""), ValueError)):
        with pytest.raises(error, match="root must be"):
            frames.backpropagate(root)
    node = Node(np.array(1.0), "n0")
    for number in range(1, 13):
        node = tape.record(lambda a: a, lambda dy, a: (dy,), node)
        node.name = f"n{number}"
    with pytest.raises(ValueError, match="at most 12 nodes"):
        frames.backpropagate(node)


def test_no_two_boxes_of_a_drawn_tape_overlap_and_results_stand_right_of_their_parents(lesson):
    for root in (lesson["f"], lesson["loss"], small_tape()):
        places = figures._places_on_tape(tape.topological_order(root))
        assert len({*places.values()}) == len(places)
        assert all(places[parent][0] < places[node][0] for node in places for parent in node.parents)


def test_no_arrow_of_a_drawn_tape_runs_through_a_box(lesson):
    for root in (lesson["f"], lesson["loss"], lesson["steep"]):
        (ax,) = figures.row(7, height=3)
        figures.tape(ax, tape.topological_order(root))
        ax.figure.canvas.draw()
        boxes = [box.get_window_extent().padded(-3) for box in ax.patches]
        arrows = [drawn.arrow_patch for drawn in ax.texts if getattr(drawn, "arrow_patch", None)]
        assert len(arrows) == sum(len(node.parents) for node in tape.topological_order(root))
        for arrow in arrows:
            lines = arrow.get_transform().transform_path(arrow.get_path()).to_polygons(closed_only=False)
            points = np.concatenate([np.linspace(a, b, 20) for line in lines for a, b in itertools.pairwise(line)])
            assert not any(box.contains(*point) for box in boxes for point in points)
        plt.close("all")
