"""The library wastes neither memory nor work. Nothing here looks at a clock; tests/benchmark does."""

import json
import platform
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from calls import CALLS, SIZES

from course_lib import functional as F
from course_lib import losses, optim, training
from course_lib._support import blocked
from course_lib.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential

WORKER = Path(__file__).parent / "benchmark" / "worker.py"
fast = [call for call in CALLS if call.shapes and call.function.__module__ == F.__name__]
every_call = pytest.mark.parametrize("call", fast, ids=lambda call: call.name)


def in_a_new_thread(work):
    """work() -> its result, from a thread that has no working memory yet."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join()
    return results[0]


def small_net(rng):
    return Sequential(
        Conv2d(1, 4, 3, rng=rng), ReLU(), MaxPool2d(2),
        Conv2d(4, 5, 3, rng=rng), ReLU(), Flatten(), Linear(5, 3, rng=rng),
    )  # fmt: skip


# ---------------------------------------------------------------- memory


def peak_memory(work):
    """The most bytes that arrays of work() held at once, its working memory included."""

    def traced():
        tracemalloc.start()
        try:
            work()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return in_a_new_thread(traced)


@pytest.fixture
def threads(request):
    """As many as the parameter says, and in the end as many as before."""
    before = F.get_num_threads()
    F.set_num_threads(request.param)
    yield request.param
    F.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 4], indirect=True)
def test_a_convolution_never_holds_the_whole_im2col_matrix(rng, threads):
    x = rng.standard_normal((128, 8, 28, 28), dtype=np.float32)
    w = rng.standard_normal((16, 8, 3, 3), dtype=np.float32)
    dy = rng.standard_normal((128, 16, 28, 28), dtype=np.float32)
    im2col_matrix = 9 * x.nbytes
    most = 0.6 * im2col_matrix + (threads - 1) * 1.2 * 2**21  # a block for each thread that has come in time
    assert peak_memory(lambda: F.conv2d(x, w, padding=1)) < most
    assert peak_memory(lambda: F.conv2d_backward(dy, x, w, padding=1)) < most < im2col_matrix
    assert peak_memory(lambda: F.im2col(x, 3, padding=1)) > im2col_matrix


def test_images_lie_batch_last_and_without_gaps_so_that_the_next_layer_copies_nothing():
    def batch_last(array):
        return np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0)

    return_images = 0
    for call in fast:
        arguments = {
            name: batch_last(value) if isinstance(value, np.ndarray) and len(value) == SIZES["N"] else value
            for name, value in call.arguments().items()
        }
        images = [result for result in call.run(**arguments) if np.ndim(result) == 4 and len(result) == SIZES["N"]]
        assert all(np.moveaxis(image, 0, -1).flags.c_contiguous for image in images), call.name
        return_images += bool(images)
    assert return_images > len(fast) / 2


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="page faults are counted and avoided only on Linux")
def test_a_training_step_takes_hardly_any_new_pages_from_the_system():
    answer = subprocess.run(
        [sys.executable, WORKER, "course", "1"],
        input=json.dumps(["page_faults", "small net"]), capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert json.loads(answer.stdout) < 30  # 450 where memory is handed back after every layer


# ---------------------------------------------------------------- work


class Counter:
    """Stands in for a function and counts its calls."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.function(*args, **kwargs)


@pytest.fixture
def input_gradients(monkeypatch):
    """Counts how often a convolution's dx is computed."""
    counter = Counter(F.input_gradient)
    monkeypatch.setattr(F, "input_gradient", counter)
    return counter


@pytest.mark.parametrize(("input_gradient", "expected"), [(True, 2), (False, 1)])
def test_the_first_layers_dx_is_computed_only_when_asked_for(rng, input_gradients, input_gradient, expected):
    net = small_net(rng)
    y = net.forward(rng.standard_normal((2, 1, 8, 8), dtype=np.float32))
    net.backward(np.ones_like(y), input_gradient=input_gradient)
    assert input_gradients.calls == expected
    assert all(np.any(parameter.grad) for parameter in net.parameters())


def test_training_never_computes_the_first_layers_dx(rng, input_gradients):
    net = small_net(rng)
    x, y = rng.standard_normal((6, 1, 8, 8), dtype=np.float32), rng.integers(0, 3, 6)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    training.fit(net, losses.CrossEntropyLoss(), optimizer, x, y, epochs=2, batch_size=2, rng=rng, progress=False)
    assert input_gradients.calls == 2 * 3


@pytest.mark.parametrize(
    "portions",
    [
        {"_CACHED": 1},  # one row of windows at a time
        {"_CACHED": 2**40},  # all rows at once
        {"_SMALL_PRODUCT": 100, "_SHORTEST_PIECE": 1},
        {"_SMALL_PRODUCT": 500, "_SHORTEST_PIECE": 1, "_CACHED": 2000},
    ],
    ids=str,
)
@every_call
def test_the_size_of_the_portions_does_not_change_a_result(call, portions, monkeypatch):
    expected = call.run()
    for name, value in portions.items():
        monkeypatch.setattr(blocked, name, value)
    for found, wanted in zip(call.run(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_products_are_cut_into_equal_small_pieces_or_not_at_all():
    assert blocked._pieces(16, 72, 1792) == 4  # 3 would be enough, but do not divide 1792
    assert blocked._pieces(16, 72, 256) == 1
    assert blocked._pieces(64, 288, 448) == 1  # pieces that are small enough would be too short


@every_call
def test_numpy_is_left_as_it_was(call):
    before = np.getbufsize()
    call.run()
    assert np.getbufsize() == before


def test_numpy_is_left_as_it_was_after_an_error():
    before = np.getbufsize()
    with pytest.raises(ZeroDivisionError), blocked.small_ufunc_buffer():
        assert np.getbufsize() < before
        _ = 1 / 0
    assert np.getbufsize() == before


# ---------------------------------------------------------------- imports


def modules_after(statement):
    code = f"import sys; {statement}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    return set(answer.stdout.split())


def test_the_functions_need_nothing_but_numpy():
    packages = {name.split(".")[0] for name in modules_after("import numpy; before = set(sys.modules)")}
    added = {name.split(".")[0] for name in modules_after("import course_lib.functional, course_lib.loops")} - packages
    assert added - sys.stdlib_module_names == {"course_lib"}


def test_training_loads_no_pictures_no_widgets_and_no_pytorch():
    loaded = modules_after("from course_lib import functional, layers, losses, optim, training, data")
    assert not loaded & {"matplotlib", "ipywidgets", "anywidget", "IPython", "torch", "scipy", "pooch", "requests"}
