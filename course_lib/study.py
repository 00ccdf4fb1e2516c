"""Study the course: python -m course_lib.study [LESSON] [options of JupyterLab]

Makes a folder of the learner's own, `work`, with copies of the lessons to write in, and opens JupyterLab on the lesson
that was saved last (the first one at the start). What would answer a question that is still open is folded there. After
an update of the course the copies are brought up to date: what the learner wrote stays, and the copy as it was is kept
in `work/earlier`. With --prepare nothing is opened.
"""

import argparse
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import nbformat
from nbformat.sign import NotebookNotary

from course_lib import progress
from course_lib._support import places
from course_lib._support.files import atomic_write, first_free
from course_lib._support.folding import fold, unfold
from course_lib._support.merging import Cell, Lessons, merge

LESSON = re.compile(r"(\d\d|[A-Z])_\w+")
UNOPENED = 10**9  # the time of a copy that nobody has saved yet, in seconds: any real one is later
PROGRESS = ".progress.json"


def lessons(folder: Path) -> dict[str, Path]:
    """The lessons in a folder, name to path, in order: numbers before letters."""
    return {path.stem: path for path in sorted(folder.glob("*.ipynb")) if LESSON.fullmatch(path.stem)}


def prepare(shipped: Path = places.NOTEBOOKS, work: Path | None = None) -> list[str]:
    """Make or refresh the learner's folder from the shipped lessons. Returns sentences about what was done.

    Raises OSError where the folder cannot be written.
    """
    work = places.work() if work is None else work
    work.mkdir(parents=True, exist_ok=True)
    said = [] if _bases(work).exists() else _adopt(shipped, work)
    now, before = lessons(shipped), lessons(_bases(work))
    changed = {name for name in now if name not in before or now[name].read_bytes() != before[name].read_bytes()}
    missing = {name for name in now if not (work / f"{name}.ipynb").exists()}
    gone = [name for name in lessons(work) if name in before and name not in now]
    if changed or missing or gone:
        said += _bring_up_to_date(now, before, work, changed | missing, gone)
    answered = set(progress.predictions())
    for path in lessons(work).values():
        with suppress(Exception):  # half a file, another program's, anything: the next update sets it aside
            _fold(path, answered)
    return said


def _bases(work: Path) -> Path:
    """Where the shipped lessons are kept as they were when the learner's copies were made."""
    return work / ".shipped"


def _bring_up_to_date(
    now: dict[str, Path], before: dict[str, Path], work: Path, wanted: set[str], gone: Sequence[str]
) -> list[str]:
    """Merge, write what differs, and keep what was there."""
    own, said = _read_own(work, [*now, *gone])
    base = {name: _cells(_read(path)) for name, path in before.items()}
    shipped = {name: _read(path) for name, path in now.items()}
    merged = merge({name: _cells(notebook) for name, notebook in shipped.items()}, base, own)
    for name, cells in merged.items():
        if name in wanted or name not in own or cells != own[name]:
            said += _write(work / f"{name}.ipynb", shipped[name], cells, base.get(name), own.get(name))
    for name in gone:
        kept = _set_aside(work / f"{name}.ipynb")
        said.append(f"{name} is no longer a lesson of its own. Your copy is kept as {kept}; its answers moved along.")
        (_bases(work) / f"{name}.ipynb").unlink()
    for path in now.values():
        with atomic_write(_bases(work) / path.name, "wb") as file:
            file.write(path.read_bytes())
    return said


def _read_own(work: Path, names: Sequence[str]) -> tuple[Lessons, list[str]]:
    """The cells of the learner's copies; a damaged one is set aside. And sentences about those."""
    own, said = {}, []
    for name, path in lessons(work).items():
        if name in names:
            try:
                own[name] = _cells(_read(path))
                unfold(own[name])
            except Exception:  # half a file, another program's, anything
                kept = _set_aside(path)
                said.append(f"{path.name} could not be read. It is kept as {kept}, and a new copy was made.")
    return own, said


def _write(target: Path, shipped: nbformat.NotebookNode, cells: list[Cell], base: object, own: object) -> list[str]:
    """Put a merged lesson in the place of the learner's copy, which is kept if anything in it was the learner's."""
    said = []
    saved = target.stat().st_mtime if target.exists() else UNOPENED
    if own is not None and own not in (base, cells):
        kept = _put_beside(target, shutil.copy2)
        said.append(f"{target.name} was updated. What you wrote is in it; the copy as it was is kept as {kept}.")
    notebook = copy.deepcopy(shipped)
    notebook.cells = nbformat.from_dict(cells)
    with atomic_write(target, "w") as file:
        nbformat.write(notebook, file)
    os.utime(target, (saved, saved))
    with suppress(Exception):  # where no signature can be kept, the copy opens untrusted
        NotebookNotary().sign(notebook)  # as `jupyter trust` does: its widgets are shown at once
    return said


