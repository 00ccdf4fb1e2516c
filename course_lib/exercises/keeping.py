"""What a learner writes is kept: a right answer becomes a file of its own in work/mine, and is found there again.

Before it counts, the stored text is loaded alone, in a fresh process, and judged once more:
python -m course_lib.exercises.keeping LAB FILE
"""

import functools
import importlib.util
import inspect
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from course_lib import functional
from course_lib._support import kept
from course_lib._support.sources import CannotBeKeptError, standalone
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.running import as_in_stub
from course_lib.exercises.registry import get

SECONDS = 60  # for a fresh process to load the course, and to judge
HANDED = {  # what the lessons hand to learners, as they would have written it
    functional.out_size: """def out_size(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1
"""
}
NOT_ALONE = "It is right here, but not by itself in a fresh Python, so it is not kept: {reason}"


def keep(exercise: Exercise, f: Any) -> tuple[bool, str]:
    """Store a right answer. Returns whether it is kept, and a sentence about it."""
    try:
        text = written(exercise, f)
    except CannotBeKeptError as reason:
        return False, f"It is right, but not kept for later lessons. {reason}"
    if kept.read(exercise.name) == text and is_right(exercise, text):
        return True, "It is kept in your folder already."
    try:
        with tempfile.TemporaryDirectory() as folder:  # of its own: another kernel may try the same lab
            trial = Path(folder) / f"{exercise.name}.py"
            trial.write_text(text, encoding="utf-8")
            objection = judge_alone(exercise.name, trial)
        if objection:
            return False, NOT_ALONE.format(reason=objection)
        kept.store(exercise.name, text, question(exercise))
        kept.forget_try(exercise.name)
    except OSError as error:
        return False, f"It could not be kept: {error.strerror or error}."
    kept_as = f"It is kept in your folder as mine/{exercise.name}.py"
    return True, f"{kept_as}, and later lessons can use it." if is_used(exercise) else f"{kept_as}."


def is_used(exercise: Exercise) -> bool:
    """Whether lessons may call it: a function without parameters is an answer that was found, and computes nothing."""
    return not inspect.isfunction(exercise.answer) or bool(inspect.signature(exercise.answer).parameters)


def fingerprint(f: Any) -> str:
    """What tells one version of an answer from another: its own source, or where that is not found, its code."""
    try:
        return kept.digest(inspect.getsource(inspect.unwrap(f)))
    except (OSError, TypeError):
        code = getattr(f, "__code__", None)
        return kept.digest(repr((code.co_code, code.co_consts, code.co_names)) if code else repr(type(f)))


def note_try(exercise: Exercise, f: Any) -> None:
    """Keep an answer that is not right yet, so that its author can go on from it after a restart."""
    with suppress(CannotBeKeptError):
        kept.note_try(exercise.name, written(exercise, f))


def written(exercise: Exercise, f: Any) -> str:
    """The text of the file that an answer is kept in. Raises CannotBeKeptError with a sentence."""
    own = inspect.unwrap(f) if getattr(f, "__module__", "").startswith("course_lib.exercises") else f
    body = standalone(exercise.name, own, written_out=("course_lib.loops",), plain=HANDED)
    return f'"""Your answer to the lab {exercise.name} of lesson {exercise.lesson}."""\n\n{body}'


def answer(name: str) -> Any:
    """The learner's stored answer to a lab, as a function or class; None where there is none that is right."""
    text = kept.read(name)
    if text is None or not is_right(get(name), text):
        return None
    try:
        return as_in_stub(_load(name, kept.digest(text)), get(name))
    except Exception:  # the file was changed in this very moment
        return None


def last_try(name: str) -> Any:
    """The last answer that was tried and was not right, as a function or class, or None."""
    path = kept.last_try(name)
    with suppress(Exception):  # whatever is wrong with it: then there is nothing to go on from
        return None if path is None else load(name, path)
    return None


def state(name: str) -> str:
    """Whether a right answer is stored: "yours", "broken" (stored, but not right any more) or "none"."""
    text = kept.read(name)
    if text is None:
        return "none"
    return "yours" if is_right(get(name), text) else "broken"


def is_right(exercise: Exercise, text: str) -> bool:
    """Whether the stored text is right for the lab as it is today: asked once, in a fresh process, then remembered."""
    mark, today = kept.digest(text), question(exercise)
    right = kept.judged(exercise.name, mark, today)
    if right is None:
        right = not judge_alone(exercise.name, kept.path_of(exercise.name))
        kept.note(exercise.name, mark, today, right)
    return right


@functools.cache
def _question(name: str) -> str:
    exercise = get(name)
    file = inspect.getsourcefile(exercise.cases)
    return kept.digest(exercise.solution() + (Path(file).read_text(encoding="utf-8") if file else ""))


def question(exercise: Exercise) -> str:
    """A fingerprint of a lab: of its answer, and of the module that draws its cases."""
    return _question(exercise.name)


@functools.lru_cache(maxsize=256)
def _load(name: str, mark: str) -> Any:
    """The stored answer; mark: a fingerprint of its text, so that another text is loaded anew."""
    return load(name, kept.path_of(name))


def load(name: str, path: Path) -> Any:
    """The object called `name` in a file."""
    spec = importlib.util.spec_from_file_location(f"mine.{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    kept.loading.append(name)
    try:
        spec.loader.exec_module(module)
    finally:
        kept.loading.pop()
    return getattr(module, name)


def judge_alone(name: str, path: Path) -> str:
    """Load a file with nothing around it and judge the answer in it. Returns "" if it is right, else a reason."""
    if sys.platform == "emscripten":  # a browser has no processes: a fresh module must do
        return _verdict(name, path)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "course_lib.exercises.keeping", name, str(path)],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, cwd=path.parent,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it was still running after {SECONDS} s."
    if done.returncode == 0:
        return ""
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "it ended Python."


def _verdict(name: str, path: Path) -> str:
    try:
        f = load(name, path)
    except BaseException as error:  # sys.exit() too
        return f"{type(error).__name__}: {error}."
    verdict = get(name).judge(f, explain=False)
    if verdict.status == "right":
        return ""
    if verdict.raised is not None:
        return f"{verdict.raised.kind}: {verdict.raised.message}."
    return " ".join(sentence for told in verdict.mistakes.values() for sentence in told) or "it gives other results."


if __name__ == "__main__":
    found = _verdict(sys.argv[1], Path(sys.argv[2]))
    print(found)
    sys.exit(bool(found))
