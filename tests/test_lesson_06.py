"""What lesson 06 states is computed from the lesson's own cells, so that text and code cannot drift apart."""

import contextlib
import io
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from claims import states, text_of
from matplotlib import pyplot as plt

from course_lib import exercises, figures, frames, gradcheck, init, layers
from course_lib import functional as F
from course_lib.exercises.lessons import lesson_06_layer, lesson_06_linear, lesson_07
from course_lib.layers import Module, Parameter, Sequential
from course_lib.looks import PALETTE
from course_lib.optim import SGD, Adam
from course_lib.publish import build

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSON = "06_layer_with_a_memory"


class Run:
    """The lesson's code cells, run in order in one namespace: `names`, and what each cell printed."""

    def __init__(self, **written):
        """written: for some exercises, the source that replaces the stub in their cell."""
        self.names, self.printed = {}, {}
        for cell in build.assemble(LESSON).cells:
            if cell.cell_type == "code":
                about = cell.metadata.get("course", {})
                own = written.get(about.get("exercise")) if about.get("part") == "stub" else None
                self._run(own or cell.source)

    def _run(self, source):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(source, LESSON, "exec"), self.names)
        self.printed[source] = printed.getvalue()

    def __getitem__(self, name):
        return self.names[name]

    def printed_by(self, text):
        """What the one cell printed in whose source the text stands."""
        (source,) = [source for source in self.printed if text in source]
        return self.printed[source]

    def numbers_printed_by(self, text):
        words = self.printed_by(text).replace("[", " ").replace("]", " ").split()
        return [float(word) for word in words if word.replace(".", "", 1).lstrip("+-").isdigit()]


