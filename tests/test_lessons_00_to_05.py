"""What lessons 00 to 05 state in words is computed here from their own cells, so that text and code agree."""

import ast
import contextlib
import functools
import io
import re

import matplotlib
import numpy as np
import pytest
from claims import states, text_of
from lesson_run import quietly
from matplotlib import pyplot as plt
from places import mnist_folder

from course_lib import data, exercises, figures, frames, gradcheck, loops
from course_lib import functional as F
from course_lib.exercises import registry
from course_lib.frames.pooling import TIES
from course_lib.publish import build

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSONS = [name for name in build.lessons() if name[:2] <= "05"]
REPORT = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/(?:issues|pull)/\d+")


class Lesson:
    """A lesson, run from its first cell to its last with no lab solved.

    names: what its cells define; shown: (source, what it printed, value of its last line), one for each code cell
    """

    def __init__(self, name):
        self.text, self.names, self.shown = text_of(name), {}, []
        for cell in build.assemble(name).cells:
            if cell.cell_type == "code":
                self.shown.append((cell.source, *self._run(cell.source)))

    def _run(self, source):
        *body, last = ast.parse(source).body
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if not isinstance(last, ast.Expr):
                body, last = [*body, last], None
            exec(compile(ast.Module(body, []), "<cell>", "exec"), self.names)
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), self.names) if last else None
        return printed.getvalue(), value

    def cell(self, text):
        """(printed, value) of the one code cell that contains `text`."""
        ((_, printed, value),) = [shown for shown in self.shown if text in shown[0]]
        return printed, value

    def states(self, *figures, about=""):
        states(self.text, *figures, about=about)

    def __getitem__(self, name):
        return self.names[name]


@pytest.fixture(scope="module", autouse=True)
def nowhere(tmp_path_factory):
    with quietly(tmp_path_factory):
        yield


@functools.cache
def lesson(number):
    (name,) = [name for name in LESSONS if name.startswith(number)]
    return Lesson(name)


def story_steps_on(story, cell):
    """How many steps write to a cell, given as (grid, index)."""
    return sum(any(term.target == cell for term in story.terms(step)) for step in story.steps)


# ---------------------------------------------------------------- 00: measuring


def test_the_graph_in_00_shows_the_numbers_that_its_cells_compute():
    start = lesson("00")
    assert start.cell("f = q * z\nf")[1] == -12
    assert start.cell("dx, dy = dq, dq")[1] == (-4, -4, 3)
    shown = {name: value for name, (*_, value) in start["nodes"].items()}
    assert shown == {"x": -2, "y": 5, "z": -4, "q": -2 + 5, "f": (-2 + 5) * -4}


def test_a_number_with_two_ways_to_the_loss_adds_up_what_comes_back():
    start = lesson("00")
    start.states(1, -4, -3, about="frac{dg}{dx}")
    assert exercises.predictions.get("00/two_ways").answer() == 1 * 1 + 1 * -4
    assert start.cell("(g(-2 + 0.001")[1] == pytest.approx(-3)


def test_the_two_layers_in_00_have_the_gradients_told():
    start = lesson("00")
    y, z = start.cell("w1 * x, w2 * (w1 * x)")[1]
    assert (y, z) == (6, -30)
    start.states(y, 6, -5, -5, about="dw_2")
    assert start["chain_backward"](1.0, 3.0, 2.0, -5.0) == (-5 * 2, -5 * 3, 6)
    measured, derived = start.cell("(above - below)")[1]
    assert measured == pytest.approx(derived) == pytest.approx(-15)


def test_the_error_of_a_slope_is_least_where_00_says():
    start = lesson("00")
    start.states(np.finfo(np.float64).precision + 1, np.finfo(np.float32).precision + 1, about="digits")
    steps, double, single = start["steps"], np.array(start["errors64"]), np.array(start["errors32"])
    start.states(1e-5, about="float32")
    assert 1e-6 <= steps[double.argmin()] <= 1e-4 and double.min() < 1e-9
    assert 1e-3 <= steps[single.argmin()] <= 1e-1
    assert 1e-6 < single.min() < 1e-3  # "a handful of digits"
    start.states(2, about="\\varepsilon^2")
    assert double[-1] / double[-2] == pytest.approx(100, rel=0.05)
    assert single[0] == pytest.approx(np.e, rel=1e-6)  # the measured slope is 0
    start.states(3, about="$3x$")
    line = [start["error"](eps, np.float64, lambda x: 3 * x, lambda x: 3) for eps in (1e-1, 1e-5, 1e-9)]
    assert line[0] < 1e-14 < line[1] < line[2]
    start.states(1, round(np.e, 2), about="slope")


def test_the_slope_that_was_reported_as_wrong_in_00_is_a_whole_number_of_steps_of_float32():
    start = lesson("00")
    start.states(-0.3576, -0.3512, about="linear layer")
    step = float(np.spacing(np.float32(0.5))) / (2 * 1e-6)
    assert np.spacing(np.float32(0.5)) == 2.0**-24
    start.states(-24, 2, 10, -6, round(step, 4), round(-12 * step, 4), 12, 13, round(-13 * step, 4), about="float32")


