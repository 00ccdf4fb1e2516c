"""Threads that share the work: the same results, nothing that waits for ever, and NumPy left as it was."""

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from calls import CALLS
from threadpoolctl import ThreadpoolController

from course_lib import functional as F
from course_lib._support import blocked, crew

fast = [call for call in CALLS if call.shapes and call.function.__module__ == F.__name__]
LARGE = 1e9  # multiply-adds
every_call = pytest.mark.parametrize("call", fast, ids=lambda call: call.name)


@pytest.fixture(autouse=True)
def as_before():
    count = F.get_num_threads()
    yield
    F.set_num_threads(count)


@pytest.fixture
def three(monkeypatch):
    """Three threads, which share even the smallest work."""
    monkeypatch.setattr(crew, "_WORTH", 1)
    monkeypatch.setattr(blocked, "_CACHED", 1)
    F.set_num_threads(3)


# ---------------------------------------------------------------- the same results


@pytest.mark.sampled(3)
@every_call
def test_with_threads_everything_is_as_with_one_and_each_time_the_same(call, monkeypatch):
    monkeypatch.setattr(crew, "_WORTH", 1)
    monkeypatch.setattr(blocked, "_CACHED", 1)
    F.set_num_threads(1)
    alone = call.run()
    F.set_num_threads(3)
    together, again = call.run(), call.run()
    for one, other, once_more in zip(alone, together, again, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(once_more, other)
        if isinstance(one, np.ndarray):
            assert (other.dtype, other.shape, other.strides) == (one.dtype, one.shape, one.strides)


def test_sums_are_cut_in_the_same_places_for_any_number_of_threads(rng, monkeypatch):
    monkeypatch.setattr(crew, "_WORTH", 1)
    monkeypatch.setattr(blocked, "_CACHED", 20_000)
    x, w, dy = (
        rng.standard_normal(shape, dtype=np.float32) for shape in ((8, 3, 20, 20), (5, 3, 3, 3), (8, 5, 18, 18))
    )
    found = {}
    for count in (1, 2, 3):
        F.set_num_threads(count)
        found[count] = F.conv2d(x, w), *F.conv2d_weight_gradient(dy, x, w)
    for count in (2, 3):
        for one, other in zip(found[1], found[count], strict=True):
            np.testing.assert_array_equal(other, one)


@pytest.mark.parametrize(("length", "count"), [(7, 3), (8, 2), (2, 3), (1, 2), (5, 1)])
def test_an_axis_is_cut_into_one_slice_for_each_thread(length, count):
    F.set_num_threads(count)
    cut = crew.slices(length)
    assert [n for part in cut for n in range(length)[part]] == [*range(length)] and len(cut) == min(length, count)


def test_large_images_are_shared_by_all_threads(rng, monkeypatch):
    x = np.moveaxis(rng.standard_normal((16, 28, 28, 64), dtype=np.float32), -1, 0)
    w = rng.standard_normal((16, 16, 3, 3), dtype=np.float32)
    F.set_num_threads(2)
    names = set()
    share = crew.share

    def seen(work, portions, multiply_adds):
        def slowly(portion):
            names.add(threading.current_thread().name)
            time.sleep(0.002)  # time for the other one to come
            return work(portion)

        crew._helpers.resting = 0
        return share(slowly, portions, multiply_adds)

    monkeypatch.setattr(blocked, "share", seen)
    y = F.conv2d(x, w, padding=1)
    assert len(names) == 2
    names.clear()
    F.conv2d_backward(y, x, w, padding=1)
    assert len(names) == 2
    names.clear()
    F.conv2d_weight_gradient(y, x, w, padding=1)
    assert len(names) == 2


def test_small_images_start_no_thread():
    code = """
import threading, numpy as np
from course_lib import functional as F
F.set_num_threads(2)
x, w = np.ones((2, 3, 8, 8)), np.ones((4, 3, 3, 3))
F.conv2d_backward(F.relu(F.conv2d(x, w)), x, w)
print(threading.active_count())
F.relu(np.ones((64, 64, 28, 28)))
print(threading.active_count())
"""
    assert printed(code) == ["1", "2"]


def printed(code, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, encoding="utf-8", check=True,
        timeout=120,
    )  # fmt: skip
    return done.stdout.split()


# ---------------------------------------------------------------- share


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_portions(count):
    F.set_num_threads(count)

    def work(portion):
        time.sleep(0.001 * (portion % 3))
        return portion**2

    assert crew.share(work, range(20), LARGE) == [portion**2 for portion in range(20)]


@pytest.mark.parametrize("bad", [0, 7, 19])
def test_what_a_portion_raises_is_raised(three, bad):
    def work(portion):
        time.sleep(0.001)
        if portion == bad:
            raise ZeroDivisionError(portion)

    with pytest.raises(ZeroDivisionError, match=str(bad)):
        crew.share(work, range(20), LARGE)
    assert crew.share(abs, [-1, -2], LARGE) == [1, 2]  # and the next work is done


def test_helpers_that_have_not_come_are_not_waited_for():
    F.set_num_threads(2)
    release = threading.Event()
    busy = crew._helpers.pool.submit(release.wait)  # the only helper is held up
    try:
        assert crew.share(abs, [-1, -2, -3], LARGE) == [1, 2, 3]
    finally:
        release.set()
    assert busy.result()


def test_work_inside_of_work_is_done(three):
    assert crew.share(lambda n: sum(crew.share(abs, [-n, n], LARGE)), range(5), LARGE) == [2 * n for n in range(5)]


def test_two_threads_of_somebody_elses_may_share_at_the_same_time(three, rng):
    x, w = rng.standard_normal((4, 3, 9, 9)), rng.standard_normal((5, 3, 3, 3))
    expected, found = F.conv2d(x, w), []
    askers = [threading.Thread(target=lambda: found.extend(F.conv2d(x, w) for _ in range(30))) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(found) == 90
    for y in found:
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("errors", ["raise", "ignore"])
def test_every_thread_treats_overflow_as_the_asker_does(three, errors, recwarn):
    large = np.full((4, 3, 8, 8), 1e308)

    def work(portion):
        time.sleep(0.002)
        return large[portion] * 10

    with np.errstate(over=errors):
        if errors == "raise":
            with pytest.raises(FloatingPointError):
                crew.share(work, range(4), LARGE)
        else:
            assert np.isinf(crew.share(work, range(4), LARGE)).all()
    assert not recwarn.list


def test_helpers_without_a_processor_rest_longer_each_time_and_come_back():
    F.set_num_threads(2)
    asker = threading.current_thread()

    def held_up(portion):
        time.sleep(0.001 if threading.current_thread() is asker else 0.3)  # long, also on a busy machine

    def begun(work):
        names = set()
        crew.share(lambda portion: (names.add(threading.current_thread().name), work(portion)), range(8), LARGE)
        return len(names) == 2

    rests = []
    for _ in range(3):
        while not begun(held_up):
            pass
        rests.append(crew._helpers.resting)
    assert rests == [2, 4, 8]
    for _ in range(8):
        assert not begun(held_up)
    assert begun(lambda portion: time.sleep(0.001)) and crew._helpers.resting == 0


# ---------------------------------------------------------------- how many


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("environment", "count"),
    [
        ({"COURSE_THREADS": "3", "OPENBLAS_NUM_THREADS": "1"}, 3),
        ({"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "1"}, 2),
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"COURSE_THREADS": "many", "OMP_NUM_THREADS": "5"}, 5),
        ({"COURSE_THREADS": "0"}, 1),
        ({}, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())),
    ],
)
def test_the_environment_or_the_machine_says_how_many(environment, count):
    code = "from course_lib.functional import get_num_threads; print(get_num_threads())"
    assert printed(code, **environment) == [str(count)]