@pytest.fixture(scope="module")
def quietly(tmp_path_factory):
    """Progress goes to a temporary file, and no figure stays open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS", str(tmp_path_factory.mktemp("progress") / "progress.json"))
        patch.setattr(plt, "show", lambda: plt.close("all"))
        yield


@pytest.fixture(scope="module")
def lesson(quietly):
    """The lesson as it is shipped, with nothing solved."""
    return Run()


def answer(name):
    return exercises.predictions.get(f"06/{name}").answer


def chosen(name):
    """What the right choice says."""
    return exercises.predictions.get(f"06/{name}").choices[answer(name)][0]


# ---------------------------------------------------------------- the smallest layer


def test_the_smallest_layer_gives_the_numbers_of_the_text(lesson):
    y, dx, dw, db = lesson.numbers_printed_by('print("y ", layer(3.0))')
    assert (y, dx, dw, db) == (7, 10, 15, 5)
    states(text_of(LESSON), 2, 1, 3, y, db, about="Forward")
    states(text_of(LESSON), dx, dw, db)


def test_of_the_three_gradients_only_dw_depends_on_the_image(lesson):
    said = [line.split()[-1] for line in lesson.printed_by("for name, one, two in zip").splitlines()]
    assert said == ["True", "False", "True"]
    assert chosen("remember") == "`dw` only"


def test_a_second_backward_pass_doubles_what_is_collected(lesson):
    assert lesson.numbers_printed_by("dw after zero_grad") == [30, 0]
    assert chosen("twice") == "30"


def test_a_weight_used_twice_collects_from_both_uses(lesson):
    assert lesson.numbers_printed_by("first.backward(second.backward(1.0))") == [13, 13]
    assert answer("shared")() == 13 and lesson["h"] == 7


def test_with_set_in_place_of_add_the_last_use_is_all_that_counts(lesson):
    class Setting(lesson["Scale"]):
        def backward(self, dy):
            self.zero_grad()
            return super().backward(dy)

    first, second = Setting(2, 1), Setting(2, 1)
    second.weight, second.bias = first.weight, first.bias
    second(first(3.0))
    first.backward(second.backward(1.0))
    assert first.weight.grad == 6


def test_a_layer_called_twice_forgets_its_first_call(lesson):
    layer = lesson["Scale"](2, 1)
    layer(layer(3.0))
    layer.backward(layer.backward(1.0))
    assert layer.weight.grad == 21
    states(text_of(LESSON), layer.weight.grad.item(), answer("shared")(), 3, 7, 7, 1, 7, 2, 7)
    with pytest.raises(ValueError, match="must be a layer of its own"):
        Sequential(layer, layer)


# ---------------------------------------------------------------- where weights start


def test_filters_that_start_equal_get_equal_gradients(lesson):
    first, *others = lesson["net"][0].weight.grad
    assert len(others) == 3 and first.any()
    for other in others:
        np.testing.assert_allclose(other, first)


def test_the_signal_keeps_its_size_with_hes_rule_only(lesson):
    ends = {name: values[-1] for name, values in lesson["spread"].items()}
    assert ends["half of it"] < 1e-6
    assert 0.3 < ends["He"] < 1
    assert 350_000 < ends["twice as much"] < 450_000
    for name, factor in (("half of it", 0.5), ("twice as much", 2)):
        shrunk = lesson["spread"][name] / lesson["spread"]["He"]
        np.testing.assert_allclose(shrunk, factor ** np.arange(21.0), rtol=1e-3)
    n, _ = init.fan_in_and_out((1, 16, 3, 3))
    states(text_of(LESSON), 16, 3, 3, 2, n, round(np.sqrt(2 / n), 3))
    states(text_of(LESSON), 400_000)
    assert chosen("depth") == "about a millionth"
    assert 0.5**20 == pytest.approx(1e-6, rel=0.05)


# ---------------------------------------------------------------- the memory corrupted


def test_a_weight_moved_too_soon_makes_a_wrong_dx(lesson):
    assert lesson.numbers_printed_by("for kind in (Scale, Hasty)") == [10, answer("hasty")()] == [10, 2.5]


def test_a_second_name_for_the_weights_shows_old_ones_once_somebody_assigns(lesson):
    assert lesson.numbers_printed_by("for kind in (Scale, Keeper)") == [2.5, 2.5, 7, 2.5]
    assert chosen("kept") == "7, and 7 again"


def test_a_copy_of_the_weights_shows_old_ones_whatever_anybody_does(lesson):
    class Copier(lesson["Keeper"]):
        def __init__(self, w, b):
            super().__init__(w, b)
            self.w = self.weight.data.copy()

    for step in (lesson["assign"], lesson["change"]):
        layer = Copier(2, 1)
        step(layer.weight)
        assert layer(3.0) == 7


def test_optimizers_and_load_state_dict_put_a_new_array_in_place_of_the_old():
    layer = layers.Conv2d(1, 1, 2, rng=np.random.default_rng(0))
    steps = (Optimizer(layer.parameters(), 0.1).step for Optimizer in (SGD, Adam))
    for replace in (lambda: layer.load_state_dict(layer.state_dict()), *steps):
        before = layer.weight.data
        replace()
        assert layer.weight.data is not before


def test_an_input_that_is_overwritten_before_backward_makes_a_wrong_dw(lesson):
    assert lesson.numbers_printed_by("batch[:] = 100")[0] == 500


def test_integers_drop_everything_after_the_decimal_point(lesson):
    printed = lesson.printed_by("dx as made above")
    assert "[1 0 0]" in printed and "[144]" in printed
    states(text_of(LESSON), 400, 8, 400 % 2**8)
    assert answer("integers")().tolist() == [1, 0, 0]
    (question,) = [p for p in lesson_06_layer.PREDICTIONS if p.name == "06/integers"]
    assert "`[1.5, -0.5, 0.75]`" in question.text and "[ 1.5  -0.5   0.75]" in printed


# ---------------------------------------------------------------- linear


def test_the_question_about_the_linear_layer_is_about_the_lessons_own_numbers():
    (source,) = [cell.source for cell in build.assemble(LESSON).cells if "y = x wᵀ" in cell.source]
    names = {"np": np}
    exec("\n".join(source.splitlines()[:3]), names)
    for name, expected in (
        ("x", lesson_06_linear.LINEAR_X),
        ("w", lesson_06_linear.LINEAR_W),
        ("dy", lesson_06_linear.LINEAR_DY),
    ):
        np.testing.assert_array_equal(names[name], expected)
    assert answer("linear_weight")() == 1 * 2 + 2 * 1


# ---------------------------------------------------------------- the loss


def test_the_three_scores_of_the_text_have_the_loss_and_the_slopes_it_shows():
    np.testing.assert_allclose(F.softmax(lesson_07.LOGITS), [[0.25, 0.5, 0.25]])
    assert F.cross_entropy(lesson_07.LOGITS, lesson_07.RIGHT_CLASS)[0] == pytest.approx(0.693, abs=5e-4)
    states(text_of(LESSON), 1, 2, round(np.log(2), 3), about="-\\ln p_t")
    np.testing.assert_allclose(answer("softmax_gradient")(), [0.25, -0.5, 0.25])


def test_the_first_loss_is_the_logarithm_of_ten(lesson):
    assert lesson.numbers_printed_by("F.cross_entropy(np.zeros((1, 10))") == [2.3026]
    assert answer("first_loss")() == pytest.approx(2.3026, abs=5e-5)


def test_large_scores_overflow_where_the_text_says_and_do_not_once_shifted(lesson):
    double, single = (np.log(np.float64(np.finfo(kind).max)) for kind in (np.float64, np.float32))
    states(text_of(LESSON), round(double, 2), round(single, 1))
    printed = lesson.printed_by("raised = np.exp(z - z.max())")
    assert "[inf inf inf]" in printed and "[nan nan nan]" in printed and "[0.245 0.665 0.09 ]" in printed
    assert chosen("overflow") == "[nan, nan, nan]"
    assert lesson.printed_by("log(sum of exp)").split()[-1] == "1000.0"


def test_cross_entropy_lets_go_of_a_sure_answer_and_squares_pull_it_back(lesson):
    score = lesson["scores"][:, 0, 0]
    entropy, squares = np.array(lesson["by_entropy"]), np.array(lesson["by_squares"])
    assert (entropy < 0).all() and (entropy >= -1).all() and abs(entropy[-1]) < 1e-3
    assert np.array_equal(np.sign(squares.round(12)), np.sign((score - 1).round(12)))


# ---------------------------------------------------------------- the network


def test_the_network_has_the_sizes_that_the_text_names(lesson):
    counts = [sum(p.data.size for p in layer.parameters()) for layer in lesson["network"].layers]
    states(text_of(LESSON), sum(counts))
    assert sum(counts) == 34_826 and (counts[3] + counts[8]) / sum(counts) > 0.95
    assert lesson["values"][7].shape == (1, answer("flatten_width")()) == (1, 1600)
    assert sum(value.nbytes for value in lesson["values"][:-1]) > lesson["weights"]


def test_the_walk_and_the_table_below_it_show_the_same_backward_pass(lesson):
    network = lesson["classic"](np.random.default_rng(0))
    network[7].rng = np.random.default_rng(0)
    story = frames.backward_walk(network, lesson["digit"], lesson["label"])
    printed, *_ = lesson.printed_by("mean |dx|").splitlines()
    assert printed.startswith("loss ") and f"the loss is {printed.split()[1]}." in story.steps[0].sentence
    np.testing.assert_allclose(story.sum()["dx"], lesson["gradients"][-1], rtol=1e-5)


def test_pools_leave_holes_and_convolutions_fill_them(lesson):
    back = lesson["gradients"]  # from dlogits, 0, to the pixels, 9
    zeros = [np.mean(gradient == 0) for gradient in back]
    in_pool = back[4][0]
    assert in_pool.shape == (64, 11, 11) and (np.sum(in_pool == 0, axis=(1, 2)) >= answer("pool_zeros")()).all()
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
    assert lesson["measured"] == pytest.approx(lesson["slope"][lesson["i"], lesson["j"]], rel=1e-5)


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
    assert lesson.printed_by("def loss_with_kernel(w)").strip() == "True"


# ---------------------------------------------------------------- steps


def test_momentum_and_adam_take_the_steps_of_the_text(lesson):
    assert lesson.numbers_printed_by("optimizer = SGD([weight], lr=0.1, momentum=0.9)") == [1.6, 0.84]
    np.testing.assert_allclose(answer("momentum")(), [1.6, 0.84])
    printed = lesson.printed_by("for gradient in (4.0, 0.004)")
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


def test_every_row_of_the_table_is_a_transpose(lesson):
    assert len(lesson["rows"]) == 7
    assert [line.split()[-1] for line in lesson.printed_by("gradcheck.adjoint_gap").splitlines()] == ["True"] * 7
    np.testing.assert_allclose(lesson["dw"], F.conv2d_backward(lesson["dy"], lesson["x"], lesson["w"])[1])


OF_ANOTHER_STYLE = """
class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, *, rng=None):
        self.bias = Parameter(np.zeros(out_channels))
        n = in_channels * kernel_size**2
        drawn = rng.normal(0, (2 / n) ** 0.5, (out_channels, in_channels, kernel_size, kernel_size))
        self.weight = Parameter(drawn)
        self.how = dict(stride=stride, padding=padding)
        self.seen = []

    def forward(self, x):
        self.seen = [np.array(x)]
        return F.conv2d(x, self.weight.data, self.bias.data, **self.how)

    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, self.seen[-1], self.weight.data, **self.how)
        self.weight.grad, self.bias.grad = self.weight.grad + dw, self.bias.grad + db
        return dx
