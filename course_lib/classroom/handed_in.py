"""What students hand in, read without running or unpacking anything: folders, notebooks, zips, or a folder of these.

A student's name is that of the folder, notebook or zip. A limit that is passed, and what cannot be read, is told in a
sentence.
"""

import json
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from course_lib import progress
from course_lib.classroom.written import answer_in, labs_in
from course_lib.exercises import get, registry

LARGEST = 30 * 2**20  # bytes of one file
LARGEST_ALL = 300 * 2**20  # bytes of a zip, unpacked
MOST_FILES = 5000  # that are looked at for one student
NOT_LOOKED_INTO = {"earlier", "node_modules", "site-packages", "__pycache__", "__MACOSX"}
AGAIN = r"(?:[ _-]*\(?\d\)?)?"  # what systems add to the name of a file that is handed in once more: " (2)", "-1"
ANSWER = re.compile(r"(?:^|/)mine/(?:(tried)/)?(\w+)\.py$")
PROGRESS = ".progress.json"
KEPT, NOTEBOOK, TRIED = "mine", "notebook", "tried"  # where an answer was found; earlier ones are judged first


class File(NamedTuple):
    """A file that a student handed in: its path there, and what is in it."""

    path: str
    content: bytes


class Answer(NamedTuple):
    """The text of an answer, and where it was found."""

    text: str
    found_in: str


@dataclass
class Student:
    """answers: lab -> what was written for it, best first. tries: lab -> how often it was checked, where that is known.

    labs: all labs in what was handed in. remarks: sentences about what could not be read.
    """

    name: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    labs: set[str] = field(default_factory=set)
    tries: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def students(paths: Sequence[Path]) -> list[Student]:
    """Everybody whose work is in these folders, notebooks and zips, by name. One name is one student."""
    found: dict[str, Student] = {}
    for path in paths:
        for name, work in _hand_ins(path):
            _read(found.setdefault(name, Student(name)), work)
    return [found[name] for name in sorted(found, key=str.casefold)]


def _hand_ins(path: Path) -> Iterator[tuple[str, Path]]:
    """(the student's name, a folder, notebook or zip), for one path of the command line."""
    if not path.is_dir():
        yield _name(path), path
    elif _is_a_work_folder(path):
        yield _name(path), path
    else:
        for child in sorted(path.iterdir()):
            if not child.name.startswith(".") and not child.is_symlink():
                if child.is_dir() or child.suffix.lower() in (".ipynb", ".zip"):
                    yield _name(child), child


def _is_a_work_folder(folder: Path) -> bool:
    """Whether a folder is one student's work, and no folder of several students'."""
    lessons = [path for path in folder.glob("*.ipynb") if path.stem in registry.lessons()]
    return bool(lessons) or (folder / "mine").is_dir() or (folder / "work").is_dir()


def _name(path: Path) -> str:
    """The student's name: that of the file without the lesson's, or of the folder around a folder called work."""
    path = path.absolute()
    if path.is_dir():
        return path.parent.name if path.name == "work" else path.name
    lesson = rf"[ _-]*(?:{'|'.join(registry.lessons())}){AGAIN}$|^(?:{'|'.join(registry.lessons())})[ _-]*"
    stem = re.sub(lesson, "", path.stem) if path.suffix == ".ipynb" else path.stem
    return stem.strip(" _-") or path.parent.name


def _read(student: Student, work: Path) -> None:
    """Add what is in a folder, notebook or zip to what is known of a student."""
    try:
        files = _of_a_folder if work.is_dir() else _of_a_zip if work.suffix.lower() == ".zip" else _of_a_notebook
        for file in files(student, work):
            _add(student, file)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        student.remarks.append(f"{work.name} could not be read: {error}.")


def _wanted(path: str) -> bool:
    """Whether the course reads a file with this path: a notebook, an answer or the progress, and no older copy."""
    parts = PurePosixPath(path).parts
    if any(part in NOT_LOOKED_INTO or part.startswith(".") for part in parts[:-1]):
        return False
    return path.endswith(".ipynb") or parts[-1] == PROGRESS or bool(ANSWER.search(path))


def _of_a_notebook(student: Student, path: Path) -> Iterator[File]:
    yield from _loaded(student, path, path.name)