@pytest.mark.parametrize("count", [0, -1, 1.5, None, "2"])
def test_a_number_of_threads_that_cannot_be_is_refused(count):
    with pytest.raises((ValueError, TypeError), match="count must be"):
        F.set_num_threads(count)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_was_forked_starts_helpers_of_its_own(three):
    assert crew.share(abs, [-1, -2], LARGE) == [1, 2]
    started = threading.active_count()
    child = os.fork()
    if not child:
        forgotten = crew._helpers.pool._work_queue.empty() and threading.active_count() == 1 < started
        shared = crew.share(lambda n: (time.sleep(0.01), abs(n))[1], [-3, -4, -5], LARGE) == [3, 4, 5]
        os._exit(0 if forgotten and shared and threading.active_count() > 1 else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_was_forked_amid_a_product_of_another_thread_multiplies():
    crew._products.lock.acquire()
    child = os.fork()
    if not child:
        threading.Timer(20, os._exit, [1]).start()
        os._exit(0 if F.linear(np.ones((1, 2)), np.ones((1, 2))) == 2 else 1)
    crew._products.lock.release()
    assert os.waitpid(child, 0)[1] == 0


def test_without_threads_one_does_it_all():
    code = """
import threading
def refused(self):
    raise RuntimeError("can't start new thread")
threading.Thread.start = refused
from course_lib._support import crew
crew.set_threads(3)
print(crew.share(abs, [-1, -2, -3], 1e9) == [1, 2, 3], crew.threads())
"""
    assert printed(code) == ["True", "1"]


def test_a_helper_that_came_before_threads_ran_out_is_waited_for():
    code = """
import threading, time
start, started = threading.Thread.start, []
def refused(self):
    if started:
        raise RuntimeError("can't start new thread")
    started.append(self)
    start(self)
threading.Thread.start = refused
from course_lib._support import crew
crew.set_threads(3)
def work(portion):
    time.sleep(0.3 if threading.current_thread() in started else 0.01)
    return portion
print(crew.share(work, range(5), 1e9) == [*range(5)], crew.threads(), len(started))
"""
    assert printed(code) == ["True", "1", "1"]


# ---------------------------------------------------------------- NumPy's products


def blas_threads():
    return [library["num_threads"] for library in ThreadpoolController().info() if library["user_api"] == "blas"]


def test_products_take_one_thread_while_the_library_multiplies_and_afterwards_what_they_took_before(rng):
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        before, inside = blas_threads(), []
        assert before and set(before) == {2}
        usual = blocked.blocked_matmul

        def matmul(*arguments, **named):
            inside.extend(blas_threads())
            usual(*arguments, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blocked, "blocked_matmul", matmul)
            F.conv2d(rng.standard_normal((2, 3, 5, 5)), rng.standard_normal((4, 3, 3, 3)))
        assert inside and set(inside) == {1} and blas_threads() == before
        with pytest.raises(ZeroDivisionError):
            crew.one_thread_a_product(lambda: 1 / 0)()
        assert blas_threads() == before


def test_the_last_of_several_works_gives_the_threads_back():
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        before = blas_threads()
        within = crew.one_thread_a_product(lambda: crew.one_thread_a_product(lambda: None)() or blas_threads())()
        assert set(within) == {1} and blas_threads() == before


class Library:
    """One that multiplies for NumPy. When it is told a number of threads, an interrupt comes before or after."""

    def __init__(self):
        self.count, self.comes = 2, ""

    def get_num_threads(self):
        return self.count

    def set_num_threads(self, count):
        comes, self.comes = self.comes, ""
        self.count = self.count if comes == "before" else count
        if comes:
            raise KeyboardInterrupt


@pytest.mark.parametrize("comes", ["before", "after"])
@pytest.mark.parametrize("where", ["in the beginning", "in the end"])
def test_an_interrupt_leaves_the_threads_of_products_as_they_should_be(where, comes, monkeypatch):
    monkeypatch.setattr(crew, "_products", crew._Products())
    library = Library()
    crew._products.libraries = [library]

    @crew.one_thread_a_product
    def work(comes=""):
        library.comes = comes
        return library.count

    if where == "in the beginning":
        library.comes = comes
    with pytest.raises(KeyboardInterrupt):
        work(comes)
    assert (work(), library.count) == (1, 2)


def test_an_interrupt_just_before_the_end_of_a_product_is_made_up_for(monkeypatch):
    monkeypatch.setattr(crew, "_products", crew._Products())
    library = Library()
    crew._products.libraries = [library]
    work = crew.one_thread_a_product(library.get_num_threads)
    usual = crew._products.end

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(crew._products, "end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work()
    monkeypatch.setattr(crew._products, "end", usual)
    assert (work(), library.count) == (1, 2)


def test_without_threadpoolctl_products_are_left_alone():
    code = """
import json, sys
sys.modules["threadpoolctl"] = None
import numpy as np
from course_lib import functional as F
print(json.dumps(F.linear(np.ones((1, 2)), np.ones((1, 2))).tolist()))
"""
    assert json.loads("".join(printed(code))) == [[2.0]]