def _fold(path: Path, answered: set[str]) -> None:
    """Fold what would answer an open question in a learner's copy, which stays as trusted and as old as it was."""
    notebook, saved = _read(path), path.stat().st_mtime
    cells = _cells(notebook)
    fold(cells, answered.__contains__)
    if cells == _cells(notebook):
        return
    trusted = False
    with suppress(Exception):  # where no signature can be kept, nothing is trusted
        trusted = NotebookNotary().check_signature(notebook)
    notebook.cells = nbformat.from_dict(cells)
    with atomic_write(path, "w") as file:
        nbformat.write(notebook, file)
    os.utime(path, (saved, saved))
    if trusted:
        NotebookNotary().sign(notebook)


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def _cells(notebook: nbformat.NotebookNode) -> list[Cell]:
    return json.loads(json.dumps(notebook.cells))


def _set_aside(path: Path) -> str:
    """Move a file to `earlier`, beside it, under a name of its own. Returns the new name, seen from here."""
    return _put_beside(path, os.replace)


def _put_beside(path: Path, put: Callable[[Path, Path], object]) -> str:
    """Move or copy a file to `earlier`. A copy stays in place until a new version takes it, whatever comes between."""
    day = time.strftime("%Y-%m-%d")
    ends = ("", *(f"_{number}" for number in range(2, 10**4)))
    kept = first_free(path.parent / "earlier" / f"{path.stem}_{day}{end}{path.suffix}" for end in ends)
    kept.parent.mkdir(exist_ok=True)
    put(path, kept)
    return kept.relative_to(path.parent).as_posix()


# ---------------------------------------------------------------- the first time


def _adopt(shipped: Path, work: Path) -> list[str]:
    """Take over what a learner wrote into the shipped lessons before there was a folder for it, and the progress."""
    said = []
    if (shipped / PROGRESS).exists() and not (work / PROGRESS).exists():
        shutil.copy2(shipped / PROGRESS, work / PROGRESS)
        said.append("Your progress was copied from the notebooks folder.")
    for path in lessons(shipped).values():
        clean = _as_committed(path)
        if clean is not None and clean != path.read_bytes() and not (work / path.name).exists():
            shutil.copy2(path, work / path.name)
            with atomic_write(_bases(work) / path.name, "wb") as file:
                file.write(clean)
            said.append(f"What you wrote in notebooks/{path.name} was copied.")
    return said


def _as_committed(path: Path) -> bytes | None:
    """A shipped lesson as git has it, or None where there is no git."""
    with suppress(OSError):
        found = subprocess.run(["git", "show", f"HEAD:./{path.name}"], cwd=path.parent, capture_output=True)
        if found.returncode == 0:
            return found.stdout
    return None


# ---------------------------------------------------------------- opening


def last_saved(work: Path) -> str:
    """The name of the lesson that was saved last, or the first one."""
    found = lessons(work)
    latest = max(found, key=lambda name: found[name].stat().st_mtime)
    return latest if found[latest].stat().st_mtime > UNOPENED else next(iter(found))


def defaults(work: Path) -> Path:
    """Write the defaults of JupyterLab and its server here. Returns the folder: a path of Jupyter's configuration."""
    folder = work / ".jupyter"
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    with atomic_write(folder / "labconfig" / "default_setting_overrides.json", "w") as file:
        json.dump(quiet, file)
    with atomic_write(folder / "jupyter_server_config.d" / "course.json", "w") as file:
        json.dump({"ServerApp": {"jpserver_extensions": {"course_lib.server": True}}}, file)
    return folder


def command(work: Path, lesson: str, options: Sequence[str]) -> list[str]:
    """How JupyterLab is started on a lesson of the learner's folder."""
    return [
        sys.executable, "-m", "jupyter", "lab", f"--ServerApp.root_dir={work}",
        f"--LabApp.default_url=/lab/tree/{lesson}.ipynb", *options,
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.study",
        description="Make or refresh your own copies of the lessons, and open JupyterLab on them.",
        epilog="Everything else is handed on to JupyterLab, such as --no-browser.",
    )
    parser.add_argument("lesson", nargs="?", metavar="LESSON", help="such as 01 (default: where you were)")
    parser.add_argument("--prepare", action="store_true", help="make or refresh the folder, and open nothing")
    known, options = parser.parse_known_args(arguments)
    work = places.work()
    if work == Path.home() / places.AT_HOME:
        print(f"The course's own folder cannot be written, so your copies of the lessons are in {work}.")
    try:
        said = prepare(work=work)
    except OSError as error:
        sys.exit(f"{work} cannot be written: {error.strerror or error}. COURSE_WORK can name another folder.")
    print(*said, sep="\n", end="\n" if said else "")
    if known.prepare:
        print(f"Ready: {work}")
        return
    meant = [name for name in lessons(work) if known.lesson in (name, name.partition("_")[0])]
    if known.lesson is not None and not meant:
        parser.error(f"LESSON must be one of {', '.join(lessons(work))}, but is {known.lesson}")
    os.environ["COURSE_WORK"] = str(work)  # for the kernels
    paths = [str(defaults(work)), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    with suppress(KeyboardInterrupt):
        sys.exit(subprocess.call(command(work, meant[0] if meant else last_saved(work), options)))


if __name__ == "__main__":
    main()
