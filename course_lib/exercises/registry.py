"""All exercises and questions, found in the modules of `lessons`; they are loaded when first asked for.

A module there that names its notebook in LESSON is part of a lesson, and holds EXERCISES and PREDICTIONS. Lessons come
in the order of their notebooks, the optional ones last; of several modules for one notebook, files come before folders.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import TypeVar

from course_lib import progress
from course_lib._support import places
from course_lib.exercises import lessons as _package
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.prediction import Prediction

Kind = TypeVar("Kind", bound=Exercise)


@cache
def _modules() -> list[ModuleType]:
    found = []
    for entry in pkgutil.iter_modules(_package.__path__, f"{_package.__name__}."):
        module = importlib.import_module(entry.name)
        if hasattr(module, "LESSON"):
            found.append((module.LESSON, entry.ispkg, entry.name, module))
    modules = [module for *_, module in sorted(found, key=lambda one: one[:3])]
    questions = [question for module in modules for question in (*module.EXERCISES, *module.PREDICTIONS)]
    progress.know_renamed({former: question.name for question in questions for former in question.formerly})
    return modules


@cache
def lessons() -> dict[str, list[Exercise]]:
    """Notebook name, as "01_conv1d" -> the list of its exercises, in order."""
    found: dict[str, list[Exercise]] = {}
    for module in _modules():
        for exercise in module.EXERCISES:
            exercise.lesson = places.number(module.LESSON)
        found.setdefault(module.LESSON, []).extend(module.EXERCISES)
    return found


@cache
def predictions() -> dict[str, Prediction]:
    """Name, as "01/feeds" -> its Prediction, in lesson order."""
    return {prediction.name: prediction for module in _modules() for prediction in module.PREDICTIONS}


def prediction(name: str) -> Prediction:
    """The Prediction of that name, such as "01/last_input", or of the name it had before."""
    known = predictions()
    found = known.get(_former_names_of(known).get(name, name))
    if found is None:
        raise ValueError(f"name must be one of the predictions, {', '.join(known)}, but is {name!r}")
    return found


@cache
def _by_name() -> dict[str, Exercise]:
    return {exercise.name: exercise for exercises in lessons().values() for exercise in exercises}


def _former_names_of(questions: Mapping[str, Exercise | Prediction]) -> dict[str, str]:
    return {former: name for name, question in questions.items() for former in question.formerly}


def names() -> list[str]:
    """The names of all exercises, in lesson order."""
    return list(_by_name())


def get_as(name: str, kind: type[Kind], called: str) -> Kind:
    """The Exercise of that name, which must be one of that kind; called: those of the kind, in a sentence."""
    exercise = get(name)
    if not isinstance(exercise, kind):
        known = ", ".join(one for one in names() if isinstance(get(one), kind))
        raise ValueError(f"name must be one of {called}, {known}, but is {exercise.name}")
    return exercise


def get(name: str) -> Exercise:
    """The Exercise of that name, or of the name it had before."""
    name = _former_names_of(_by_name()).get(name, name)
    if name not in _by_name():
        raise ValueError(f"name must be one of the exercises, {', '.join(_by_name())}, but is {name!r}")
    return _by_name()[name]
