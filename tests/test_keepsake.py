"""The page to keep: what is on it, what is left out, and that it is one file on one sheet."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import solutions

from course_lib import keepsake, progress
from course_lib._support import places
from course_lib.exercises import keeping, registry
from course_lib.layers import Conv2d, Flatten, Linear, Sequential
from course_lib.parts import Parts


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    return Sequential(Conv2d(1, 8, 3, rng=rng), Flatten(), Linear(8 * 26 * 26, 10, rng=rng))


@pytest.fixture
def digit():
    picture = np.zeros((28, 28))
    picture[5:23, 12:16] = 1
    return picture


@pytest.fixture
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


def page(*arguments, **more):
    return keepsake.write(*arguments, **more).path.read_text(encoding="utf-8")


def test_with_nothing_there_only_the_heading_is_written():
    html = page()
    assert "<h1>What you built</h1>" in html
    assert not re.findall('<h2>|<img|<li|large">', html)


def test_it_names_the_functions_with_day_and_tries(tmp_path, own_progress):
    solutions.store(["conv1d", "relu_backward"], tmp_path)
    own_progress.write_text(
        json.dumps(
            {
                "conv1d": {"tries": 3, "solved": "2026-03-01T10:00:00+00:00", "code": "abc"},
                "im2col": {"tries": 9},  # tried, and not solved
            }
        ),
        encoding="utf-8",
    )
    html = page()
    assert re.findall(r"<code>(\w+)</code><span class=\"soft\">([^<]*)<", html) == [
        ("conv1d", "1 Mar 2026, 3 tries"), ("relu_backward", ""),
    ]  # fmt: skip
    assert f"2 of {len(registry.names())}</div>functions written and found right" in html


def test_it_shows_network_filters_accuracy_and_the_digit_with_its_gradient(model, digit):
    html = page(Parts(), model, accuracy=(0.98523, 10_000), drawing=digit)
    assert "98.52 %</div>of 10,000 test digits read rightly" in html
    assert html.count("Filter ") == 8 and html.count("data:image/png;base64,") == 10
    answer = int(model.forward(digit[None, None].astype(np.float32)).argmax())
    assert f"dx of the logit of {answer}:" in html and f'<span class="large">{answer}</span>' in html
    assert html.count('<li class="borrowed">') == len(Parts().chosen)
    without = page(Parts(), model)
    assert "A digit of yours" not in without and "test digits" not in without and "The filters it learnt" in without


def test_it_leaves_the_network_as_it_was(model, digit):
    model[1].eval()
    model.backward(np.ones_like(model.forward(digit[None, None])))
    gradients = [parameter.grad.copy() for parameter in model.parameters()]
    page(Parts(), model, drawing=digit)
    assert [module.training for module in model.modules()] == [True, True, False, True]
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(parameter.grad, gradient)


def test_the_distance_from_measured_slopes_is_that_of_the_learners_own_functions(tmp_path, monkeypatch):
    solutions.store(["conv1d_weight_gradient", "relu_backward", "conv1d"], tmp_path)
    slopes = keepsake.measured_slopes(keepsake.own())
    assert slopes.functions == 2 and 0 < slopes.largest < 1e-9
    monkeypatch.setattr(keeping, "answer", lambda name: lambda dy, *arguments: dy[: len(arguments[-3])] * 0)
    assert keepsake.measured_slopes([one for one in keepsake.own() if one.name != "relu_backward"]).largest > 0.1


@pytest.mark.slow
def test_every_gradient_of_the_course_agrees_with_the_slopes_that_are_measured():
    gaps = {name: keepsake._gaps(registry.get(name), registry.get(name).answer) for name in registry.names()}
    measured = {name: max(gap) for name, gap in gaps.items() if gap}
    assert len(measured) > 15 and max(measured.values()) < 1e-8


def test_nothing_on_it_names_a_mistake_or_can_fetch_or_run_anything(tmp_path, model, digit):
    solutions.store(["conv1d"], tmp_path)
    progress.record("conv1d", False, "one")
    progress.record("conv1d", True, "two")
    html = page(Parts(), model, drawing=digit)
    assert "<script" not in html and "http" not in html.replace("http-equiv", "") and "url(" not in html
    assert "default-src 'none'" in html
    assert not [m.name for ms in registry.get("conv1d").mistakes.values() for m in ms if m.name in html]


def test_what_is_no_picture_is_refused(model):
    with pytest.raises(ValueError, match=r"drawing must have shape \(28, 28\)"):
        keepsake.write(model=model, drawing=np.zeros((1, 28, 28)))


def test_it_shows_itself_as_a_link(monkeypatch):
    kept = keepsake.write()
    monkeypatch.chdir(kept.path.parent)
    assert kept.path.name == "what_you_built.html"
    assert '<a href="what_you_built.html"' in kept._repr_html_() and "print it" in repr(kept)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="printing needs chromium")
def test_it_prints_on_one_sheet_with_every_lab_solved(model, digit, tmp_path, monkeypatch):
    every = [
        keepsake.Written(name, places.number(lesson), "28 Nov 2026", 12)
        for lesson, labs in registry.lessons().items()
        for name in (lab.name for lab in labs)
    ]
    monkeypatch.setattr(keepsake, "own", lambda: every)
    monkeypatch.setattr(keepsake, "measured_slopes", lambda built: keepsake.Slopes(3e-11, len(built)))
    kept = keepsake.write(Parts(), model, accuracy=(0.98523, 10_000), drawing=digit)
    sheet = tmp_path / "page.pdf"
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--print-to-pdf={sheet}", kept.path.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert re.findall(rb"/Count (\d+)", sheet.read_bytes()) == [b"1"]
