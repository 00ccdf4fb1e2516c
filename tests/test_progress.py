"""What was solved survives crashes, two kernels, damage and folders that refuse."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime

import pytest

from course_lib import exercises, progress


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    path = tmp_path / "notebooks" / ".progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def test_nothing_is_written_before_there_is_something_to_note(file):
    assert progress.entries() == {} and not progress.solved("conv1d") and progress.tries("conv1d") == 0
    assert not file.parent.exists()


def test_a_home_sign_is_understood(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("COURSE_PROGRESS", "~/mine.json")
    assert progress.record("conv1d", True) == []
    assert "conv1d" in (tmp_path / "mine.json").read_text(encoding="utf-8")


def test_tries_are_counted_up_to_the_first_success_and_its_time_is_kept(file):
    for right in (False, False, True, True, False):
        assert progress.record("conv1d", right) == []
    assert progress.tries("conv1d") == 3 and progress.solved("conv1d")
    noted = json.loads(file.read_text(encoding="utf-8"))
    assert noted.keys() == {"conv1d"}
    assert datetime.fromisoformat(noted["conv1d"]["solved"]).tzinfo is not None
    assert not progress.solved("conv2d_single")


def test_one_exercise_or_all_can_be_forgotten():
    for name in ("conv1d", "im2col", "col2im"):
        progress.record(name, True)
    assert progress.reset("conv1d") == []
    assert progress.entries().keys() == {"im2col", "col2im"}
    assert progress.reset("conv1d") == []
    assert progress.reset() == []
    assert progress.entries() == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"\xff\xfe", b'{"conv1d": 3}', b'{"conv1d": {"tries": "x"}}', b"null", b"{}" + b"}" * 9],
)
def test_a_damaged_file_is_kept_aside_and_said(file, content):
    file.parent.mkdir()
    file.write_bytes(content)
    assert progress.entries() == {} and not progress.solved("conv1d")
    (said,) = progress.record("conv1d", True)
    assert "damaged" in said and ".progress.json.damaged-1" in said
    assert (file.parent / ".progress.json.damaged-1").read_bytes() == content
    assert progress.solved("conv1d")
    file.write_bytes(b"again")
    assert "damaged-2" in progress.record("conv1d", True)[0]


def test_deeply_nested_content_is_damage_and_never_reaches_the_parser(file, monkeypatch):
    file.parent.mkdir()
    file.write_bytes(b"[" * 100_000)
    monkeypatch.setattr(json, "loads", lambda content: pytest.fail("the parser recurses once for each bracket"))
    assert progress.entries() == {}
    assert "damaged" in progress.record("conv1d", True)[0]


def test_a_file_of_a_later_version_may_hold_more_and_keeps_it(file):
    file.parent.mkdir()
    more = {"tries": 1, "predictions": {"01/first": [[1, 2], {"b": [3]}]}}
    file.write_text(json.dumps({"conv1d": more}), encoding="utf-8")
    assert progress.record("im2col", True) == []
    assert progress.entries()["conv1d"] == more


@pytest.mark.parametrize("place", ["file/progress.json", "folder"])
def test_a_place_that_cannot_be_written_gives_a_sentence_and_no_exception(tmp_path, monkeypatch, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / place))
    for said in (progress.record("conv1d", True), progress.reset()):
        assert len(said) == 1 and "could not be noted" in said[0] and "goes on" in said[0]
    assert progress.entries() == {}
    assert "0 of" in repr(exercises.board())


def test_a_read_only_folder_gives_a_sentence(file, monkeypatch):
    """A folder's permissions do not bind every user, so its refusal is played here."""

    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(progress, "open", refused, raising=False)
    (said,) = progress.record("conv1d", True)
    assert said == "Your progress could not be noted: Permission denied. The lesson goes on without it."


def test_a_full_disk_leaves_what_was_noted_before(file, monkeypatch):
    progress.record("conv1d", True)
    before = file.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in progress.record("im2col", True)[0]
    assert file.read_bytes() == before


COUNT = """
import sys
from course_lib import progress
for number in range(int(sys.argv[2])):
    said = progress.record(f"{sys.argv[1]}-{number}", False) or progress.record("shared", False)
    assert not said, said
"""