@pytest.mark.parametrize("name", LESSONS)
def test_a_mistake_that_shipped_comes_with_its_year(name):
    paragraphs = [part for part in re.split(r"\n\s*\n", text_of(name)) if REPORT.search(part)]
    assert len({link for part in paragraphs for link in REPORT.findall(part)}) >= 3
    assert all(re.search(r"\b20[0-2]\d\b", re.sub(r"\]\([^)]*\)", "]", part)) for part in paragraphs)


def test_ones_miss_the_forgotten_transpose_as_often_as_00_says():
    start = lesson("00")
    missed = ast.literal_eval(start.cell("missed = {")[0])
    assert missed == {"ones": 1000, "random": 0}
    assert start.cell("'agrees' if")[0].split() == ["ones:", "agrees", "random:", "DIFFERS"]
    assert start["A"].sum(axis=0).tolist() == start["A"].sum(axis=1).tolist() == [6] * 5
    assert start.cell("gradcheck.check(lambda x: A @ x")[1].errors["dx"] > 1e-2
    measured, chosen = start.cell("numerical_gradient(relu, at)")[1]
    np.testing.assert_allclose(measured, [0, 0.5, 1], atol=1e-9)
    assert chosen.tolist() == [0, 0, 1]


# ---------------------------------------------------------------- 01: one dimension


def test_the_sums_that_01_works_by_hand():
    one = lesson("01")
    x, w, T, dy = (one[name] for name in ("x", "w", "T", "dy"))
    correlated, convolved = one.cell("np.correlate(x, w,")[1]
    assert correlated.tolist() == [5, 11, 18] == (T @ x).tolist() == one["conv1d"](x, w).tolist()
    assert convolved.tolist() == [7, 9, 10]
    one.states(*correlated, w[0], correlated[0], (T.T @ correlated)[0], 0, x[0], about="inverse")
    dx, dw = one["conv1d_input_gradient_scatter"](dy, x, w), one["conv1d_weight_gradient"](dy, x, w)
    products = [(dy * correlated).tolist(), (dx * x).tolist(), (dw * w).tolist()]
    assert products == [[5, -11, 36], [1, 2, 0, 3, 24], [-1, 16, 15]]
    one.states(*products[0], *products[1], *products[2])
    assert one.cell("np.array([dy @ y, dx @ x, dw @ w])")[1].tolist() == [30, 30, 30]


def test_the_table_of_the_gather_form_in_01_is_what_all_forms_give():
    one = lesson("01")
    rows = re.findall(r"^\| (\d) \| ([\d, ]+) \| .* \| \$= .*?(\d+)\$ \|$", one.text, re.MULTILINE)
    assert [int(total) for *_, total in rows] == [1, 1, 3, 1, 6]
    for i, js, _ in rows:
        i = int(i)
        assert [int(j) for j in js.split(",")] == list(range(max(0, i - 2), min(i, 2) + 1))
    spellings = one.cell("bounds = [")[1]
    assert (spellings == [1, 1, 3, 1, 6]).all()
    assert one["conv1d_input_gradient_gather"](one["dy"], one["x"], one["w"]).tolist() == [1, 1, 3, 1, 6]


def test_a_true_convolution_forward_needs_no_turn_in_the_gather_form(rng):
    x, w, dy = rng.standard_normal(9), rng.standard_normal(4), rng.standard_normal(6)
    gathered = np.correlate(np.pad(dy, 3), w, "valid")
    measured = gradcheck.numerical_gradient(lambda v: dy @ np.convolve(v, w, "valid"), x)
    np.testing.assert_allclose(gathered, measured, atol=1e-8)


@pytest.mark.parametrize("n, left_out", [(5, 0), (6, 1), (7, 0)])
def test_inputs_are_left_out_where_01_says(n, left_out):
    one = lesson("01")
    one.states(6, 6 - 3, 2, (6 - 3) % 2, 6 - 1, about="\\bmod")
    dx = one["conv1d_input_gradient_gather"](np.ones(one["out_size"](n, 3, 2)), np.ones(n), np.ones(3), 2)
    assert (dx == 0).sum() == left_out == (n - 3) % 2 and (dx[n - left_out :] == 0).all()
    assert one["out_size"](5, 3, 2) == one["out_size"](6, 3, 2)
    one.states(3, 2, 5, 6, one["out_size"](6, 3, 2))


def test_the_remainder_of_the_last_example_in_01_is_a_padding_cell_and_the_last_input():
    one = lesson("01")
    one.states(len(one["x10"]), 2 * 1, -len(one["w4"]), 3, (10 + 2 - 4) % 3, about="\\bmod")
    for form in ("scatter", "gather"):
        dx = one[f"conv1d_input_gradient_{form}"](one["dy3"], one["x10"], one["w4"], 3, 1)
        assert np.flatnonzero(dx == 0).tolist() == [9]


