"""For a teacher: python -m course_lib.classroom {handout,collect,grade} ...

handout OUT             lessons without solutions, and a zip of the solutions
collect IN... --out OUT judges what students hand in: answers.csv, mistakes.csv, class.json, class.html
grade NOTEBOOK          judges the labs of one notebook

Nothing is ever sent anywhere.
"""

import argparse
import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from course_lib.classroom import collected, grading, handing_out, report


def main(arguments: Sequence[str] | None = None) -> None:
    known = _parser().parse_args(arguments)
    missing = [str(path) for path in known.paths if not path.exists()]
    if missing:
        sys.exit(f"There is no {', no '.join(missing)}.")
    try:
        known.run(known)
    except (OSError, ValueError, handing_out.CannotBeHandedOutError) as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.classroom", description="Hand lessons out, and judge what comes back."
    )
    commands = parser.add_subparsers(required=True)
    handout = commands.add_parser("handout", help="the lessons without solutions, and a zip of the solutions")
    handout.add_argument("out", type=Path, metavar="OUT", help="the folder to make")
    handout.add_argument("--hints", action="store_true", help="leave the hints in")
    handout.add_argument("--nbgrader", action="store_true", help="make nbgrader assignments, too, in OUT/source")
    handout.set_defaults(run=_handout, paths=[])
    collect = commands.add_parser("collect", help="judge what students hand in, and see what they are stuck on")
    collect.add_argument(
        "paths", nargs="+", type=Path, metavar="IN", help="work folders, notebooks, zips, or a folder of them"
    )
    collect.add_argument("--out", type=Path, required=True, help="the folder for the tables and the page")
    collect.set_defaults(run=_collect)
    grade = commands.add_parser("grade", help="judge what was written in one notebook")
    grade.add_argument("paths", nargs=1, type=Path, metavar="NOTEBOOK")
    grade.add_argument("--json", action="store_true", help="print JSON")
    grade.set_defaults(run=_grade)
    return parser


def _handout(known: argparse.Namespace) -> None:
    for path in handing_out.hand_out(known.out, known.hints, known.nbgrader):
        print(path)


def _collect(known: argparse.Namespace) -> None:
    found = collected.collect(known.paths, secrets.randbits(32))
    report.write(found, known.out)
    right = sum(map(found.solved, found.answers))
    print(f"Students: {len(found.answers)}. Right answers: {right}. Open {known.out / 'class.html'}")


def _grade(known: argparse.Namespace) -> None:
    labs = grading.grade(known.paths[0])
    right = sum(judged.status == "right" for judged in labs.values())
    if known.json:
        rows = {name: report.without_nothing(asdict(judged)) for name, judged in labs.items()}
        print(json.dumps({"right": right, "of": len(labs), "labs": rows}, indent=1))
        return
    for name, judged in labs.items():
        sign = report.SIGNS[judged.status][0]
        says = "" if judged.status in ("right", "not attempted") else f": {grading.sentence(judged)}"
        print(f"{sign} {name}{says}")
    print(f"{right}/{len(labs)}")


if __name__ == "__main__":
    main()
