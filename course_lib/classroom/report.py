"""What a teacher reads about a class: answers.csv, mistakes.csv, class.json, and the page class.html."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from course_lib import looks
from course_lib._support.files import atomic_write
from course_lib._support.templates import templates
from course_lib.classroom.collected import Class
from course_lib.exercises import get
from course_lib.exercises.engine.cards import rich

FILES = ("answers.csv", "mistakes.csv", "class.json", "class.html")
ANSWERS = ("student", "lesson", "lab", "status", "mistakes", "says", "found in", "tries", "look at it")
MISTAKES = ("lesson", "lab", "result", "mistake", "students", "who", "what they are told")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run
SIGNS = {  # status -> its sign, and the colour of looks.STATUS or ""
    "right": ("✓", "right"), "wrong": ("✗", "wrong"), "error": ("!", "error"), "not attempted": ("○", ""),
    "not handed in": ("", ""),
}  # fmt: skip
FREE_TO = {  # what an answer may do where a limit does not hold
    "network": "use the network", "processes": "leave processes behind", "memory": "take any amount of memory",
}  # fmt: skip
MOST_TOLD = 12  # mistakes that are told in whole sentences
_PAGES = templates("course_lib.classroom")
_PAGES.filters["rich"] = rich


def write(of: Class, folder: Path) -> list[Path]:
    """Write the four files. Returns their paths."""
    texts: dict[str, Any] = {"class.json": json.dumps(_portable(of), indent=1), "class.html": page(of)}
    for name, text in texts.items():
        with atomic_write(folder / name, "w") as file:
            file.write(text)
    _table(folder / "answers.csv", ANSWERS, _answers(of))
    _table(folder / "mistakes.csv", MISTAKES, _mistakes(of))
    return [folder / name for name in FILES]


def page(of: Class) -> str:
    """The page: one file, without scripts, that loads nothing."""
    labs = {lab: get(lab) for lab in of.labs}
    return _PAGES.get_template("class.html").render(
        of=of, labs=labs, signs=SIGNS, free_to=[FREE_TO[kind] for kind in of.free], looks=looks, most_told=MOST_TOLD,
        style=Markup(looks.jupyter_css() + looks.css_variables(":root")), heat=_heat,
        suspicious=[
            (student, lab, judged)
            for student, answers in of.answers.items()
            for lab, judged in answers.items()
            if judged.suspicious
        ],
    )  # fmt: skip


def _heat(count: int, of: int) -> str:
    """The ground of a cell: the more students, the stronger."""
    return looks.translucent(looks.STATUS["wrong"], 0.12 + 0.68 * count / max(of, 1))


def _answers(of: Class) -> Iterable[Sequence[Any]]:
    for student in of.answers:
        for lab in of.labs:
            judged = of.of(student, lab)
            names = "; ".join(f"{told.tensor}: {told.name}" if told.tensor else told.name for told in judged.told)
            yield (
                student, get(lab).lesson, lab, judged.status, names, judged.says, judged.found_in,
                "" if judged.tries is None else judged.tries, "yes" if judged.suspicious else "",
            )  # fmt: skip


def _mistakes(of: Class) -> Iterable[Sequence[Any]]:
    for row in of.stuck:
        told = row.told
        yield row.lesson, row.lab, told.tensor, told.name, len(row.students), "; ".join(row.students), told.message


def _table(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table for a spreadsheet. What it would take for a formula is put behind an apostrophe."""
    with atomic_write(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        for row in rows:
            writer.writerow([f"'{value}" if str(value).startswith(FORMULA) else value for value in row])


def _portable(of: Class) -> dict[str, Any]:
    return {
        "day": of.day,
        "seed": of.seed,
        "no limit on": list(of.free),
        "students": {
            student: {lab: without_nothing(asdict(of.of(student, lab))) for lab in of.labs} for student in of.answers
        },
        "mistakes": [
            {"lesson": row.lesson, "lab": row.lab, **row.told._asdict(), "students": list(row.students)}
            for row in of.stuck
        ],
        "remarks": [{"student": student, "says": says} for student, says in of.remarks],
    }


def without_nothing(judged: dict[str, Any]) -> dict[str, Any]:
    """The fields of a Judged that say something, for JSON."""
    told = [dict(zip(("tensor", "name", "message"), one, strict=True)) for one in judged.pop("told")]
    return {"told": told, **{key: value for key, value in judged.items() if value not in ("", None, False)}}
