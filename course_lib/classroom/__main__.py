"""For a teacher: python -m course_lib.classroom {collect} ..."""

import argparse
import secrets
from collections.abc import Sequence
from pathlib import Path

from course_lib.classroom import collected, report


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.classroom",
        description="Judge what a class wrote. Nothing is ever sent anywhere.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    collect = commands.add_parser("collect", help="judge what students hand in, and see what they are stuck on")
    collect.add_argument(
        "paths", nargs="+", type=Path, metavar="IN", help="work folders, notebooks, zips, or folders of them"
    )
    collect.add_argument(
        "--out", type=Path, required=True, help="the folder for answers.csv, mistakes.csv, class.json, class.html"
    )
    known = parser.parse_args(arguments)
    missing = [str(path) for path in known.paths if not path.exists()]
    if missing:
        parser.error(f"IN must exist, but these do not: {', '.join(missing)}")
    found = collected.collect(known.paths, secrets.randbits(32))
    report.write(found, known.out)
    right = sum(map(found.solved, found.answers))
    print(f"{len(found.answers)} students, {right} right answers. Open {known.out / 'class.html'}")


if __name__ == "__main__":
    main()