def test_two_kernels_at_once_lose_nothing(file):
    kernels = [subprocess.Popen([sys.executable, "-c", COUNT, str(number), "15"]) for number in range(3)]
    assert [kernel.wait(60) for kernel in kernels] == [0, 0, 0]
    noted = progress.entries()
    assert len(noted) == 3 * 15 + 1
    assert noted["shared"]["tries"] == 3 * 15
    assert [path.name for path in file.parent.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.slow
def test_a_kernel_killed_at_any_moment_leaves_a_whole_file_and_no_lock(file):
    for wait in (0.3, 0.35, 0.4, 0.45, 0.5, 0.6):
        kernel = subprocess.Popen([sys.executable, "-c", COUNT, f"k{wait}", "100000"])
        time.sleep(wait)
        kernel.kill()
        kernel.wait()
        assert progress.record("after", False) == []
    assert progress.tries("after") == 6


HANGS = """
from course_lib import progress
with progress._alone():
    print("holds it", flush=True)
    input()
"""


def test_a_kernel_that_hangs_while_it_writes_holds_nobody_up_for_long(file, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.2)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen([sys.executable, "-c", HANGS], **pipes) as kernel:
        assert kernel.stdout.readline() == "holds it\n"
        start = time.monotonic()
        (said,) = progress.record("conv1d", True)
        assert 0.2 <= time.monotonic() - start < 2
        assert said == (
            "Your progress could not be noted: another kernel has been holding .progress.json for 0.2 s. "
            "The lesson goes on without it."
        )
        kernel.kill()  # and what a killed kernel held is free at once
        kernel.wait()
        start = time.monotonic()
        assert progress.record("conv1d", True) == []
        assert time.monotonic() - start < 0.2


IN_A_BROWSER = """
import os, sys, types, warnings
warnings.simplefilter("error")
sys.modules["fcntl"] = types.ModuleType("fcntl")
assert os.name != "nt"
from course_lib import progress
assert progress.record("conv1d", True) == [] and progress.solved("conv1d")
print(sorted(name for name in sys.modules if "filelock" in name), os.listdir(progress.path().parent))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows locks without fcntl")
def test_without_a_systems_locks_no_module_of_locks_is_imported_and_progress_is_recorded(file):
    run = subprocess.run([sys.executable, "-c", IN_A_BROWSER], capture_output=True, encoding="utf-8")
    assert run.stdout == "[] ['.progress.json']\n", run.stderr


# ---------------------------------------------------------------- the dashboard


def test_the_dashboard_says_what_is_solved_and_what_comes_next():
    names = exercises.names()
    board = exercises.board()
    assert board.count() == (0, len(names))
    assert board.next == ("00_start_here", names[0])
    for name in names[:3]:
        progress.record(name, True)
    progress.record(names[3], False)
    board = exercises.board()
    assert board.count() == (3, len(names)) and board.count("00_start_here") == (2, 2)
    assert board.next == ("01_conv1d", names[3])
    assert f"✓ {names[2]} (1 try)" in repr(board)
    assert f"○ {names[3]} (1 try so far)" in repr(board)
    assert f"Next: {names[3]} in 01_conv1d." in repr(board)


def test_a_finished_course_has_nothing_next():
    for name in exercises.names():
        progress.record(name, True)
    board = exercises.board()
    assert board.next is None
    needed = [name for name in exercises.names() if exercises.get(name).lesson.isdigit()]  # not those of A, B, C
    assert f"All {len(needed)} labs are solved." in repr(board) and len(needed) < len(exercises.names())


def test_the_dashboard_as_html_says_the_same_and_escapes():
    progress.record("conv1d", True)
    progress.record("<i>unknown", True)
    board = exercises.board()
    markup = board._repr_html_()
    for name in exercises.names():
        assert name in markup
    assert "✓ conv1d" in markup and "unknown" not in markup  # only what is an exercise is shown
    assert 'href="01_conv1d.ipynb"' in markup
    assert not re.search(r"0x[0-9a-f]{4,}|\d{4}-\d\d-\d\d", markup + repr(board))
    assert board.count()[0] == 1
    board.lessons["<u>lesson"] = ["<i>unknown", "<s>other"]
    markup = board._repr_html_()
    assert all(f"&lt;{name}" in markup for name in ("u&gt;lesson", "i&gt;unknown", "s&gt;other"))
    assert not re.search("<[uis]>", markup)