"""


def test_a_right_class_of_another_style_carries_the_lesson_to_its_end(quietly):
    run = Run(Conv2d=OF_ANOTHER_STYLE)
    assert "✓" in run.printed_by('Conv2d = check("Conv2d")')
    assert isinstance(run["yours"][0], run["Conv2d"]) and not isinstance(run["yours"][0], lesson_06_layer.Conv2d)
    assert run.printed_by("the same loss in every step").strip().endswith("True")


# ---------------------------------------------------------------- the lab


class Own(Module):
    """A Conv2d as a learner writes it, to be spoilt below."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, *, rng=None):
        shape = out_channels, in_channels, kernel_size, kernel_size
        self.weight = Parameter(init.he_normal(shape, rng or np.random.default_rng()))
        self.bias = Parameter(np.zeros(out_channels))
        self.stride, self.padding = stride, padding

    forward, backward = lesson_06_layer.Conv2d.forward, lesson_06_layer.Conv2d.backward


def judged(cls):
    return exercises.get("Conv2d").judge(cls)


def test_a_class_like_the_stub_is_right():
    verdict = judged(Own)
    assert verdict.status == "right" and verdict.remarks == []


def test_a_class_that_is_no_module_is_told_that_networks_take_only_modules():
    plain = type("Conv2d", (), dict(vars(Own)))
    assert "class Conv2d(Module)" in judged(plain).mistakes["results"][0]


