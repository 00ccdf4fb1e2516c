"""The map of lesson 00: what fills, where it leads, and the track that is kept."""

import re
from urllib.parse import unquote

import nbformat
import pytest

from course_lib import progress
from course_lib._support import places
from course_lib.exercises import board, registry
from course_lib.exercises.board import FAST, SKIMMING, Board
from course_lib.publish import build


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "p.json"))


def states():
    return {lab.name: lab.state for station in board().stations for lab in station.labs}


@pytest.mark.parametrize("notebook", build.lessons())
def test_a_station_has_the_title_and_the_minutes_of_its_lesson(notebook):
    head = (build.SOURCES / f"{notebook}.md").read_text(encoding="utf-8")
    title, minutes = (
        re.search(r"^# (.+)$", head, re.M)[1],
        re.search(r"^\*Lesson \w+.* · (\d+) minutes", head, re.M)[1],
    )
    if not (places.NOTEBOOKS / f"{notebook}.ipynb").exists():
        pytest.skip("the lesson is not built")
    (station,) = [one for one in board().stations if one.notebook == notebook]
    assert (station.title, station.minutes) == (title, int(minutes))


def test_every_lesson_with_labs_is_a_station_and_every_lab_a_cell():
    assert [station.notebook for station in board().stations] == list(registry.lessons())
    assert [name for name in registry.lessons() if not places.is_optional(name)] == list(FAST)
    assert all(lab in [one.name for one in registry.lessons()[notebook]] for notebook, lab in FAST.items())
    assert list(states()) == [exercise.name for labs in registry.lessons().values() for exercise in labs]


def test_labs_fill_when_they_are_tried_and_solved():
    assert states()["chain_backward"] == "next"
    progress.record("chain_backward", True)
    progress.record("conv1d_backward", False, "code")
    found = states()
    assert (found["chain_backward"], found["numerical_gradient"]) == ("solved", "next")
    assert (found["conv1d_backward"], found["conv1d"]) == ("tried", "open")
    html = board()._repr_html_()
    assert 'aria-label="chain_backward: solved, 1 try"' in html and "✓ chain_backward" in html
    assert 'aria-label="conv1d_backward: not solved yet, 1 try"' in html and "◐ conv1d_backward" in html


def test_predictions_stand_at_their_lessons():
    progress.record_prediction("01/forward", [7, 9, 10], False)
    progress.record_prediction("01/weight", -1, True)
    progress.record_prediction("02/padding", None, False)
    guesses = {station.number: station.guesses for station in board().stations if station.guesses}
    assert guesses == {"01": "you predicted 1 of 2"} and "you predicted 1 of 2" in repr(board())


@pytest.mark.parametrize("notebook", FAST)
def test_every_lab_leads_to_the_cell_with_its_task(notebook):
    cells = {cell.id: cell.source for cell in nbformat.read(build.NOTEBOOKS / f"{notebook}.ipynb", 4).cells}
    station = next(station for station in board().stations if station.notebook == notebook)
    for lab in station.labs:
        page, _, place = lab.link.partition("#cell-id=")
        assert page == f"{notebook}.ipynb" and lab.name in cells[unquote(place)], lab
    assert len({lab.link for lab in station.labs}) == len(station.labs)


def test_where_to_go_on_is_a_link_to_the_very_lab():
    progress.record("chain_backward", True)
    assert board().next_link == "00_start_here.ipynb#cell-id=lab-numerical_gradient-task"
    assert f'href="{board().next_link}"' in board()._repr_html_()


def test_the_fast_track_has_one_lab_a_lesson_and_takes_about_five_hours():
    progress.choose_track(True)
    chosen = board()
    assert chosen.fast and [len(station.labs) for station in chosen.stations] == [1] * len(FAST)
    assert [station.labs[0].name for station in chosen.stations] == list(FAST.values())
    minutes = sum(SKIMMING + registry.get(lab).minutes for lab in FAST.values())
    assert 270 <= minutes <= 330 and "about 5 hours" in chosen.track
    assert chosen.next == ("00_start_here", "numerical_gradient")
    progress.record("numerical_gradient", True)
    assert board().summary.startswith("1 of 13 labs of the fast track solved. Next: conv1d_input_gradient_scatter")
    assert board().count() == (1, sum(map(len, registry.lessons().values())))


def test_a_click_chooses_the_track_and_it_is_kept(monkeypatch):
    shown = []
    monkeypatch.setattr("course_lib.widgets.switch.switched", lambda *arguments: shown.append(arguments))
    board()._ipython_display_()
    _, _, pressed, make = shown[0]
    assert pressed == 0 and "The whole course" in make(0)[1] and not progress.path().exists()
    html, text = make(1)
    assert "Fast track: one lab" in html and "of the fast track" in text and progress.fast_track()
    board()._ipython_display_()
    assert shown[1][2] == 1
    assert "The whole course" in make(0)[1] and not progress.fast_track()


def test_optional_lessons_are_on_the_map_but_nobody_is_led_there():
    labs = {"00_start_here": ["chain_backward"], "A_aside": ["conv1d"]}
    shown = Board({}, labs)
    assert [station.is_optional for station in shown.stations] == [False, True] and "0 of 1 labs solved" in repr(shown)
    assert "A_aside: 0 of 1, 0 minutes, optional" in repr(shown) and "· optional ·" in shown._repr_html_()
    solved = Board({"chain_backward": {"tries": 1, "solved": "2026-11-28"}}, labs)
    assert solved.next is None and solved.stations[1].labs[0].state == "open"
    progress.choose_track(True)
    assert [station.notebook for station in Board({}, labs).stations] == ["00_start_here"]


def test_a_course_that_is_done_says_so():
    for notebook, labs in registry.lessons().items():
        for lab in labs if not places.is_optional(notebook) else []:
            progress.record(lab.name, True)
    assert board().next is None and board().next_link == ""
    assert "labs are solved" in repr(board()) and "Go on" not in board()._repr_html_()


def test_a_lesson_that_the_map_does_not_know_is_shown_by_its_name():
    shown = Board({}, {"13_running_sum": ["running_sum_backward"]})
    assert "13_running_sum" in shown._repr_html_() and "13_running_sum" in repr(shown)
