"""Writes the measured tables of README.md between their markers: python tests/report.py [gradients] [labs] [speed]

Without names, all of them. `speed` takes five minutes and wants a machine that does nothing else.
"""

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from reference import SETTINGS, cases

from course_lib import functional as F
from course_lib import gradcheck
from course_lib.exercises import get, registry

sys.path.append(str(Path(__file__).with_name("exercises")))  # where pytest finds it by itself
from answers import RIGHT, WRONG, accepted, expected, hinted, named, refused

README = Path(__file__).parents[1] / "README.md"

# operation: its forward, its backward (dy, arguments by name -> gradients), the arrays it has gradients for
OPERATIONS = {
    "conv2d": (F.conv2d, lambda dy, x, w, b, **how: F.conv2d_backward(dy, x, w, **how), "xwb"),
    "conv_transpose2d": (
        F.conv_transpose2d, lambda dy, x, w, b, **how: F.conv_transpose2d_backward(dy, x, w, **how), "xwb",
    ),
    "im2col": (F.im2col, lambda dy, x, **how: F.col2im(dy, x.shape[2:], **how), "x"),
    "max_pool2d": (
        lambda x, **how: F.max_pool2d(x, **how)[0],
        lambda dy, x, **how: F.max_pool2d_backward(dy, F.max_pool2d(x, **how)[1], x.shape), "x",
    ),
    "avg_pool2d": (F.avg_pool2d, lambda dy, x, **how: F.avg_pool2d_backward(dy, x.shape, **how), "x"),
}  # fmt: skip


def gradients():
    """Every operation that has a geometry, on the stored cases: how far from PyTorch, how far from measured slopes."""
    rows = []
    for name, (forward, backward, letters) in OPERATIONS.items():
        from_pytorch, from_slopes, count = 0.0, 0.0, 0
        for case in cases(name).values():
            how = {key: case[key] for key in case if key in SETTINGS}
            arrays = {letter: case[letter] for letter in letters}
            found = backward(case["dy"], **arrays, **how)
            found = found if isinstance(found, tuple) else (found,)
            count += 1
            for letter, gradient in zip(letters, found, strict=True):
                from_pytorch = max(from_pytorch, difference(gradient, case[f"d{letter}"]))
                if name == "max_pool2d":  # its cases have ties, where a slope is no gradient
                    continue
                slopes = gradcheck.numerical_gradient(loss_of(forward, case["dy"], arrays, letter, how), case[letter])
                from_slopes = max(from_slopes, difference(gradient, slopes))
        slopes = "has ties" if name == "max_pool2d" else power(from_slopes)
        rows.append([f"`{name}`", count, power(from_pytorch), slopes])
    head = ["gradients of", "geometries", "from PyTorch, at most", "from central differences, at most"]
    return table(head, rows)


def loss_of(forward, dy, arrays, letter, how):
    """The loss sum(dy * y) as a function of one of the arrays."""
    return lambda value: float(np.sum(dy * forward(**{**arrays, letter: value}, **how)))


def difference(found, expected):
    """Relative to the largest number there."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))


def power(value):
    """The next power of ten above: what is left of rounding, which differs from CPU to CPU."""
    return "0" if value == 0 else f"1e{math.ceil(math.log10(value))}"


def labs():
    """Every answer that was written independently of the labs, tried on them."""
    rows = []
    for lesson, exercises in registry.lessons().items():
        of_lesson = {exercise.name for exercise in exercises}
        right = [accepted(name, answer) for name, answer in RIGHT if name in of_lesson]
        wrong = [judged(name, told, answer) for name, told, answer in WRONG if name in of_lesson]
        rows.append([lesson, len(exercises), len(right), sum(right), len(wrong), *map(sum, zip(*wrong, strict=True))])
    rows.append(["together", *(sum(column) for column in list(zip(*rows, strict=True))[1:])])
    return table(LABS, rows)


LABS = [
    "lesson", "labs", "right answers tried", "accepted", "wrong answers tried", "refused", "told the mistake",
    "told only where it is wrong",
]  # fmt: skip


def judged(name, told, answer):
    """Whether a wrong answer is refused, told the mistake it should be told, and told only where it goes wrong."""
    verdict = get(name).judge(answer, explain=False)
    right_words = expected(verdict, get(name), told)
    return refused(verdict), right_words and named(told), right_words and hinted(told)


def speed():
    """The course beside PyTorch: a training step on one thread and on two, and the memory of the process."""
    run = subprocess.run(
        [sys.executable, Path(__file__).with_name("benchmark")], stdout=subprocess.PIPE, encoding="utf-8"
    )
    if run.returncode:
        raise SystemExit("tests/benchmark failed: see above")
    lines = run.stdout.splitlines()
    found = {title: read_table(rest) for title, rest in re.findall(r"\*\*(.+?)\*\*\n\n((?:\|.*\n)+)", run.stdout)}
    step = found["Training step"]
    title, memory = next((title, rows) for title, rows in found.items() if title.startswith("Memory"))
    keep = [n for n, name in enumerate(step[0]) if not name or name.startswith("course")]
    steps = table([step[0][n] or "training step" for n in keep], [[row[n] for n in keep] for row in step[1:]])
    return f"{lines[0]}. {lines[1]}\n\n{steps}\n\n{table([title, *memory[0][1:]], memory[1:])}"


def read_table(text):
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [rows[0], *rows[2:]]


def table(head, rows):
    rows = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)


SECTIONS = {"gradients": gradients, "labs": labs, "speed": speed}


def written(text, name, content):
    """The text with what stands between the markers of a section replaced."""
    pattern = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"README.md must have one place for {name!r}: <!-- measured: {name} --> ... <!-- end -->")
    return pattern.sub(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)


def main(names):
    unknown = set(names) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"no such table: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    for name in names or SECTIONS:
        content = SECTIONS[name]()
        README.write_text(written(README.read_text(encoding="utf-8"), name, content), encoding="utf-8")
        print(f"{name}\n\n{content}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