def test_a_constructor_that_does_not_take_rng_is_told_to_keep_it():
    class WithoutRng(Own):
        def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
            super().__init__(in_channels, out_channels, kernel_size, stride, padding, rng=np.random.default_rng(0))

    assert "does not take `rng`" in judged(WithoutRng).mistakes["results"][0]


def test_an_exception_in_the_constructor_that_is_not_about_rng_is_shown_as_it_is():
    class Adds(Own):
        def __init__(self, *sizes, rng=None, **geometry):
            super().__init__(*sizes, rng=rng, **geometry)
            self.weight = self.weight + 1

    verdict = judged(Adds)
    assert verdict.status == "error" and verdict.raised.kind == "TypeError"
    assert verdict.raised.line == "self.weight = self.weight + 1"


def test_a_parameter_too_many_is_named():
    class Doubled(Own):
        def __init__(self, *sizes, rng=None, **geometry):
            super().__init__(*sizes, rng=rng, **geometry)
            self.kernel = self.weight

    assert "weight, bias, kernel" in judged(Doubled).mistakes["results"][0]


def test_a_plain_array_in_place_of_a_parameter_is_named():
    class Bare(Own):
        def __init__(self, *sizes, rng=None, **geometry):
            super().__init__(*sizes, rng=rng, **geometry)
            self.bias = self.bias.data

    assert ".bias that is a Parameter" in judged(Bare).mistakes["results"][0]


def test_a_constructor_alone_is_seen():
    class Begun(Own):
        def forward(self, x): ...

        def backward(self, dy): ...

    assert "The constructor is written" in judged(Begun).mistakes["results"][0]