def _of_a_folder(student: Student, folder: Path) -> Iterator[File]:
    seen = 0
    for place, below, names in os.walk(folder, followlinks=False):
        below[:] = sorted(name for name in below if name not in NOT_LOOKED_INTO and not name.startswith("."))
        for name in sorted(names):
            seen += 1
            if seen > MOST_FILES:
                student.remarks.append(f"{folder.name} holds more than {MOST_FILES} files; the others were not read.")
                return
            path = Path(place, name)
            inside = path.relative_to(folder).as_posix()
            if _wanted(inside):
                yield from _loaded(student, path, inside)
            elif path.suffix.lower() == ".zip" and not path.is_symlink():
                _read(student, path)


def _loaded(student: Student, path: Path, inside: str) -> Iterator[File]:
    """A file of the disk, if it is one: what a link points to is not the student's."""
    if path.is_symlink() or not path.is_file():
        student.remarks.append(f"{inside} is no plain file, and was not read.")
    elif path.stat().st_size > LARGEST:
        student.remarks.append(f"{inside} is larger than {LARGEST >> 20} MB, and was not read.")
    else:
        yield File(inside, path.read_bytes())


def _of_a_zip(student: Student, path: Path) -> Iterator[File]:
    """The files of a zip, read where they are: nothing is unpacked onto the disk."""
    left = LARGEST_ALL
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_FILES:
            student.remarks.append(f"{path.name} holds more than {MOST_FILES} files; the others were not read.")
        for entry in sorted(entries[:MOST_FILES], key=lambda entry: entry.filename):
            inside = entry.filename.replace("\\", "/")
            if inside.startswith("/") or ":" in inside or ".." in inside.split("/"):
                student.remarks.append(f"{path.name} has a file that would lie outside of it: {inside[:80]}. Not read.")
            elif _wanted(inside):
                with archive.open(entry) as file:
                    content = file.read(min(LARGEST, left) + 1)  # what the entry says about its size may be a lie
                left -= len(content)
                if len(content) > LARGEST or left < 0:
                    student.remarks.append(f"{inside} in {path.name} is too large, and was not read.")
                    if left < 0:
                        return
                else:
                    yield File(inside, content)


# ---------------------------------------------------------------- what is in a file


def _add(student: Student, file: File) -> None:
    try:
        text = file.content.decode("utf-8-sig")
        if file.path.endswith(PROGRESS):
            for name, entry in progress.parsed(text).items():
                student.tries[name] = max(student.tries.get(name, 0), entry["tries"])
        elif file.path.endswith(".ipynb"):
            _add_notebook(student, text)
        else:
            _add_kept(student, file.path, text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        student.remarks.append(f"{file.path} could not be read: {reason}.")


def _add_kept(student: Student, path: str, text: str) -> None:
    match = ANSWER.search(path)
    assert match is not None
    try:
        name = get(match[2]).name
    except ValueError:  # a helper, or __init__.py
        return
    _note(student, name, Answer(text, TRIED if match[1] else KEPT))


def _add_notebook(student: Student, text: str) -> None:
    sources, marked = cells_of(text)
    for name in labs_in(sources, marked):
        student.labs.add(name)
        answer = answer_in(sources, get(name))
        if answer is not None:
            _note(student, name, Answer(answer, NOTEBOOK))


def _note(student: Student, name: str, answer: Answer) -> None:
    student.labs.add(name)
    known = student.answers.setdefault(name, [])
    if answer.text not in [one.text for one in known]:
        known.append(answer)
        known.sort(key=lambda one: (KEPT, NOTEBOOK, TRIED).index(one.found_in))


def cells_of(text: str) -> tuple[list[str], list[str]]:
    """The sources of a notebook's code cells, and the names of the labs that its cells are marked with.

    Raises ValueError if the text is no notebook.
    """
    notebook = json.loads(text)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError("it is no notebook")
    sources, marked = [], []
    for cell in cells:
        source = cell.get("source", "")
        source = "".join(map(str, source)) if isinstance(source, list) else str(source)
        if cell.get("cell_type") == "code":
            sources.append(source)
        metadata = cell.get("metadata")
        about = metadata.get("course") if isinstance(metadata, dict) else None
        if isinstance(about, dict) and isinstance(about.get("exercise"), str):
            marked.append(about["exercise"])
        elif match := re.fullmatch(r"lab-(\w+)-stub", str(cell.get("id", ""))):
            marked.append(match[1])
    return sources, marked
