import errno
import os
import subprocess
import sys

import pytest

from course_lib._support import files
from course_lib._support.files import atomic_write


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "progress.json"
    path.write_text("before", encoding="utf-8")
    return path


def beside(path):
    return sorted(other.name for other in path.parent.iterdir())


def test_the_new_contents_appear_only_when_the_block_has_ended(path):
    with atomic_write(path) as file:
        file.write(b"after")
        file.flush()
        assert path.read_text(encoding="utf-8") == "before"
    assert path.read_text(encoding="utf-8") == "after"
    assert beside(path) == ["progress.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, ConnectionResetError])
def test_a_block_that_fails_or_is_interrupted_changes_nothing_and_leaves_nothing(path, error):
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"half")
        raise error
    assert path.read_text(encoding="utf-8") == "before"
    assert beside(path) == ["progress.json"]


def test_a_first_write_that_fails_leaves_an_empty_folder(tmp_path):
    with pytest.raises(ValueError), atomic_write(tmp_path / "weights.npz") as file:
        file.write(b"half")
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_text_is_written_as_utf_8(path):
    with atomic_write(path, "w") as file:
        file.write("∂L/∂x")
    assert path.read_bytes() == "∂L/∂x".encode()


READS = """
import warnings
from course_lib import environment
from course_lib.publish import export
warnings.simplefilter("error", EncodingWarning)
environment.report()
assert "\\N{MINUS SIGN}" in export._whole("lesson.html", "title", [{}], body="body", before=None, after=None)
"""


@pytest.mark.slow
def test_text_is_read_as_utf_8_whatever_the_system_prefers():
    subprocess.run([sys.executable, "-X", "warn_default_encoding", "-W", "ignore", "-c", READS], check=True)


@pytest.mark.parametrize("mode", ["r", "a", "r+b", "x"])
def test_any_mode_but_writing_is_refused_by_name(path, mode):
    with pytest.raises(ValueError, match=f"mode must be .* but is '{mode.replace('+', '.')}'"):
        with atomic_write(path, mode):
            pass
    assert path.read_text(encoding="utf-8") == "before"


def test_missing_folders_are_made(tmp_path):
    path = tmp_path / "weights" / "lesson 08" / "small.npz"
    with atomic_write(path) as file:
        file.write(b"w")
    assert path.read_bytes() == b"w"


@pytest.mark.skipif(os.name != "posix", reason="permission bits are a POSIX matter")
@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640)])
def test_the_file_gets_the_permissions_any_new_file_would_get(tmp_path, umask, expected):
    before = os.umask(umask)
    try:
        with atomic_write(tmp_path / "new") as file:
            file.write(b"")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == expected


def test_a_link_stays_a_link_and_its_target_is_replaced(path, tmp_path):
    link = tmp_path / "elsewhere" / "link.json"
    link.parent.mkdir()
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip("this system lets us make no links")
    with atomic_write(link) as file:
        file.write(b"after")
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == "after"


def test_two_writers_at_once_do_not_meet(path):
    with atomic_write(path) as first:
        with atomic_write(path) as second:
            assert first.name != second.name
            assert str(os.getpid()) in os.path.basename(first.name)
            second.write(b"second")
        first.write(b"first")
    assert path.read_text(encoding="utf-8") == "first"


@pytest.fixture
def in_use(monkeypatch):
    """As on Windows while another process reads the file: it cannot be replaced, `refusals[0]` times."""
    refusals, replace = [0], os.replace

    def refuses(source, target):
        if refusals[0]:
            refusals[0] -= 1
            raise PermissionError(
                errno.EACCES, "Access is denied", str(source), None, str(target)
            )  # as os.replace does
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuses)
    return refusals


def test_a_file_that_another_process_reads_is_replaced_when_that_has_ended(path, in_use):
    in_use[0] = 3
    with atomic_write(path) as file:
        file.write(b"after")
    assert path.read_bytes() == b"after" and in_use == [0]
    assert beside(path) == ["progress.json"]


def test_a_file_that_stays_in_use_is_named_and_unchanged(path, in_use, monkeypatch):
    monkeypatch.setattr(files, "WAITS", (0, 0))
    in_use[0] = 99
    with pytest.raises(PermissionError, match=r"progress\.json could not be written .Access is denied.; .* unchanged"):
        with atomic_write(path) as file:
            file.write(b"after")
    assert path.read_bytes() == b"before" and beside(path) == ["progress.json"]
    assert in_use == [99 - 3]


def test_the_bytes_reach_the_disk_before_the_name_does(path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append(os.fstat(file).st_size), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("rename"), replace(*paths)))
    with atomic_write(path) as file:
        file.write(b"after")
    assert calls == [len(b"after"), "rename"]


def test_a_full_disk_is_said_in_a_sentence_naming_the_file(path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"could not be written .No space left.*before is unchanged") as caught:
        with atomic_write(path) as file:
            file.write(b"after")
    assert str(path) in str(caught.value)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text(encoding="utf-8") == "before"
    assert beside(path) == ["progress.json"]


def test_a_path_through_a_file_is_said_in_a_sentence_naming_the_path(path):
    with pytest.raises(OSError, match="could not be written") as caught:
        with atomic_write(path / "inside"):
            pass
    assert str(path / "inside") in str(caught.value)
    assert path.read_text(encoding="utf-8") == "before"


def test_a_read_only_folder_is_said_in_a_sentence_naming_the_file(path):
    path.parent.chmod(0o500)
    if os.access(path.parent, os.W_OK):
        path.parent.chmod(0o700)
        pytest.skip("this user may write into any folder")
    try:
        with pytest.raises(PermissionError, match=r"could not be written .Permission denied") as caught:
            with atomic_write(path):
                pass
    finally:
        path.parent.chmod(0o700)
    assert str(path) in str(caught.value)
    assert path.read_text(encoding="utf-8") == "before"


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "another/file"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    ],
)
def test_an_error_of_the_block_about_something_else_passes_unchanged(path, error):
    with pytest.raises(OSError) as caught, atomic_write(path):
        raise error
    assert caught.value is error
