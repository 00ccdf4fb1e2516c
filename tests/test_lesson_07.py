"""What lesson 07 states is computed from the lesson's own cells, so that text and code cannot drift apart."""

from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from claims import states, text_of
from lesson_run import Run, answer, chosen, quietly
from matplotlib import pyplot as plt

from course_lib import figures, frames, gradcheck, layers, loops, optim
from course_lib import functional as F
from course_lib.exercises.lessons import lesson_07, lesson_07_loss
from course_lib.layers import Sequential

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSON = "07_scores_to_first_step"


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The lesson as it is shipped, with nothing solved. Progress goes to a temporary file, and no figure stays open."""
    with quietly(tmp_path_factory):
        yield Run(LESSON)


# ---------------------------------------------------------------- the loss


def test_the_three_scores_of_the_text_have_the_loss_and_the_slopes_it_shows():
    np.testing.assert_allclose(F.softmax(lesson_07.LOGITS), [[0.25, 0.5, 0.25]])
    assert F.cross_entropy(lesson_07.LOGITS, lesson_07.RIGHT_CLASS)[0] == pytest.approx(0.693, abs=5e-4)
    states(text_of(LESSON), 1, 2, round(np.log(2), 3), about="-\\ln p_t")
    np.testing.assert_allclose(answer("07/softmax_gradient")(), [0.25, -0.5, 0.25])


def test_the_first_loss_is_the_logarithm_of_ten(lesson):
    assert lesson.numbers_printed_by("F.cross_entropy(np.zeros((1, 10))") == [2.3026]
    assert answer("07/first_loss")() == pytest.approx(2.3026, abs=5e-5)


def test_large_scores_overflow_where_the_text_says_and_do_not_once_shifted(lesson):
    double, single = (np.log(np.float64(np.finfo(kind).max)) for kind in (np.float64, np.float32))
    states(text_of(LESSON), round(double, 2), round(single, 1))
    printed = lesson.printed_by("raised = np.exp(z - z.max())")
    assert "[inf inf inf]" in printed and "[nan nan nan]" in printed and "[0.245 0.665 0.09 ]" in printed
    assert chosen("07/overflow") == "[nan, nan, nan]"
    assert lesson.printed_by("log(sum of exp)").split()[-1] == "1000.0"


def test_cross_entropy_lets_go_of_a_sure_answer_and_squares_pull_it_back(lesson):
    score = lesson["scores"][:, 0, 0]
    entropy, squares = np.array(lesson["by_entropy"]), np.array(lesson["by_squares"])
    assert (entropy < 0).all() and (entropy >= -1).all() and abs(entropy[-1]) < 1e-3
    assert np.array_equal(np.sign(squares.round(12)), np.sign((score - 1).round(12)))


def test_the_maximum_of_the_batch_underflows_in_the_row_below(lesson):
    each, of_batch = lesson.printed_by("two_rows = ").splitlines()
    assert "nan" not in each and of_batch.endswith("[nan nan]")
    assert chosen("07/batch_maximum") == "[nan, nan]"
    shifted = np.exp(np.array([[1000.0, 1001], [0, 1]]) - 1001)
    assert np.isfinite(shifted).all() and not shifted[1].any()


def test_the_loss_to_repair_is_right_for_everyday_scores_and_fails_where_the_text_says():
    rng = np.random.default_rng(0)
    z, t = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1])
    assert lesson_07_loss.cross_entropy_loss(z, t) == pytest.approx(F.cross_entropy(z, t)[0])
    with np.errstate(all="ignore"):
        assert np.isnan(lesson_07_loss.cross_entropy_loss(np.array([[1000.0, 1001], [0, 1]]), np.array([0, 0])))
        assert np.isinf(lesson_07_loss.cross_entropy_loss(np.array([[0.0, 1000]]), np.array([0])))
    assert loops.cross_entropy_loss(z, t) == pytest.approx(F.cross_entropy(z, t)[0], rel=1e-12)
    assert loops.cross_entropy_loss(np.array([[0.0, 1000]]), np.array([0])) == 1000


# ---------------------------------------------------------------- the network


def test_the_network_has_the_sizes_that_the_text_names(lesson):
    counts = [sum(p.data.size for p in layer.parameters()) for layer in lesson["sent"].layers]
    states(text_of(LESSON), sum(counts))
    assert sum(counts) == 34_826 and (counts[3] + counts[8]) / sum(counts) > 0.95
    assert lesson["values"][7].shape == (1, answer("07/flatten_width")()) == (1, 1600)
    assert sum(value.nbytes for value in lesson["values"][:-1]) > lesson["weights"]


def test_the_walk_and_the_table_below_it_show_the_same_backward_pass(lesson):
    network = lesson["classic"](np.random.default_rng(0))
    story = frames.backward_walk(network, lesson["digit"], lesson["label"])
    printed, *_ = lesson.printed_by("mean |dx|").splitlines()
    assert printed.startswith("loss ") and f"the loss is {printed.split()[1]}." in story.steps[0].sentence
    np.testing.assert_allclose(story.sum()["dx"], lesson["gradients"][-1], rtol=1e-5)


def test_pools_leave_holes_and_convolutions_fill_them(lesson):
    back = lesson["gradients"]  # from dlogits, 0, to the pixels, 9
    zeros = [np.mean(gradient == 0) for gradient in back]
    in_pool = back[4][0]
    assert in_pool.shape == (64, 11, 11) and (np.sum(in_pool == 0, axis=(1, 2)) >= answer("07/pool_zeros")()).all()
    assert zeros[5] > 0.9 and zeros[6] < 0.3  # ReLU, and the convolution before it
    sizes = [np.abs(gradient).mean() for gradient in back]
    steps = [max(pair) / min(pair) for pair in pairwise(sizes)]
    assert 10 < max(steps) < 20  # "by a factor of more than ten"


def test_the_gradient_of_the_background_is_zero(lesson):
    inked, pixels = np.argwhere(lesson["digit"][0, 0]), lesson["gradients"][-1][0, 0]
    for place in np.argwhere(pixels):  # in one window of 3 x 3 with ink
        assert np.abs(inked - place).max(axis=1).min() <= 2
    assert np.mean(pixels == 0) > 0.4


def test_the_gradient_of_the_pixel_agrees_with_its_measurement(lesson):
    assert lesson["nudge"] == pytest.approx(lesson["slope"][lesson["i"], lesson["j"]], rel=1e-5)


def test_the_small_network_passes_its_gradient_check_and_a_wrong_dx_spoils_what_is_left_of_it(lesson):
    def small(Second):
        rng = np.random.default_rng(3)
        return Sequential(
            layers.Conv2d(1, 2, 3, rng=rng), layers.ReLU(), Second(2, 3, 3, rng=rng), layers.Flatten(),
            layers.Linear(3 * 4 * 5, 2, rng=rng),
        ).astype(np.float64)  # fmt: skip

    class Turned(layers.Conv2d):
        def backward(self, dy):
            super().backward(dy)
            return F.conv2d_input_gradient(dy, self.x, self.weight.data[:, :, ::-1, ::-1], **self.geometry)

    x = np.random.default_rng(4).standard_normal((2, 1, 8, 9))
    assert gradcheck.check_layer(small(layers.Conv2d), x, rng=np.random.default_rng(5))
    errors = gradcheck.check_layer(small(Turned), x, rng=np.random.default_rng(5)).errors
    wrong = {name.split()[0] for name, error in errors.items() if error > 1e-6}
    assert wrong == {"dx", "0.weight", "0.bias"}
    assert lesson.printed_by("def loss_with_kernel(w)").strip() == "below 1e-6: True"


def test_the_jacobians_that_nobody_writes_down_have_the_sizes_it_prints(lesson):
    printed = lesson.printed_by("J would be")
    for came, went in zip(lesson["values"][:3], lesson["values"][1:4], strict=True):
        assert f"{went.size} x {came.size}" in printed
    states(text_of(LESSON), lesson["sent"][0].weight.data.size, about="kernels of the first convolution")


def test_two_convolutions_without_a_nonlinearity_are_one_larger_one():
    rng = np.random.default_rng(0)
    x, w1, w2 = rng.standard_normal((1, 1, 7, 7)), rng.standard_normal((2, 1, 3, 3)), rng.standard_normal((1, 2, 3, 3))
    one = sum(F.conv2d(np.pad(w2[:, i : i + 1], ((0, 0), (0, 0), (2, 2), (2, 2))), w1[i : i + 1, :, ::-1, ::-1])
              for i in range(2))  # fmt: skip
    assert one.shape == (1, 1, 5, 5)
    np.testing.assert_allclose(F.conv2d(F.conv2d(x, w1), w2), F.conv2d(x, one), atol=1e-12)


# ---------------------------------------------------------------- steps


def test_the_moving_averages_are_biased_and_their_correction_gives_the_gradient_and_its_square(lesson):
    rows = [line.split() for line in lesson.printed_by("optim.adam_step").splitlines()[1:]]
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4, 5]
    assert all((float(row[2]), float(row[4])) == (4, 16) for row in rows)
    np.testing.assert_allclose(answer("07/first_averages")(), [float(rows[0][1]), float(rows[0][3])], atol=1e-12)
    states(text_of(LESSON), 0.1, 0.001, round(0.1 / 0.001**0.5, 1), about="Without")


def test_the_first_step_without_the_correction_is_as_much_too_long_as_the_text_says():
    zero, gradient = np.zeros(1), np.array([4.0])
    moved, m, v = optim.adam_step(zero, gradient, zero, zero, 1, 1.0)
    uncorrected = m / np.sqrt(v)
    assert uncorrected / -moved == pytest.approx(0.1 / 0.001**0.5, rel=1e-6)


def test_momentum_and_adam_take_the_steps_of_the_text(lesson):
    assert lesson.numbers_printed_by("optimizer = SGD([weight], lr=0.1, momentum=0.9)") == [1.6, 0.84]
    np.testing.assert_allclose(answer("07/momentum")(), [1.6, 0.84])
    printed = lesson.printed_by("for size in (4.0, 0.004)")
    assert [line.split()[-1] for line in printed.splitlines()] == ["[1.9]", "[1.9]"]


def test_in_the_valley_sgd_jumps_across_and_the_others_are_carried_past_the_bottom(lesson):
    paths = lesson["paths"]
    steep = paths["SGD"][:, 1]
    assert (steep[1:] * steep[:-1] < 0).all() and (paths["SGD"][:, 0] < 0).all()
    for name in ("momentum", "Adam"):
        flat = paths[name][:, 0]
        assert flat.max() > 0.2 and flat[-1] < flat.max()


# ---------------------------------------------------------------- training


def test_the_network_with_the_learners_layer_trains_just_as_the_librarys(lesson):
    assert lesson.printed_by("the same loss in every step").strip().endswith("True")
    assert lesson["histories"][0].test_accuracy[-1] > 0.93
    states(text_of(LESSON), 19, 20, about="digits")
    assert lesson["histories"][0].step_loss[-1] < 0.5 * lesson["histories"][0].step_loss[0]


def test_what_trains_is_the_learners_loss_and_step(lesson):
    loss, (weight,) = lesson["OwnLoss"](), [layers.Parameter(np.ones(2))]
    z, t = np.array([[1.0, 2, 0]]), np.array([1])
    assert loss(z, t) == pytest.approx(F.cross_entropy(z, t)[0])
    np.testing.assert_allclose(loss.backward(), F.cross_entropy(z, t)[1])
    weight.grad = np.array([1.0, 2])
    optimizer = lesson["OwnSGD"]([weight], lr=0.1, momentum=0.9)
    optimizer.step()
    optimizer.step()
    np.testing.assert_allclose(weight.data, [1 - 0.1 * 2.9, 1 - 0.2 * 2.9])


OTHERS = """
class OtherLinear(layers.Module):
    def __init__(self, n_in, n_out, rng=None):
        self.bias = Parameter(np.zeros(n_out))
        self.weight = Parameter(rng.normal(0, (2 / n_in) ** 0.5, (n_out, n_in)))

    def forward(self, x):
        self.memory = np.array(x)
        return x @ self.weight.data.T + self.bias.data

    def backward(self, dy):
        self.weight.grad, self.bias.grad = self.weight.grad + dy.T @ self.memory, self.bias.grad + dy.sum(0)
        return dy @ self.weight.data


