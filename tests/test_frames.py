"""Stories add up to what the library computes, for any geometry, and say where they read and write."""

import contextlib
import inspect
import re

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image
from stories import every_story, small_network
from strategies import convolutions, in_groups, poolings, transposed_convolutions

from course_lib import frames, layers, loops, tape
from course_lib import functional as F
from course_lib.frames.story import Flow, Grid, Step, Story, plain, source_lines
from course_lib.looks import UPSTREAM, number
from course_lib.widgets import still
from course_lib.widgets.still import Frame

FEW = settings(max_examples=60)


def same(story, **expected):
    totals = story.sum()
    assert totals.keys() >= expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(totals[name], values, rtol=1e-10, atol=1e-12, err_msg=name)


# ---------------------------------------------------------------- sums


def called_as_in_loops():
    """Name -> (the story, what `loops` returns) of every animation that takes the very arguments of `loops`."""
    found = {}
    for name, make in every_story().items():
        function = getattr(loops, name, None)
        if function and list(inspect.signature(function).parameters) == list(inspect.signature(make.func).parameters):
            with contextlib.suppress(ValueError):  # an animation may leave out the axes of which it has room for one
                found[name] = make(), function(*make.args, **make.keywords)
    return found


def test_the_story_of_every_animation_adds_up_to_the_loops_it_is_called_like():
    found = called_as_in_loops()
    assert len(found) >= 8
    for name, (story, result) in found.items():
        (total,) = story.sum().values()
        np.testing.assert_allclose(total, result, rtol=1e-10, atol=1e-12, err_msg=name)


@FEW
@given(convolutions(plain=True))
def test_1d_stories_add_up_to_the_loops(g):
    x, w, _, _ = (array[0, 0, 0] if array.ndim == 4 else array for array in g.convolution())
    y = loops.conv1d(x, w, **g.plain)
    dy = g.rng.standard_normal(len(y))
    dx = loops.conv1d_input_gradient_scatter(dy, x, w, **g.plain)
    same(frames.conv1d(x, w, **g.plain), y=y)
    same(frames.conv1d_weight_gradient(dy, x, w, **g.plain), dw=loops.conv1d_weight_gradient(dy, x, w, **g.plain))
    same(frames.conv1d_input_gradient_scatter(dy, x, w, **g.plain), dx=dx)
    same(frames.conv1d_input_gradient_gather(dy, x, w, **g.plain), dx=dx)


