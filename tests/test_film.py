"""An animation as a file to share."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageSequence

from course_lib import frames, widgets
from course_lib.widgets import film, still


@pytest.fixture
def story():
    return frames.conv1d([1.0, 2, 0, 3], [1.0, 2])


@pytest.mark.parametrize("name", ["a.gif", "folder/b.webp", "c.GIF"])
def test_every_step_is_a_picture_and_the_last_is_shown_longer(story, tmp_path, name):
    path = widgets.save(story, tmp_path / name, seconds=0.5)
    assert path == tmp_path / name
    with Image.open(path) as moving:
        assert moving.format == path.suffix[1:].upper() and moving.n_frames == len(story.steps)
        shown = [
            (np.asarray(one.convert("RGB")).astype(int), one.info["duration"]) for one in ImageSequence.Iterator(moving)
        ]
        assert moving.info["loop"] == 0
    assert [time for _, time in shown] == [500] * (len(shown) - 1) + [1250]
    assert all(np.abs(one - other).max() > 50 for (one, _), (other, _) in itertools.pairwise(shown))


def test_what_cannot_be_saved_is_said_by_name(story, tmp_path):
    with pytest.raises(TypeError, match=r"^story must be a Story, such as .*, but is ndarray$"):
        widgets.save(np.ones(3), tmp_path / "a.gif")
    with pytest.raises(ValueError, match=r"^path must end in \.gif or \.webp, but is '.*a\.png'$"):
        widgets.save(story, tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"^seconds must be"):
        widgets.save(story, tmp_path / "a.gif", seconds=0)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_leaves_what_was_there(story, tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    path.write_bytes(b"before")
    monkeypatch.setattr(film, "drawn", lambda story: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        widgets.save(story, path)
    assert path.read_bytes() == b"before"


def test_a_long_story_is_shown_in_sixty_of_its_steps_from_the_first_to_the_last(tmp_path, monkeypatch):
    story = frames.conv1d(np.ones(200), [1.0])
    shown = []

    class Noted(still.Frame):
        def draw(self, pen):
            shown.append(self.position)
            super().draw(pen)

    monkeypatch.setattr(still, "Frame", Noted)
    with Image.open(widgets.save(story, tmp_path / "a.gif")) as image:
        assert image.n_frames == 60 == len(shown)
    apart = np.diff(shown)
    assert [shown[0], shown[-1]] == [0, len(story.steps) - 1] and apart.min() >= 1 and np.ptp(apart) <= 1