def test_the_remainder_that_01_tells_of_burn_is_above_1():
    lesson("01").states(1603, 4, 4, (1603 - 4) % 4, about="burn")
    assert (1603 - 4) % 4 > 1


def test_ones_spoil_what_01_counts():
    one = lesson("01")
    assert [one["spoilt"](np.ones(m), p) for p, m in ((0, 3), (1, 5), (2, 7))] == [4, 2, 0]
    assert one.cell("def spoilt")[0].count("random 5") == 3
    one.states(1, -1, about="p \\ge k")
    assert one.cell("conv1d_input_gradient_scatter(dy, x, w[::-1], 1, 2)")[1].errors["dx"] > 0.1


# ---------------------------------------------------------------- 02: two dimensions


def test_the_sums_that_02_works_by_hand():
    two = lesson("02")
    x, w, dy = two["x"], two["w"], two["dy"]
    y, dx, dw = two["conv2d_single"](x, w), two["dx"], two["dw"]
    assert y[0, 0] == 18 and dw[0, 0] == 6 and dx[1, 1] == 6 and dx[0, 0] == 1
    two.states(*np.transpose([dy.ravel(), w.ravel()[::-1]]).ravel(), dx[1, 1], about="`dx[1, 1]`")
    two.states(dy[0, 0], w[0, 0], about="`dx[0, 0]`")
    assert (dy * y).ravel().tolist() == [18, -21, 26, 19]
    two.states(*(dy * y).ravel(), 42)
    assert two.cell('f"{np.sum(a * b):g}"')[1] == ["42", "42", "42"]
    for i, j, weight, value in re.findall(r"y\[(\d), (\d)\]\$ \| row.*\| \$w\[(.*?)\] = (\d)\$", two.text):
        a, b = 1 - int(i), 1 - int(j)  # the centre, seen from the window that starts at (i, j)
        assert f"{a}, {b}" == weight and w[a, b] == int(value)


def test_pixels_feed_as_many_outputs_as_02_says():
    two = lesson("02")
    count, along = two["coverage"](7, 3), [1, 2, 3, 3, 3, 2, 1]
    np.testing.assert_array_equal(count, np.outer(along, along))
    assert (count[2:-2, 2:-2] == 9).all() and max(count[0]) == max(count[:, 0]) == 3 and count[0, 0] == 1
    two.states(3, 3, count[3, 3], max(count[0]), count[0, 0], about="feeds")
    two.states(*count.shape, *along)
    missed = two["coverage"](4, 3, 2) == 0
    assert missed.sum() == 7
    two.states(*missed.shape, missed.sum(), missed.size)
    two.states(5, 6, 6, about="range")
    two.states(5, 5, 0, about="column")
    dx = two["conv2d_single_input_gradient_gather"](two["dy22"], np.ones((6, 6)), two["nine"], 2)
    assert (dx[5] == 0).all() and (dx[:, 5] == 0).all() and (dx[:5, :5] != 0).all()


def test_the_two_forms_of_02_light_up_as_many_steps_as_it_says():
    two = lesson("02")
    given = two["dy"], two["x"], two["w"]
    scatter = frames.conv2d_single_input_gradient_scatter(*given)
    gather = frames.conv2d_single_input_gradient_gather(*given)
    products = sum(1 for step in scatter.steps for _ in scatter.terms(step))
    assert products == 16
    two.states(two["dy"].size, two["w"].size, products)
    assert story_steps_on(scatter, ("dx", 4)) == 4 and story_steps_on(gather, ("dx", 4)) == 1
    two.states(story_steps_on(scatter, ("dx", 4)), about="steps")


def test_a_kernel_turned_twice_is_wrong_in_every_pixel_of_02():
    two = lesson("02")
    slid, convolved, twice = two["results"]
    np.testing.assert_array_equal(slid, convolved)
    assert (twice != slid).all()
    two.states(slid.size, 9, about="half turn")
    scattered = two["conv2d_single_input_gradient_scatter"](two["dy"], two["x"], two["turned"])
    np.testing.assert_array_equal(scattered, twice)


def test_the_gather_form_of_02_needs_as_many_zeros_as_it_says():
    two = lesson("02")
    assert two.cell("ready = np.pad")[0].count("after that (6, 6), equal to scatter: True") == 4
    two.states(3, 3, *(3 - 1 - p for p in range(4)), 0, 3)
    fits = re.findall(r"H = (\d): .* gather gives (\d) rows", two.cell("for H in (4, 5, 6, 7)")[0])
    assert [(H, H == rows) for H, rows in fits] == [("4", False), ("5", True), ("6", False), ("7", True)]
    two.states(*(H for H, rows in fits if H == rows), *(H for H, rows in fits if H != rows), about="remainder")