@FEW
@given(convolutions(plain=True))
def test_the_matrix_its_transpose_and_the_stamps_add_up_to_the_loops(g):
    x, w, _, _ = (array[0, 0, 0] if array.ndim == 4 else array for array in g.convolution())
    y = loops.conv1d(x, w, **g.plain)
    dy = g.rng.standard_normal(len(y))
    dx = loops.conv1d_input_gradient_scatter(dy, x, w, **g.plain)
    matrix = frames.conv1d_as_matrix(x, w, **g.plain).sum()
    np.testing.assert_allclose(matrix["y"].ravel(), y, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(matrix["T"] @ np.pad(x, g.plain["padding"]), y, rtol=1e-10, atol=1e-12)
    for by in ("columns", "rows"):
        transposed = frames.conv1d_transposed_matrix(dy, x, w, **g.plain, by=by).sum()
        np.testing.assert_allclose(transposed["dx"].ravel(), dx, rtol=1e-10, atol=1e-12)
        np.testing.assert_array_equal(transposed["Tᵀ"], matrix["T"].T)
    stamps = frames.conv1d_stamps(dy, x, w, **g.plain).sum()
    np.testing.assert_allclose(stamps["dx"], dx, rtol=1e-10, atol=1e-12)
    assert stamps["stamps"].sum() == pytest.approx(dy.sum() * w.sum(), rel=1e-9, abs=1e-9)


@FEW
@given(convolutions(plain=True))
def test_dy_spread_out_is_that_of_stride_1(g):
    x, w, _, _ = (array[0, 0, 0] if array.ndim == 4 else array for array in g.convolution())
    stride, padding = g.plain["stride"], g.plain["padding"]
    dy = g.rng.standard_normal(len(loops.conv1d(x, w, stride, padding)))
    story = frames.conv1d_spread(dy, x, w, stride, padding)
    dense = loops.conv1d(x, w, 1, padding)
    same(story, y=dense[::stride], dy1=np.where(np.arange(len(dense)) % stride, 0, np.repeat(dy, stride)[: len(dense)]))
    spread = story.sum()["dy1"]
    dx = loops.conv1d_input_gradient_scatter(spread, x, w, 1, padding)
    np.testing.assert_allclose(dx, loops.conv1d_input_gradient_scatter(dy, x, w, stride, padding), atol=1e-12)
    struck = story.grids["y1"].struck
    assert set(struck) == {at for at in range(len(dense)) if at % stride or at // stride >= len(dy)}


@pytest.mark.parametrize(("n", "k"), [(4, 3), (5, 2), (3, 3), (4, 1)])
def test_the_border_of_dy_is_the_one_that_gather_needs_with_every_padding(n, k, rng):
    x, w, dy = (rng.standard_normal(count) for count in (n, k, n + k + 1))
    story = frames.conv1d_border(dy, x, w)
    for p in range(k + 1):
        step = 2 * p + 1
        places = story.places_at(step)
        row = {}  # column -> what lies there, on top
        for key, grid in story.grids.items():
            if grid.role == UPSTREAM and step >= grid.appears:
                for cell, value in enumerate(grid.values[0]):
                    struck = cell in grid.struck and step >= grid.strikes
                    row[places[key][0] + cell * grid.pitch[0]] = None if struck else value
        bordered = [row[at] for at in sorted(row) if row[at] is not None]
        zeros = max(0, k - 1 - p)
        upstream = dy[k - p : n + p + 1]
        np.testing.assert_array_equal(bordered, np.pad(upstream, zeros)[max(0, p - k + 1) :][: n + k - 1])
        np.testing.assert_allclose(
            loops.conv1d(bordered, w[::-1]), loops.conv1d_input_gradient_scatter(upstream, x, w, padding=p), atol=1e-12
        )
        assert f"k − 1 − p = {k} − 1 − {p} = {str(k - 1 - p).replace('-', '−')}" in story.steps[step].formula
        assert places["w"][0] == (-p if p else 0)
        padding = [key for key, grid in story.grids.items() if key.startswith("padding") and step >= grid.appears]
        assert len(padding) == p and all(places[key][1] == places["x"][1] for key in padding)


@FEW
@given(convolutions())
def test_2d_stories_add_up_to_the_library_with_stride_padding_and_dilation(g):
    x, w, _, dy = (array[:1, :1] if array.ndim == 4 else array for array in g.convolution())
    y = F.conv2d(x, w, **g.windows)
    dx, dw, _ = F.conv2d_backward(dy, x, w, **g.windows)
    x, w, y, dy, dx, dw = (array[0, 0] for array in (x, w, y, dy, dx, dw))
    same(frames.conv2d_single(x, w, **g.windows), y=y)
    same(frames.conv2d_single_weight_gradient(dy, x, w, **g.windows), dw=dw)
    same(frames.conv2d_single_input_gradient_scatter(dy, x, w, **g.windows), dx=dx)
    same(frames.conv2d_single_input_gradient_gather(dy, x, w, **g.windows), dx=dx)


@settings(max_examples=25)
@given(convolutions(plain=True))
def test_stories_with_channels_add_up_to_the_library(g):
    x, w, b, dy = g.convolution()
    y = F.conv2d(x, w, b, **g.plain)
    dx, dw, db = F.conv2d_backward(dy, x, w, **g.plain)
    same(frames.conv2d(x, w, b, **g.plain), y=y)
    same(frames.conv2d(x, w, **g.plain), y=y - b[:, None, None])
    same(frames.bias_gradient(dy), db=db)
    same(frames.weight_gradient(dy, x, w, **g.plain), dw=dw)
    same(frames.input_gradient(dy, x, w, **g.plain), dx=dx)


@settings(max_examples=25)
@given(in_groups(convolutions(plain=True)))
def test_the_story_of_groups_adds_up_to_the_library(g):
    x, w, _, dy = g.convolution()
    x, dy = x[:1], dy[:1]
    dx, dw, db = F.conv2d_backward(dy, x, w, **g.plain, groups=g.groups)
    same(frames.grouped_conv2d_backward(dy, x, w, g.groups, **g.plain), dx=dx, dw=dw, db=db)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_matrix_between_channels_is_that_of_a_1_x_1_convolution(groups, rng):
    dy, x, w = rng.standard_normal(8), rng.standard_normal(4), rng.standard_normal((8, 4))
    blocks = [w[f, f * groups // 8 * 4 // groups :][: 4 // groups] for f in range(8)]
    at = [array.reshape(1, -1, 1, 1) for array in (dy, x)]
    dx, dw, _ = F.conv2d_backward(*at, np.reshape(blocks, (8, -1, 1, 1)), groups=groups)
    totals = frames.channel_matrix_backward(dy, x, w, groups).sum()
    np.testing.assert_allclose(totals["dx"], dx.ravel())
    np.testing.assert_allclose(totals["dw"][totals["dw"] != 0], dw.ravel())
    assert np.count_nonzero(totals["dw"]) == 8 * 4 // groups


@FEW
@given(convolutions(plain=True))
def test_im2col_and_col2im_stories_add_up_to_the_library(g):
    x = g.arrays(g.input_shape)[0][:1]
    kernel, size = g.kernel_size, g.size
    cols = F.im2col(x, kernel, **g.plain)
    same(frames.im2col(x, kernel, **g.plain), cols=cols)
    coverage = F.col2im(F.im2col(np.ones((1, 1, *size)), kernel, **g.plain), size, kernel, **g.plain)
    v = g.rng.standard_normal(cols.shape)
    folded = F.col2im(v, size, kernel, **g.plain)
    same(frames.col2im(v, size, kernel, **g.plain), x=folded, coverage=coverage[0, 0])


@FEW
@given(poolings())
def test_pooling_stories_add_up_to_the_library_with_ties_and_overlap(g):
    x = g.tied()[:1, :1]
    y, indices = F.max_pool2d(x, **g.pool)
    dy = g.rng.standard_normal(y.shape)
    dx = F.max_pool2d_backward(dy, indices, x.shape)
    same(frames.max_pool2d(x, **g.pool), y=y[0, 0])
    same(frames.max_pool2d_backward(dy, x, **g.pool), dx=dx[0, 0])
    split = frames.max_pool2d_backward(dy, x, **g.pool, ties="split").sum()["dx"]
    np.testing.assert_allclose(split.sum(), dy.sum(), atol=1e-9)
    same(frames.avg_pool2d(x, **g.pool), y=F.avg_pool2d(x, **g.pool)[0, 0])
    spread = F.avg_pool2d_backward(dy, x.shape, **g.pool)
    same(frames.avg_pool2d_backward(dy, x.shape, **g.pool), dx=spread[0, 0])


@FEW
@given(transposed_convolutions())
def test_transposed_convolution_adds_up_to_the_library(g):
    x, w, _ = (array[:1, :1] if array.ndim == 4 else array for array in g.transposed_convolution())
    story = frames.conv_transpose2d(x, w, **g.transposed)
    overlaps = F.conv_transpose2d(np.ones_like(x), np.ones_like(w), **g.transposed)
    same(story, y=F.conv_transpose2d(x, w, **g.transposed)[0, 0], overlaps=overlaps[0, 0])


def test_the_ways_to_treat_ties_differ_as_the_lesson_says():
    x, dy = np.array([[2.0, 2], [2, 1]]), np.array([[1.0]])
    paid = {ties: frames.max_pool2d_backward(dy, x, 2, ties=ties).sum()["dx"] for ties in ("first", "mask", "split")}
    np.testing.assert_array_equal(paid["first"], [[1, 0], [0, 0]])
    np.testing.assert_array_equal(paid["mask"], [[1, 1], [1, 0]])
    np.testing.assert_allclose(paid["split"], [[1 / 3, 1 / 3], [1 / 3, 0]])
    closing = frames.max_pool2d_backward(dy, x, 2, ties="mask").steps[-1].sentence
    assert "dx adds up to 3, but dy only to 1" in closing


def test_the_title_says_who_is_paid_where_there_are_ties():
    tied, clear, dy = np.array([[2.0, 2], [2, 1]]), np.array([[2.0, 3], [2, 1]]), np.array([[1.0]])
    titles = [frames.max_pool2d_backward(dy, tied, 2, ties=ties).title for ties in ("first", "mask", "split")]
    assert [title.split(", ")[1] for title in titles] == ["ties first)", "ties mask)", "ties split)"]
    assert frames.max_pool2d_backward(dy, clear, 2).title == "Max pooling backward: dx (kernel 2)"


def test_a_kernel_that_is_no_multiple_of_the_stride_makes_a_checkerboard():
    uneven = frames.conv_transpose2d(np.ones((4, 4)), np.ones((3, 3)), stride=2)
    even = frames.conv_transpose2d(np.ones((4, 4)), np.ones((4, 4)), stride=2)
    assert "checkerboards" in uneven.steps[-1].sentence
    assert "equally many" in even.steps[-1].sentence
    np.testing.assert_array_equal(uneven.sum()["overlaps"][3:6, 3:6], [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


def test_the_walk_shows_the_gradients_that_the_network_computes(rng):
    network, x, targets = small_network().eval(), rng.random((1, 1, 12, 12)), np.array([1])
    story = frames.backward_walk(network, x, targets, maps=4)
    loss, gradient = F.cross_entropy(network.forward(x), targets)
    gradients = [gradient]
    for layer in reversed(network.layers):
        gradients.append(layer.backward(gradients[-1]))
    shown = story.sum()
    names = ["dx", *(f"dy of network[{n}] ({type(layer).__name__})" for n, layer in enumerate(network.layers))]
    for name, gradient in zip(names, reversed(gradients), strict=True):
        if gradient.ndim == 4:
            np.testing.assert_allclose(shown[name], gradient)
        else:
            np.testing.assert_allclose(shown[name].ravel()[: gradient.size], gradient.ravel())
    assert number(loss) in story.steps[0].sentence


def test_cells_of_the_walk_say_whose_they_are_and_vectors_have_one_index(rng):
    grids = frames.backward_walk(small_network(), rng.random((1, 1, 12, 12)), np.array([1])).grids
    names = {grid.cell_name(7) for grid in grids.values()}
    assert {"x[0, 0, 0, 7]", "dx[0, 0, 0, 7]"} <= names
    assert {"y[0, 2, 1, 2] of network[2] (MaxPool2d)", "dy[0, 2, 1, 2] of network[2] (MaxPool2d)"} <= names
    assert {"y[0, 7] of network[3] (Flatten)", "dy[0, 7] of network[5] (Linear)"} <= names


def test_what_stands_behind_the_end_of_a_vector_is_no_cell_of_it(rng):
    network = layers.Sequential(layers.Flatten(), layers.Linear(144, 23, rng=rng), layers.Linear(23, 10, rng=rng))
    grid = frames.backward_walk(network, rng.random((1, 1, 12, 12)), np.array([1])).grids["y[0] of network[1] (Linear)"]
    assert grid.values.shape == (5, 5) and grid.fillers == [False] * 23 + [True] * 2


def test_the_walk_leaves_the_gradients_of_the_network_alone(rng):
    network = small_network()
    for parameter in network.parameters():
        parameter.grad[...] = 7
    frames.backward_walk(network, rng.random((1, 1, 12, 12)), np.array([1]))
    assert all((parameter.grad == 7).all() for parameter in network.parameters())


# ---------------------------------------------------------------- every story is told well

NAMES = {"x", "w", "b", "y", "dx", "dw", "db", "dy", "cols"}


@pytest.fixture(params=every_story())
def story(request):
    return every_story()[request.param]()


def test_every_step_says_something_and_ends_as_a_sentence(story):
    for step in story.steps:
        first = re.match(r"\w+", step.sentence).group()
        assert first[0].isupper() or first in NAMES, step.sentence
        assert step.sentence.endswith((".", "?")), step.sentence
        assert "  " not in step.sentence and "-" not in step.sentence.replace("col2im", ""), step.sentence


def test_every_step_that_adds_has_a_formula_whose_marks_name_grids(story):
    for step in story.steps:
        for text in (step.formula, step.numbers):
            for key in re.findall(r"\{([^{}|]*)\|", text):
                assert key in story.grids, f"{key} in {text}"
            assert "{" not in plain(text) and "|" not in plain(text).replace("|gradient|", ""), text
        if step.flows:
            assert step.plain_formula


def test_every_step_that_adds_lights_a_line_of_the_code(story):
    if not story.source:
        return
    for step in story.steps:
        number = story.line_number(step)
        assert (number is not None) == bool(step.flows), step.sentence


def test_code_is_the_source_without_decorators_and_docstring(story):
    if not story.source:
        return
    assert story.source[0].startswith(f"def {story.code.__name__}(")
    assert not any('"""' in line or line.startswith("@") for line in story.source)
    body = inspect.getsource(inspect.unwrap(story.code))
    assert all(line in body for line in story.source)


def test_the_totals_are_what_the_last_frame_shows(story):
    last = story.values_at(len(story.steps) - 1)
    totals = story.sum()
    for key, grid in story.grids.items():
        if grid.collects:
            shown = np.nan_to_num(grid.without_padding(last[key]))
            total = totals[grid.name][grid.prefix] if grid.prefix else totals[grid.name]
            np.testing.assert_allclose(total.reshape(shown.shape), shown)


def test_story_cells_exist(story):
    for step in story.steps:
        for term in story.terms(step):
            for key, cell in (term.target, *term.sources):
                assert 0 <= cell < story.grids[key].values.size
        assert set(step.moves) | set(step.looks) <= set(story.grids)


def test_nothing_that_is_passed_in_is_changed(rng):
    x, w = rng.standard_normal(6), rng.standard_normal(3)
    dy = rng.standard_normal(4)
    before = [array.copy() for array in (x, w, dy)]
    frames.conv1d_input_gradient_gather(dy, x, w)
    frames.conv1d_weight_gradient(dy, x, w)
    for array, copy in zip((x, w, dy), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_names_are_those_of_the_loops():
    ways_to_see_it = {
        "conv1d_as_matrix", "conv1d_transposed_matrix", "conv1d_stamps", "conv1d_spread", "conv1d_border",
        "channel_matrix_backward",
    }  # fmt: skip
    made_of = set(frames.__all__) - {"backward_walk", "computation", "learning"} - ways_to_see_it
    assert made_of <= {*dir(loops), *dir(tape)}


# ---------------------------------------------------------------- geometry in words and pictures


def test_inputs_in_the_remainder_are_untouched_and_named():
    story = frames.conv1d_input_gradient_scatter(np.ones(2), np.ones(6), np.ones(3), stride=2)
    assert story.untouched["dx"] == [5]
    assert "No window reached x[5]: its gradient stays 0." in story.steps[-1].sentence
    whole = frames.conv1d_input_gradient_scatter(np.ones(3), np.ones(7), np.ones(3), stride=2)
    assert whole.untouched["dx"] == []
    assert "No window" not in whole.steps[-1].sentence


def test_rows_and_columns_in_the_remainder_are_untouched_and_named():
    story = frames.conv2d_single(np.ones((4, 6)), np.ones((3, 3)), stride=2)
    assert story.untouched["x"] == [5, 11, 17, 18, 19, 20, 21, 22, 23]
    assert "the last row and the last column" in story.steps[-1].sentence


@pytest.mark.parametrize("padding", [0, 1])
def test_scatter_and_gather_leave_the_same_cells_untouched(rng, padding):
    x, w = rng.standard_normal((6, 8)), rng.standard_normal((3, 2))
    dy = rng.standard_normal(loops.conv2d_single(x, w, 2 + padding, padding).shape)
    stories = [
        way(dy, x, w, 2 + padding, padding)
        for way in (frames.conv2d_single_input_gradient_scatter, frames.conv2d_single_input_gradient_gather)
    ]
    assert stories[0].untouched["dx"] == stories[1].untouched["dx"] != []
    line = frames.conv1d_input_gradient_gather(np.ones(2), np.ones(6), np.ones(3), stride=2)
    assert line.untouched["dx"] == [5]


def test_outputs_and_columns_made_of_padding_are_not_called_untouched():
    assert frames.conv1d(np.ones(3), np.ones(1), padding=1).untouched["y"] == []
    assert frames.im2col(np.ones((2, 2)), 1, padding=1).untouched["cols[0]"] == []


@pytest.mark.parametrize(
    ("kernel_size", "stride", "zeros"),
    [
        ((2, 2), 1, "dy gets 1 zero on each side."),
        ((3, 3), 3, "dy gets 2 zeros on each side, and 2 zeros between its values."),
        ((3, 2), (2, 1), "dy gets 2 rows and 1 column of zeros on each side, and 1 row of zeros between its values."),
        ((1, 1), 1, "outputs it fed."),
    ],
)
def test_the_gather_story_counts_the_zeros_that_dy_gets(kernel_size, stride, zeros):
    shape = [(7 - k) // s + 1 for k, s in zip(kernel_size, np.broadcast_to(stride, 2), strict=True)]
    story = frames.conv2d_single_input_gradient_gather(np.ones(shape), np.ones((7, 7)), np.ones(kernel_size), stride)
    assert story.steps[0].sentence.endswith(zeros)


@pytest.mark.parametrize(
    "story",
    [
        frames.conv1d_input_gradient_gather(np.ones(2), np.ones(6), np.arange(3), stride=2),
        frames.conv2d_single_input_gradient_gather(np.ones((3, 3)), np.ones((6, 7)), np.arange(6).reshape(2, 3), 2),
    ],
    ids=["line", "plane"],
)
def test_the_kernel_of_a_gather_story_lies_as_it_is_until_it_is_turned_before_your_eyes(story):
    told = story.steps[0].sentence.lower()
    assert not any(word in told for word in ("turn", "revers", "flip", "180"))
    assert story.grids["w"].turns == 1 and "turned" in story.steps[1].sentence and not story.steps[1].flows
    squares = [
        [Frame(story, at, story.bounds, 720)._square("w", cell) for cell in range(story.grids["w"].values.size)]
        for at in (0, 1)
    ]
    first, *_ = squares[0][-1]  # of w[0]: its cell comes last in a turned grid, and lies first as long as it is not
    assert first == min(left for left, *_ in squares[0]) and squares[1][0][0] == min(left for left, *_ in squares[1])


def test_what_no_window_reaches_is_hatched_at_the_end_alone(monkeypatch):
    story = frames.conv1d(np.ones(6), np.ones(3), stride=2)
    hatched = []
    monkeypatch.setattr(still, "_hatch", lambda *place: hatched.append(place))
    for at in range(len(story.steps)):
        pen = still.Pen(Image.new("RGB", (1500, 1500)), 0, 0)
        Frame(story, at, story.bounds, 720).draw(pen)
        assert len(hatched) == (at == len(story.steps) - 1)


def test_a_stride_larger_than_the_kernel_leaves_gaps_untouched():
    story = frames.conv1d(np.ones(7), np.ones(1), stride=3)
    assert story.untouched["x"] == [1, 2, 4, 5]


def test_padding_that_no_window_reaches_is_not_called_untouched():
    assert frames.conv1d(np.ones(4), np.ones(2), stride=3, padding=1).untouched["x"] == [2]


def test_padding_is_part_of_the_picture_but_not_of_the_names():
    grid = frames.conv1d(np.ones(3), np.ones(3), padding=1).grids["x"]
    assert [grid.is_filler(cell) for cell in range(5)] == [True, False, False, False, True]
    assert grid.cell_name(1) == "x[0]"


def test_the_gather_picture_has_the_zeros_of_the_stride_and_a_turned_kernel():
    story = frames.conv1d_input_gradient_gather(np.array([5.0, 7]), np.ones(5), np.array([1.0, 2, 3]), stride=2)
    np.testing.assert_array_equal(story.grids["dy"].values, [[0, 0, 5, 0, 7, 0, 0]])
    np.testing.assert_array_equal(story.grids["w"].values, [[3, 2, 1]])
    assert [story.grids["w"].cell_name(cell) for cell in range(3)] == ["w[2]", "w[1]", "w[0]"]
    assert [story.grids["dy"].cell_name(cell) for cell in (2, 4)] == ["dy[0]", "dy[1]"]


def test_the_formula_of_a_scatter_step_reads_as_the_lesson_writes_it():
    story = frames.conv1d_input_gradient_scatter(np.array([2.0, 0]), np.ones(4), np.array([1.0, 0, -2]))
    assert story.steps[1].plain_formula == (
        "(dx[0], dx[1], dx[2]) += dy[0] · (w[0], w[1], w[2])\n+= 2 · (1, 0, −2) = (2, 0, −4)"
    )


def test_a_code_line_that_is_not_in_the_code_is_refused():
    grid = Grid("x", "input", np.zeros((1, 1)), collects=True)
    story = Story("title", {"x": grid}, [Step("a.", line="no such line", flows=(Flow("x", [0], ()),))], loops.conv1d)
    with pytest.raises(LookupError, match="no such line"):
        story.line_number(story.steps[0])


def test_source_lines_skip_decorator_and_docstring():
    assert source_lines(loops.conv1d)[:2] == ["def conv1d(x, w, stride=1, padding=0):", "    k = len(w)"]


# ---------------------------------------------------------------- numbers


def test_what_rounding_leaves_where_products_cancel_is_told_as_zero():
    step = frames.conv1d(np.array([0.1, 0.2, 0.3]), np.array([1.0, 1, -1])).steps[1]
    assert step.sentence.endswith("y[0] = 0.") and plain(step.numbers).endswith("= 0")


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: frames.conv1d(np.ones(2), np.ones(3)), "must not exceed the padded input"),
        (lambda: frames.conv1d(np.ones((2, 2)), np.ones(2)), r"x must have shape \(n,\)"),
        (lambda: frames.conv1d(np.ones(3), np.ones(2), stride=0), "stride must be at least 1"),
        (lambda: frames.conv1d_weight_gradient(np.ones(3), np.ones(3), np.ones(2)), r"dy must have shape \(2,\)"),
        (lambda: frames.conv1d_transposed_matrix([1], [1], [1], by="hand"), "by must be 'columns' or 'rows'"),
        (lambda: frames.conv2d_single(np.ones((2, 2)), np.ones((3, 1))), "must not exceed the padded input"),
        (lambda: frames.conv2d(np.ones((1, 2, 3, 3)), np.ones((1, 1, 2, 2))), "channels of x"),
        (lambda: frames.im2col(np.ones((2, 1, 3, 3)), 2), "x must be one image"),
        (lambda: frames.col2im(np.ones((4, 3)), (3, 3), 2), "cols must have shape"),
        (lambda: frames.max_pool2d(np.ones((2, 2)), 2, padding=2), "at most half"),
        (lambda: frames.max_pool2d_backward(np.ones((1, 1)), np.ones((2, 2)), 2, ties="last"), "ties must be one of"),
        (lambda: frames.backward_walk(small_network(), np.ones((2, 1, 12, 12)), np.array([1, 2])), "one image"),
        (lambda: frames.backward_walk(None, np.ones((1, 1, 12, 12)), np.array([1])), "must be a Sequential"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused_with_a_sentence(call, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        call()
