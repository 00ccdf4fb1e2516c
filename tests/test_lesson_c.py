"""What lesson C states is computed from the lesson's own cells, so that text and code cannot drift apart."""

import os
import re
import subprocess
import sys

import matplotlib
import nbformat
import numpy as np
import pytest
from lesson_run import answer, names_of, quietly

from course_lib import workers
from course_lib._support import places
from course_lib.exercises import predictions
from course_lib.publish import build

pytestmark = pytest.mark.slow
matplotlib.use("Agg")
LESSON = "C_many_workers"
WITH_WORKERS = ("ten_steps", "kill_one", "stragglers", "measure", "on_paper", "both")


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names that the lesson defines, with nothing solved and without Dask, and what it prints."""
    with quietly(tmp_path_factory) as patch:
        patch.setattr(workers, "available", lambda: False)
        return names_of(build.assemble(LESSON).cells, ("play", "first_guesses", "predict", "check"))


@pytest.fixture(scope="module")
def shipped():
    """What the shipped notebook shows below each cell that needs workers."""
    cells = nbformat.read(places.NOTEBOOKS / f"{LESSON}.ipynb", as_version=4).cells
    return {
        name: "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", ())
                      if f"workers.show({name})" in cell.source)
        for name in WITH_WORKERS
    }  # fmt: skip


def test_shares_of_any_size_add_up_and_the_mean_of_means_does_not(lesson):
    assert "added by shares, the same: True\nmean of means, the same:   False" in lesson["printed"]
    assert lesson["gradient_of_all"].size == 15770


def test_the_shipped_lesson_was_built_with_workers_and_shows_what_the_text_says(shipped):
    assert not any(workers.BUILT in text for text in shipped.values())
    assert "processes beside the notebook's: 2" in shipped["ten_steps"]
    assert "hundred-thousandth: True" in shipped["ten_steps"]
    killed = shipped["kill_one"]
    assert "done: 0 of 2 shares" in killed and "the dead one has taken part: False" in killed
    assert "the same loss: True   the same gradient: True" in killed and killed.strip().endswith(": 2")
    alone, together = (line.split("losses ")[1] for line in shipped["both"].splitlines())
    np.testing.assert_allclose(*([float(loss) for loss in line.split()] for line in (alone, together)), atol=2e-4)


def test_what_is_sent_is_what_the_question_counts(lesson):
    weights = 4 * 15770
    assert lesson["bytes_of_step"](lesson["network"](), 0, 8) == 8 * 2 * weights
    assert answer("C/traffic")() == 640


def test_the_ring_gives_everybody_the_sum_and_sends_less_than_twice_the_gradient(lesson, rng):
    for W in (2, 3, 7):
        gradients = rng.integers(-9, 10, (W, 6 * W)).astype(float)
        held, sent = lesson["ring"](gradients)
        assert np.array_equal(held, np.tile(gradients.sum(axis=0), (W, 1)))
        assert sent == 2 * (W - 1) / W * 6 * W


def test_the_central_adder_is_fastest_where_its_two_parts_are_equal():
    compute, bandwidth, size = 3e-4, 2e7, 63080
    seconds = lambda W: compute * 4096 / W + 2 * W * size / bandwidth
    best = np.sqrt(compute * 4096 * bandwidth / (2 * size))
    assert seconds(best) < min(seconds(0.9 * best), seconds(1.1 * best))
    np.testing.assert_allclose(compute * 4096 / best, 2 * best * size / bandwidth)


@pytest.mark.parametrize("delay", [0, 1, 2, 4, 8])
def test_the_limit_of_a_delay_is_where_a_root_leaves_the_unit_circle(lesson, delay):
    a = lesson["limit"](delay) * lesson["curvatures"].max()

    def largest(a):  # z^(d+1) - z^d + a = 0
        return np.abs(np.roots([1, -1, *[0] * (delay - 1), a] if delay else [1, a - 1])).max()

    assert largest(0.99 * a) < 1 < largest(1.01 * a) and abs(largest(a) - 1) < 1e-9


def test_the_filter_problem_falls_below_the_limits_and_grows_above(lesson):
    rows = re.findall(r"^ +(\d) +[\d.]+ +(\w+) +(\w+)$", lesson["printed"], re.MULTILINE)
    assert rows == [(str(delay), "falls", "grows") for delay in (0, 1, 2, 4, 8)]
    assert "at 95% of half the limit: falls" in lesson["printed"]
    assert "at 105% of half the limit: grows" in lesson["printed"]
    assert answer("C/stale")() == pytest.approx(50)


def test_batch_norm_is_the_layer_that_does_not_split(lesson):
    alone, norm = (
        [float(share) for share in re.findall(r"([\d.]+)%", line)]
        for line in re.findall(r"^layer 1 is .*$", lesson["printed"], re.MULTILINE)
    )
    assert alone == [0, 0, 0] and 0 < norm[0] < norm[1] < norm[2]
    assert lesson["printed"].count("from the workers' sums") == 2 and "sums:     True" in lesson["printed"]
    assert answer("C/batch_norm")() == 1


def test_the_wrong_guesses_are_what_the_mistakes_of_the_labs_give():
    wrong = [guess for guess, _ in predictions.get("C/unequal").wrong_answers]
    assert wrong == [(1 + 5) / 2, 1 + 5, 3 * 1 + 1 * 5] and answer("C/unequal")() == 2


@pytest.mark.course
def test_without_dask_run_all_reaches_the_end_and_shows_what_was_stored(tmp_path, shipped):
    """In a kernel of its own, to which the package is hidden."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['distributed'] = None\n", encoding="utf-8")
    notebook = places.NOTEBOOKS / f"{LESSON}.ipynb"
    env = {
        **os.environ, "PYTHONPATH": os.pathsep.join((str(hidden), str(places.ROOT))), "COURSE_WORK": str(tmp_path),
        "COURSE_PROGRESS": str(tmp_path / "progress.json"),
    }  # fmt: skip
    code = (
        "import sys, nbformat; from nbclient import NotebookClient\n"
        "nb = nbformat.read(sys.argv[1], as_version=4); NotebookClient(nb, timeout=300).execute()\n"
        "nbformat.write(nb, sys.argv[2])"
    )
    ran = tmp_path / "ran.ipynb"
    done = subprocess.run([sys.executable, "-c", code, notebook, ran], env=env, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    cells = nbformat.read(ran, as_version=4).cells
    text = "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", ()))
    assert text.count(workers.MISSING) == 1 and text.count(workers.BUILT) == len(WITH_WORKERS)
    assert all(stored in text for stored in shipped.values())
    paper = next(cell for cell in cells if "workers.show(on_paper)" in cell.source)
    assert any("image/png" in output.get("data", {}) for output in paper.outputs)