def test_the_two_paddings_of_02_are_the_same_only_where_it_says():
    lesson("02").states(3, 4, 2024, 3 - 1 - 4, about="MLX")
    rng = np.random.default_rng(0)
    for k, p in np.ndindex(6, 6):
        x, w = rng.standard_normal((7, 7)), rng.standard_normal((k + 1, k + 1))
        dy = rng.standard_normal((7 + 2 * p - k,) * 2)
        dx = loops.conv2d_single_input_gradient_scatter(dy, x, w, 1, p)
        turned = [] if len(dy) + 2 * p <= k else loops.conv2d_single(dy, w[::-1, ::-1], 1, p)
        assert (np.shape(turned) == dx.shape and np.allclose(turned, dx)) == (2 * p == k), (k + 1, p)


def test_no_step_of_its_length_raises_the_edges_of_the_digit_more_than_dx_does():
    two = lesson("02")
    printed = two.cell("the loss moves by")[0]
    along, random, predicted = map(float, re.findall(r"[+-]\d+\.\d+", printed))
    assert along > abs(random) and along == pytest.approx(predicted, rel=0.01)
    digit, dx = two["digit"], two["dx_digit"]
    rng = np.random.default_rng(1)
    for _ in range(50):
        move = rng.standard_normal(digit.shape)
        slope = (two["edges"](digit + 1e-4 * move) - two["edges"](digit - 1e-4 * move)) / 2e-4
        assert slope == pytest.approx(np.sum(dx * move), rel=1e-3, abs=1e-3)
        assert slope < np.linalg.norm(dx) * np.linalg.norm(move)
    assert exercises.predictions.get("02/digit").answer == "b"
    far = two["conv2d_single"](np.abs(np.pad(digit, 2)), np.ones((5, 5))) == 0  # pixels whose neighbourhood is black
    assert far.any() and (dx[far] == 0).all()


def test_the_edges_of_02_are_positive_where_the_image_grows_brighter():
    two = lesson("02")
    ramp = np.tile(np.arange(5.0), (5, 1))
    assert (two["conv2d_single"](ramp, two["across"]) > 0).all()
    assert (two["conv2d_single"](ramp.T, two["across"].T) > 0).all()


# ---------------------------------------------------------------- 03: channels and batches


def test_the_sums_that_03_works_by_hand():
    three = lesson("03")
    assert three.cell("biases + weights @ pixel")[1].tolist() == [0, 4, 9]
    three.states(-2, 1, 2, 3, 3, 9)
    assert three.cell("y[0, 0], y[0, 1], sep")[0].startswith("True\n[[20.")
    three.states(18, 1, 1, 20)
    dy = three["dy"]
    first, second = dy[:, 0]
    assert first.sum() == 3 and second.sum() == 2 and three["bias_gradient"](dy)[0] == 5
    three.states(*first.ravel(), first.sum(), *second.ravel(), second.sum(), 0, three["bias_gradient"](dy)[0])


def test_the_mean_keeps_the_length_of_the_gradient_and_the_sum_doubles_it_in_03():
    three = lesson("03")
    printed, _ = three.cell("mean_loss = ")
    assert "mean: gradient 1 times" in printed and "sum:  gradient 2 times" in printed


def test_the_values_that_03_takes_from_pytorch_are_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    three = lesson("03")
    x, w = (torch.tensor(three[name], requires_grad=True) for name in ("whole_x", "whole_w"))
    b = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.conv2d(x, w, b, stride=2, padding=1).backward(torch.tensor(three["whole_dy"]))
    np.testing.assert_array_equal(x.grad.numpy(), three["from_pytorch"])
    np.testing.assert_array_equal(w.grad.numpy()[0], three["dw_from_pytorch"])
    np.testing.assert_array_equal(b.grad.numpy(), three["db_from_pytorch"])


def test_the_backward_pass_of_03_agrees_with_those_values():
    assert lesson("03").cell("for yours, theirs in pairs")[1] == [True, True, True]


def test_a_transposed_convolution_is_dx_only_with_the_output_padding_of_03():
    three = lesson("03")
    three.states(4, 2, -3, 2, (4 + 2 - 3) % 2)
    assert [(size + 2 - 3) % 2 for size in (4, 3)] == [1, 0]
    assert three["from_pytorch"][0, 0, -1].tolist() == [3, 6, -1]
    three.states(0, *three["from_pytorch"][0, 0, -1])
    printed, _ = three.cell("for rest in ((0, 0), (1, 0))")
    assert re.findall("equal to dx: (\\w+)", printed) == ["False", "True"]
    touched = F.conv2d_input_gradient(np.ones((1, 1, 2, 2)), np.ones((1, 1, 6, 5)), np.ones((1, 1, 3, 3)), stride=2)
    assert (touched[0, 0, :5] > 0).all() and (touched[0, 0, 5] == 0).all()  # of the padded image