Linear = OtherLinear
"""


def test_a_learners_own_class_of_another_style_trains_as_the_librarys(lesson):
    run = Run(LESSON, before=OTHERS)
    assert isinstance(run["yours"][7], run["OtherLinear"])
    assert run.printed_by("the same loss in every step").strip().endswith("True")
    assert 0 < np.abs(np.subtract(*run["losses"])).max() < 1e-9  # 0.04 in float32


def test_every_row_of_the_table_is_a_transpose(lesson):
    assert len(lesson["rows"]) == 7
    assert [line.split()[-1] for line in lesson.printed_by("gradcheck.adjoint_gap").splitlines()] == ["True"] * 8
    np.testing.assert_allclose(lesson["dw"], F.conv2d_backward(lesson["dy"], lesson["x"], lesson["w"])[1])


# ---------------------------------------------------------------- its pictures


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_a_descent_draws_each_path_with_a_marker_of_its_own(ax):
    paths = {"one": np.array([(-2.0, 1), (-1, 0.5), (0, 0)]), "other": np.array([(-2.0, 1), (0.5, -0.5)])}
    figures.descent(ax, lambda a, b: a**2 + b**2, paths)
    assert [line.get_label() for line in ax.lines] == ["one", "other"]
    for line, path in zip(ax.lines, paths.values(), strict=True):
        np.testing.assert_array_equal(np.transpose(line.get_data()), path)
    assert len({line.get_marker() for line in ax.lines}) == 2


def test_slopes_print_signed_numbers_and_mark_the_right_class(ax):
    figures.slopes(ax, np.array([0.25, -0.5, 0.25]), answer=1)
    assert [text.get_text() for text in ax.texts] == ["+0.25", "−0.5", "+0.25"]
    colours = [label.get_color() for label in ax.get_xticklabels()]
    assert colours[1] == figures.COLOURS["output"] != colours[0] == colours[2]