def test_a_right_layer_is_told_what_its_start_lacks():
    class Small(Own):
        def __init__(self, *sizes, rng=None, **geometry):
            super().__init__(*sizes, rng=np.random.default_rng(0), **geometry)
            self.weight.data *= 0.1
            self.bias.data += 1

    verdict = judged(Small)
    assert verdict.status == "right"
    told = " ".join(verdict.remarks)
    assert "He's rule" in told and "bias does not start at zero" in told and "from `rng`" in told


def test_a_right_layer_that_needs_a_generator_is_told_just_that():
    class Needy(Own):
        def __init__(self, *sizes, rng=None, **geometry):
            super().__init__(*sizes, rng=rng, **geometry)
            self.weight.data = init.he_normal(self.weight.data.shape, rng)

    verdict = judged(Needy)
    assert verdict.status == "right"
    assert len(verdict.remarks) == 1 and "without `rng`" in verdict.remarks[0]


def backward_with(*geometry):
    def backward(self, dy):
        other = [getattr(self, part) if isinstance(part, str) else part for part in geometry]
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, *other)
        self.weight.grad += dw
        self.bias.grad += db
        return dx

    return type("Conv2d", (Own,), {"backward": backward})


@pytest.mark.parametrize("geometry", [(), ("stride",), (1, "padding")])
def test_a_backward_without_stride_or_padding_is_told_to_hand_them_on(geometry):
    told = judged(backward_with(*geometry)).mistakes
    assert told == {"dx": [lesson_06_layer.IN_BACKWARD], "weight.grad": [lesson_06_layer.IN_BACKWARD]}


def test_a_backward_with_both_is_right():
    assert judged(backward_with("stride", "padding")).status == "right"


def test_an_input_that_was_never_kept_is_named_beside_pythons_own_error():
    class Forgetful(Own):
        def forward(self, x):
            return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)

        def backward(self, dy):
            return F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)[0]

    verdict = judged(Forgetful)
    assert verdict.status == "error" and "no attribute 'x'" in verdict.raised.message
    assert list(verdict.mistakes) == ["dx"] and "memory" in verdict.mistakes["dx"][0]
    assert list(verdict.raised.values) == ["dy", "self.weight", "self.stride", "self.padding"]


def test_a_backward_that_returns_all_three_gradients_is_told_to_return_one():
    class Generous(Own):
        def backward(self, dy):
            return F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)

    assert "returns 3 results" in judged(Generous).mistakes["results"][0]


@pytest.mark.parametrize("rate", [0.1, 0.037])
def test_a_backward_that_moves_the_weights_alone_is_told_whose_work_that_is(rate):
    class Impatient(Own):
        def backward(self, dy):
            super().backward(dy)
            self.weight.data = self.weight.data - rate * self.weight.grad
            return F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)[0]

    told = judged(Impatient).mistakes
    assert told["weight.data"] == [lesson_06_layer.STEPPED] and "bias.data" not in told
    if rate in lesson_06_layer.RATES:
        assert told["y"] == told["dx"] == [lesson_06_layer.STEPPED]


# ---------------------------------------------------------------- its pictures


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_layers_in_a_row_stand_between_arrows_forward_above_and_backward_below(ax):
    figures.layers_in_a_row(ax, ["A", "B"], ["x", "h", "y"], ["dx", "dh", "dy"], ["dw", "db"])
    texts = {text.get_text(): text for text in ax.texts if text.get_text()}
    assert set(texts) == set("A B x h y dx dh dy dw db".split())
    left, right = (texts[name].get_position()[0] for name in "AB")
    for forward, backward in (("x", "dx"), ("h", "dh"), ("y", "dy")):
        above, below = texts[forward].get_position(), texts[backward].get_position()
        assert above[1] > below[1] and above[0] == below[0]
    assert texts["x"].get_position()[0] < left < texts["h"].get_position()[0] < right < texts["y"].get_position()[0]
    bottom, top = ax.get_ylim()
    assert bottom < top
    arrows = [text for text in ax.texts if not text.get_text()]
    for arrow in arrows:
        (end, height), start = arrow.xy, arrow.xyann[0]
        assert (start < end) == (height > 0)
    assert len(arrows) == 6


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
    assert colours[1] == PALETTE["output"][0] != colours[0] == colours[2]