def test_dw_slid_with_a_dilated_dy_has_the_extra_row_that_03_cuts_off():
    three = lesson("03")
    three.states(2, -1, about="$k + r$")
    assert three["slid"].shape == (4, 4)  # k = 3, r = 1
    assert 6 + 2 * 0 - 2 * (F.out_size(6, 3, 2) - 1) == 4
    np.testing.assert_array_equal(three["slid"][:3, :3], three["dw33"])
    x66 = three["x66"]
    assert all(len(set(np.diagonal(x66, place))) > 1 for place in range(-4, 5))  # else what slides seems not to move


def test_the_receptive_fields_of_03_are_as_wide_as_it_says():
    three = lesson("03")
    spans = [int((three["ways"](*layers) > 0).any(axis=0).sum()) for layers in ((1,), (1, 1), (2, 1))]
    assert spans == [3, 5, 7] and exercises.predictions.get("03/receptive").answer() == 5
    assert 1 + 111 * 2 < 224 <= 1 + 112 * 2
    three.states(224, 3, 3, 112, about="deep")


def test_stride_and_dilation_change_places_in_the_dw_of_03():
    three = lesson("03")
    printed, _ = three.cell("slides = ")
    assert re.findall(r"is d\w: (\w+)", printed) == ["True", "True"]
    same = F.conv2d(three["x98"].swapaxes(0, 1), three["dy98"].swapaxes(0, 1), stride=2, padding=1, dilation=3)
    assert not np.allclose(same[:, :, :3, :3].swapaxes(0, 1), three["dw98"])


def test_the_stamps_of_03_overlap_in_a_row_and_a_column():
    three = lesson("03")
    overlaps = F.conv_transpose2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 3)), stride=2)[0, 0]
    np.testing.assert_array_equal(overlaps, np.outer([1, 1, 2, 1, 1], [1, 1, 2, 1, 1]))
    three.states(3, 2, overlaps[2, 0], overlaps[2, 2], about="*overlaps*")


def test_the_work_is_what_03_counts():
    three = lesson("03")
    counted = re.findall(r"\d+", three.cell("def products")[0])
    assert len(counted) == 4 and len(set(counted)) == 1
    three.states(3, 2, 2, about="backward")  # three formulas, two numbers in each product, twice the cost
    assert three["first"] == 194_688 and three["second"] == 2_230_272
    sizes = [F.out_size(28, 3), F.out_size(26, 2, 2), F.out_size(13, 3)]
    assert sizes == [26, 13, 11]
    three.states(32, sizes[0], sizes[0], 28, 28)
    three.states(sizes[1], sizes[1], 64, sizes[2], sizes[2])


# ---------------------------------------------------------------- 04: im2col and col2im


def test_the_sums_that_04_works_by_hand():
    four = lesson("04")
    cols, dy = four["cols"], four["dy"]
    assert four["x"].size == 12 and cols.size == 24
    four.states(4, four["x"].size, cols.size)
    assert cols[0].tolist() == [1, 2, 0, 3, 1, 4] and cols[0] @ dy.ravel() == 2
    four.states(0, *cols[0], about="`cols`")
    four.states(*np.transpose([dy.ravel(), cols[0]]).ravel(), cols[0] @ dy.ravel())
    assert four["w"].ravel() @ cols[:, 0] == 18
    four.states(*np.transpose([four["w"].ravel(), cols[:, 0]]).ravel(), 18)
    four.states(0, 1, 3, 4, 3, 2, 1, 0)  # the windows that hold the pixel, then the row in which each has it
    assert [four["where"][row, window] for row, window in ((3, 0), (2, 1), (1, 3), (0, 4))] == [5] * 4
    assert four["dx"][1, 1] == 6 == sum(four["dcols"][row, window] for row, window in ((3, 0), (2, 1), (1, 3), (0, 4)))
    assert "12 weights cannot meet 36 numbers" in four.cell("tall = ")[0]
    with pytest.raises(ValueError):
        four["W_row"] @ four["tall"]


def test_overlaps_are_lost_and_kept_as_04_shows():
    four = lesson("04")
    assert (four["assigned"] == 1).all() and (four["added"] == 1).all()
    assert four["summed"].reshape(3, 4).tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]


def test_both_sides_of_the_transpose_are_48_in_04():
    four = lesson("04")
    x, v = np.array([5.0, 7, 2]).reshape(1, 1, 1, 3), np.array([1.0, 2, 3, 4])  # cell by cell, as the matrix has them
    ahead = F.im2col(x, (1, 2))[0].T.ravel()
    assert ahead.tolist() == [5, 7, 7, 2] and ahead @ v == 48
    back = F.col2im(v.reshape(2, 2).T[None], (1, 3), (1, 2))
    assert back.ravel().tolist() == [1, 5, 4] and np.sum(back * x) == 48
    four.states(*np.transpose([ahead, v]).ravel(), ahead @ v, 5, 1, 7, 2, 3, 2, 4, np.sum(back * x))


