"""What lesson 06 states is computed from the lesson's own cells, so that text and code cannot drift apart."""

import lesson_run
import matplotlib
import numpy as np
import pytest
from claims import states, text_of
from lesson_run import Run, answer, chosen
from matplotlib import pyplot as plt

from course_lib import exercises, figures, gradcheck, init, layers
from course_lib import functional as F
from course_lib.exercises.lessons import lesson_06_layer, lesson_06_linear
from course_lib.layers import Module, Parameter, Sequential
from course_lib.optim import SGD, Adam
from course_lib.publish import build

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSON = "06_layer_with_a_memory"


@pytest.fixture(scope="module")
def quietly(tmp_path_factory):
    """Progress goes to a temporary file, and no figure stays open."""
    with lesson_run.quietly(tmp_path_factory):
        yield


@pytest.fixture(scope="module")
def lesson(quietly):
    """The lesson as it is shipped, with nothing solved."""
    return Run(LESSON)


# ---------------------------------------------------------------- the smallest layer


def test_the_smallest_layer_gives_the_numbers_of_the_text(lesson):
    y, dx, dw, db = lesson.numbers_printed_by('print("y ", scale(3.0))')
    assert (y, dx, dw, db) == (7, 10, 15, 5)
    states(text_of(LESSON), 2, 1, 3, y, db, about="Forward")
    states(text_of(LESSON), dx, dw, db)


def test_of_the_three_gradients_only_dw_depends_on_the_image(lesson):
    said = [line.split()[-1] for line in lesson.printed_by("for name, one, two in zip").splitlines()]
    assert said == ["True", "False", "True"]
    assert chosen("06/remember") == "`dw` only"


def test_a_second_backward_pass_doubles_what_is_collected(lesson):
    assert lesson.numbers_printed_by("dw after zero_grad") == [30, 0]
    assert chosen("06/twice") == "30"


def test_a_weight_used_twice_collects_from_both_uses(lesson):
    assert lesson.numbers_printed_by("first.backward(second.backward(1.0))") == [13, 13]
    assert answer("06/shared")() == 13
    assert lesson["Scale"](2, 1)(3.0) == 7


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
    states(text_of(LESSON), layer.weight.grad.item(), answer("06/shared")(), 3, 7, 7, 1, 7, 2, 7)
    with pytest.raises(ValueError, match="must be a layer of its own"):
        Sequential(layer, layer)


# ---------------------------------------------------------------- the memory corrupted


def test_a_weight_moved_too_soon_makes_a_wrong_dx(lesson):
    assert lesson.numbers_printed_by("for kind in (Scale, Hasty)") == [10, answer("06/hasty")()] == [10, 2.5]


def test_a_second_name_for_the_weights_shows_old_ones_once_somebody_assigns(lesson):
    assert lesson.numbers_printed_by("for kind in (Scale, Keeper)") == [2.5, 2.5, 7, 2.5]
    assert chosen("06/kept") == "7, and 7 again"


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
    assert answer("06/integers")().tolist() == [1, 0, 0]
    (question,) = [p for p in lesson_06_layer.PREDICTIONS if p.name == "06/integers"]
    assert "`[1.5, -0.5, 0.75]`" in question.text and "[ 1.5  -0.5   0.75]" in printed


# ---------------------------------------------------------------- linear


def test_the_question_about_the_linear_layer_is_about_the_lessons_own_numbers():
    (source,) = [cell.source for cell in build.assemble(LESSON).cells if cell.source.startswith("x = np.array")]
    names = {"np": np}
    exec(source, names)
    for name, expected in (
        ("x", lesson_06_linear.LINEAR_X),
        ("w", lesson_06_linear.LINEAR_W),
        ("dy", lesson_06_linear.LINEAR_DY),
    ):
        np.testing.assert_array_equal(names[name], expected)
    assert answer("06/linear_weight")() == 1 * 2 + 2 * 1


# ---------------------------------------------------------------- the layer in other styles


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
    run = Run(LESSON, Conv2d=OF_ANOTHER_STYLE)
    assert "✓" in run.printed_by('Conv2d = check("Conv2d")')
    assert issubclass(run["OwnConv2d"], run["Conv2d"]) and not issubclass(run["Conv2d"], lesson_06_layer.Conv2d)


def test_the_class_on_the_learners_own_functions_gives_what_the_librarys_gives(lesson):
    rng = np.random.default_rng(0)
    own = lesson["OwnConv2d"](2, 3, 3, stride=2, padding=1, rng=rng)
    librarys = layers.Conv2d(2, 3, 3, stride=2, padding=1)
    librarys.load_state_dict(own.state_dict())
    x = rng.standard_normal((2, 2, 6, 7))
    y = own(x)
    np.testing.assert_allclose(y, librarys(x), atol=1e-6)
    dy = rng.standard_normal(y.shape)
    np.testing.assert_allclose(own.backward(dy), librarys.backward(dy), atol=1e-6)
    np.testing.assert_allclose(own.weight.grad, librarys.weight.grad, atol=1e-5)


def test_the_class_on_the_learners_own_functions_takes_those_that_mine_hands_out(lesson, monkeypatch):
    called = []

    def counted(name):
        function = getattr(lesson["mine"], name)
        return lambda *values: called.append(name) or function(*values)

    for name in ("im2col", "conv2d_backward"):
        monkeypatch.setattr(lesson["mine"], name, counted(name), raising=False)
    own = lesson["OwnConv2d"](1, 1, 2, rng=np.random.default_rng(0))
    own.backward(own(np.ones((1, 1, 3, 3))))
    assert called == ["im2col", "conv2d_backward"]


# ---------------------------------------------------------------- the layer to repair


def test_the_broken_linear_layer_passes_the_gradient_check_and_fails_both_tests_of_its_memory():
    broken = lesson_06_linear.Linear
    rng = np.random.default_rng(0)
    assert gradcheck.check_layer(broken(3, 2, rng=rng).astype(np.float64), rng.standard_normal((4, 3)), rng=rng)
    layer, x, dy = broken(3, 2, rng=rng), rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    layer(x)
    layer.backward(dy)
    once = layer.weight.grad.copy()
    layer.backward(dy)
    assert np.allclose(layer.weight.grad, once)
    broken(3, 2, rng=rng)(-x)
    layer.backward(dy)
    assert not np.allclose(layer.weight.grad, once)


def test_the_repaired_one_passes_the_two_tests_of_its_memory(lesson):
    assert [line.split()[-1] for line in lesson.printed_by("two backward passes, twice").splitlines()] == ["True"] * 2


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
    assert told == {"dx": [lesson_06_layer.IN_BACKWARD]}  # once, though weight.grad is missing too


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