def test_the_matrix_of_im2col_has_the_ones_that_04_says():
    four = lesson("04")
    A = four["A"]
    assert A.shape == (36, 16) and (A.sum(axis=1) == 1).all()
    assert A.sum(axis=0).tolist() == np.outer([1, 2, 2, 1], [1, 2, 2, 1]).ravel().tolist()
    four.states(*(A.shape[1] // 4,) * 2, 2, 2, A.shape[1], 9, 4, 1, 0, about="Column $q$ of $A$")
    printed = four.cell("bordered = ")[0]
    assert printed.count("True") == 2 and "False" not in printed
    four.states(4, 5, 4, 80, 12, 4, 80, -48, 32)
    assert "80 entries, of which 32" in four.cell("bordered = ")[0]
    assert (F.col2im(F.im2col(np.ones((1, 1, 3, 4)), 2, 1, 1), (3, 4), 2, 1, 1) == 4).all()


def test_coverage_is_one_everywhere_only_where_windows_tile_in_04():
    four = lesson("04")
    maps = [four["coverage"](*case) for case in four["cases"]]
    assert [bool((count == 1).all()) for count in maps] == [False, True, False, False]
    assert maps[0].tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]
    (k, s), *others = [(kernel, stride) for _, kernel, stride in four["cases"]]
    four.states(k, s, 1, 2, 4, *others[0], 1, *others[1], *others[2], about="coverage")
    assert (maps[2][2] == 0).all() and (maps[2][:, 2] == 0).all() and (maps[2] == 0).sum() == 9
    assert (maps[3][5] == 0).all() and (maps[3][:, 5] == 0).all() and (maps[3] == 0).sum() == 11
    assert four.cell("inverse_gradient, x")[1].errors["dx"] > 0.1


def test_a_turn_together_with_col2im_turns_twice_in_04():
    four = lesson("04")
    assert four["folded"](four["w"]).tolist() == [[1, 2, 0], [3, 4, 0], [0, 0, 0]]
    assert four["folded"](four["w"][::-1, ::-1]).tolist() == [[4, 3, 0], [2, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(four["gathered"].reshape(3, 4), four["dx"])


def test_two_geometries_of_04_have_the_same_windows_and_other_gradients():
    four = lesson("04")
    assert F.out_size(5, 3, 2, 0) == 2
    four.states(2, 2, 3 * 3, 2 * 2)
    assert F.out_size(5, 3, 2, 1) == F.out_size(5, 3, 1, 0) == 3
    assert four["right"].shape == four["wrong"].shape and not np.allclose(four["right"], four["wrong"])
    assert re.findall(r"equal: (\w+)", four.cell("ahead = ")[0]) == ["True", "False"]


def test_memory_grows_as_04_says():
    four = lesson("04")
    rule = re.findall(r"(\d+\.\d+) times the image, rule +(\d+\.\d+)", four.cell("for k, s, p in")[0])
    assert len(rule) == 6 and all(float(made) == pytest.approx(float(said), rel=0.1) for made, said in rule)
    assert "float32: 26 MB, columns of 3 x 3: 231 MB" in four.cell("image_bytes = ")[0]
    assert four["windows"].strides == (32, 8, 32, 8) and four["windows"].size == 24
    four.states(four["windows"].size, four["x"].size, four["windows"].strides[0], about="view")
    four.states(3 * 3, 3, 3, about="rounds")


# ---------------------------------------------------------------- 05: pooling and friends


def test_the_windows_of_05_have_the_winners_and_means_told():
    five = lesson("05")
    assert five.cell("print(indices[0, 0])")[0].split() == "[[4. 5.] [6. 3.]] [[ 4 7] [13 10]]".split()
    window = five["x"].reshape(4, 4)[:2, :2]
    five.states(*window.ravel(), window.size, window.mean())
    assert F.avg_pool2d(five["x"].reshape(1, 1, 4, 4), 2)[0, 0, 0, 0] == 2
    five.states(4, 4, 2, 2, F.out_size(4, 2, 2), about="`out_size")
    _, indices = F.max_pool2d(five["peak"].reshape(1, 1, 3, 3), 2, 1)
    paid = F.max_pool2d_backward(np.ones((1, 1, 2, 2)), indices, (1, 1, 3, 3))[0, 0, 1, 1]
    assert paid == 4
    five.states(five["peak"].max(), 4, 4, paid)


def test_the_three_rules_for_a_tie_in_05_have_titles_that_fit_side_by_side():
    five = lesson("05")
    titles = [story.title for story in five.cell('"mask", "split")')[1].stories_shown]
    assert titles == [f"dx (kernel 2, ties {rule})" for rule in ("first", "mask", "split")]


def test_the_windows_of_05_are_told_apart_by_colour_and_their_winners_framed():
    from matplotlib.figure import Figure

    five = lesson("05")
    ax = Figure().subplots()
    figures.windows(ax, five["x"], 2, five["indices"].ravel())
    cells = [patch for patch in ax.patches if patch.get_fill()]
    pixels, ones = cells[:16], cells[16:]
    assert len(ones) == 4 and len({patch.get_edgecolor() for patch in ones}) == 4
    framed = {patch.get_xy() for patch in ax.patches if patch.get_linewidth() > 2}
    for window, (one, winner) in enumerate(zip(ones, five["indices"].ravel(), strict=True)):
        row, column = divmod(int(winner), 4)
        place = pixels[winner].get_xy()
        assert place[0] == column and (place[0] + 0.06, place[1] + 0.06) in framed
        assert pixels[winner].get_facecolor() == one.get_facecolor()  # a winner and its 1: one colour
        same = [n for n, pixel in enumerate(pixels) if pixel.get_edgecolor() == one.get_edgecolor()]
        assert [divmod(n, 4)[0] // 2 * 2 + divmod(n, 4)[1] // 2 for n in same] == [window] * 4
    assert len(framed) == 4


def test_a_tie_of_05_is_broken_by_one_pixel_and_all_rules_then_agree():
    """0.1 more for one of the tied pixels: it is paid; 0.1 less: the others are still tied."""
    five = lesson("05")
    pays = {}
    for step in (0.1, -0.1):
        nudged = five["window"] + step * np.eye(2)[0][:, None] * np.eye(2)[0]
        pays[step] = [frames.max_pool2d_backward(five["one"], nudged, 2, ties=ties).sum()["dx"] for ties in TIES]
    for paid in pays[0.1]:
        np.testing.assert_array_equal(paid, [[1, 0], [0, 0]])
    assert [paid.sum() for paid in pays[-0.1]] == [1, 2, 1] and all(paid[0, 0] == 0 for paid in pays[-0.1])


def test_the_mask_of_05_pays_too_much_and_promises_too_much():
    five = lesson("05")
    window, mask = five["window"], five["payments"]["mask"]
    assert mask.sum() == 3
    assert (window + 0.1 * mask).max() - window.max() == pytest.approx(0.1)
    assert np.sum(mask * 0.1 * mask) == pytest.approx(0.3)
    five.states(mask.sum(), 1, 3, 0.1, 0.1, 0.3, about="mask")
    too_much = dict(re.findall(r"(\w+) pays \d in all, predicts too much in +(\d+)", five.cell("payments = ")[0]))
    assert too_much["first"] == too_much["split"] == "0" and int(too_much["mask"]) > 100
    measured = gradcheck.numerical_gradient(np.max, window)
    np.testing.assert_allclose(measured, [[0.5, 0.5], [0.5, 0]], atol=1e-9)


def test_shares_of_the_tied_pixels_and_no_other_payments_are_subgradients_as_05_proves(rng):
    window = lesson("05")["window"]
    tied = window == window.max()
    steps = np.concatenate(
        [0.3 * rng.standard_normal((2000, 2, 2)), *(t * np.eye(4).reshape(4, 2, 2) for t in (-1, 0.5))]
    )
    steps = np.concatenate([steps, np.ones((1, 2, 2)), -np.ones((1, 2, 2))])
    moved = (window + steps).max(axis=(1, 2)) - window.max()

    def holds(g):
        return bool(np.all(np.sum(g * steps, axis=(1, 2)) <= moved + 1e-12))

    for _ in range(20):
        shares = np.zeros((2, 2))
        shares[tied] = rng.dirichlet(np.ones(tied.sum()))
        assert holds(shares)
    too_little, negative, elsewhere = 0.9 * shares, np.array([[1.2, -0.2], [0, 0]]), np.array([[0.5, 0.25], [0, 0.25]])
    assert not any(map(holds, (too_little, 1.1 * shares, negative, elsewhere)))


def test_the_padded_zeros_of_05_would_win():
    negative = np.array([[-3.0, -1], [-2, -4]])
    lesson("05").states(*negative.ravel(), about="would become four zeros")
    assert (np.pad(negative, 1).reshape(2, 2, 2, 2).max(axis=(1, 3)) == 0).all()
    np.testing.assert_array_equal(F.max_pool2d(negative[None, None], 2, padding=1)[0][0, 0], negative)


def test_one_check_of_05_sends_a_gradient_through_three_layers_and_convicts_another_mask():
    printed, _ = lesson("05").cell("def back_through_three")
    same, other = printed.split("a mask of its own")
    assert "agrees" in same and "DIFFERS" in other


def test_as_many_windows_of_digits_are_tied_as_05_says():
    five = lesson("05")
    assert len(five["digits"]) == 1497
    five.states(len(five["digits"]), 2, 2)
    count, top = five["winners"](five["digits"])
    assert 0.75 < np.mean(count > 1) < 0.85  # "about four of five" in the question
    told = exercises.predictions.get("05/share").choices["b"][1]
    assert f"{100 * np.mean((count > 1) & (top == 1)):.0f} windows of 100" in told
    shares = re.findall(r"tied at 0 +(\d+)%, tied above 0 +(\d+)%", five.cell("for bias in (0.0, 0.5)")[0])
    (at_0, above_0), (at_bias, above_bias) = (map(int, pair) for pair in shares)
    assert at_0 > 50 > 5 > above_0 and above_bias > 50 > 5 > at_bias


def test_windows_of_mnist_are_tied_as_often_as_05_says(monkeypatch):
    if mnist_folder() is None:
        pytest.skip("MNIST's four files are not on this machine")
    monkeypatch.setenv("COURSE_DATA_DIR", str(mnist_folder()))
    five = lesson("05")
    images = data.mnist()[0][0]
    count, _ = five["winners"](images[::4])
    five.states(len(images), round(100 * np.mean(count > 1)), about="data.mnist()")


def test_exact_zeros_in_05_are_windows_of_background():
    five = lesson("05")
    inside = F.im2col(five["digits"][:300].astype(float), 3).max(axis=1).reshape(300, 1, 26, 26)
    np.testing.assert_array_equal(five["maps"] == 0, np.broadcast_to(inside == 0, five["maps"].shape))


def test_the_odd_row_and_the_paid_pixels_are_as_05_says():
    five = lesson("05")
    paid, shared = five["from_max"][0, 0], five["from_mean"][0, 0]
    assert sorted(paid[paid != 0]) == list(range(4, 101, 4))
    assert (shared != 0).sum() == 100 and shared[shared != 0].min() == 1 and shared.max() == 25
    five.states(25, paid[paid != 0].min(), paid.max(), 100, shared[shared != 0].min(), shared.max())
    for dx in (paid, shared):
        assert (dx[10] == 0).all() and (dx[:, 10] == 0).all()
    printed = five.cell("for stride in (2, 1):")[0]
    outputs, pixels = zip(*re.findall(r"(\d+) outputs, (\d+) pixels", printed), strict=True)
    assert outputs[0] == pixels[0] and int(pixels[1]) < int(outputs[1])


def test_two_convolutions_in_a_row_are_one_with_a_larger_kernel(rng):
    x, first, second = rng.standard_normal(12), rng.standard_normal(3), rng.standard_normal(4)
    twice = np.correlate(np.correlate(x, first, "valid"), second, "valid")
    np.testing.assert_allclose(twice, np.correlate(x, np.convolve(first, second), "valid"))


def test_dropout_in_05_keeps_the_mean():
    five = lesson("05")
    x = np.array([1.0, 2, 3, 4])
    kept = x * [1, 0, 0, 1]
    five.states(*x, *kept, 1, 2, *kept / (1 - 1 / 2))
    assert five["many"].mean() == pytest.approx(3, rel=0.01) and np.unique(five["many"]).tolist() == [0, 4]


# ---------------------------------------------------------------- what all of them share


@pytest.mark.parametrize("name", LESSONS)
def test_labs_and_questions_stand_in_the_lesson_in_the_order_of_the_course(name):
    placed = re.findall(
        r"^<!-- exercise (\S+) -->$", (build.SOURCES / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert placed == [lab.name for lab in registry.lessons()[name]]
    asked = re.findall(
        r"^<!-- predict (\S+) -->$", (build.SOURCES / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(asked) == sorted(each for each in exercises.predictions.names() if each.startswith(name[:2]))


# ---------------------------------------------------------------- their pictures


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_a_graph_shows_every_value_in_its_box_its_gradient_below_and_an_arrow_for_each_edge(ax):
    nodes, edges = {"x": (0, 0, 2.0), "y": (0, 1, -3.0), "f": (1, 0.5, -6.0)}, [("x", "f"), ("y", "f")]
    figures.graph(ax, nodes, edges, {"x": -3.0, "y": 2.0, "f": 1.0})
    written = [text.get_text() for text in ax.texts if text.get_text()]
    assert sorted(written) == sorted(["x = 2", "y = −3", "f = −6", "dx = −3", "dy = 2", "df = 1"])
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert all(places[f"d{name} = {g}"][1] > places[value][1] for name, g, value in (("x", "−3", "x = 2"),))
    assert len(ax.texts) - len(written) == len(edges)  # an arrow is a text without words


def test_a_slope_is_that_of_the_line_through_the_two_points_drawn(ax):
    figures.slope(ax, np.square, 1.0, 0.5, "here ")
    (left, right), heights = (line for line in ax.lines[1].get_data())
    assert (left, right) == (0.5, 1.5) and heights.tolist() == [0.25, 2.25]
    assert ax.get_title() == "here measured slope 2"


@pytest.mark.parametrize("values", [[[1.0, 2], [3, 4]], [5.0, 6, 7]])
def test_a_grid_of_numbers_prints_each_in_its_cell(ax, values):
    figures.numbers(ax, np.array(values), "title")
    grid = np.atleast_2d(values)
    printed = {text.get_text(): text.get_position() for text in ax.texts if text.get_fontsize() == 10}  # no indices
    assert printed == {f"{value:g}": (j + 0.5, i + 0.5) for (i, j), value in np.ndenumerate(grid)}
