"""The rooms of course_lib: imports run along the arrows that CONTRIBUTING draws, and nothing grows too large."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from first_cells import imports

import course_lib
from course_lib import widgets

PACKAGE = Path(course_lib.__file__).parent
CONTRIBUTING = PACKAGE.parent / "CONTRIBUTING.md"
MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_CLASS = 600, 300
IMPORTED_BY_WHAT_LEARNERS_OPEN = ("numpy", "matplotlib", "IPython", "ipywidgets", "anywidget")


def name_of(path):
    parts = ["course_lib", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_in(source, modules=MODULES):
    """The modules of the course that a source imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in modules}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports of the course are absolute"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside & modules.keys()
            if node.module in modules and inside - modules.keys():
                found.add(node.module)
    return found


IMPORTS = {name: imports_in(path.read_text(encoding="utf-8")) - {name} for name, path in MODULES.items()}


def drawn():
    """The rooms that each room may import, as CONTRIBUTING draws them."""
    text = CONTRIBUTING.read_text(encoding="utf-8").split("## Rooms")[1].split("\n## ")[0]
    (block,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    rooms = {}
    for line in block.strip().splitlines():
        room, _, below = line.partition("<-")
        rooms[room.strip()] = [name.strip() for name in below.split(",") if name.strip()]
    return rooms


ROOMS = drawn()


def room_of(module):
    """The longest name of a room that a module is in."""
    name = module.removeprefix("course_lib").removeprefix(".") or "course_lib"
    fitting = [room for room in ROOMS if name == room or name.startswith(f"{room}.")]
    assert fitting, f"CONTRIBUTING draws no room for {module}"
    return max(fitting, key=len)


def arrows():
    """(room, the room it imports): one example of two modules, for every arrow between two rooms that the code has."""
    return {
        (room_of(module), room_of(other)): (module, other)
        for module, others in IMPORTS.items()
        for other in others
        if room_of(module) != room_of(other)
    }


def test_imports_run_along_the_arrows_that_are_drawn():
    against = {pair: example for pair, example in arrows().items() if pair[1] not in ROOMS[pair[0]]}
    assert not against


def test_every_arrow_that_is_drawn_is_there():
    assert {(room, below) for room, rooms in ROOMS.items() for below in rooms} == set(arrows())


def test_the_rooms_are_listed_from_the_ground_up():
    listed = list(ROOMS)
    assert all(listed.index(below) < listed.index(room) for room, rooms in ROOMS.items() for below in rooms)


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter(IMPORTS).prepare()  # raises CycleError


@pytest.mark.parametrize(
    "source",
    [
        "from course_lib import exercises",
        "import course_lib.exercises",
        "def f():\n    from course_lib.exercises import check",
        "from course_lib.exercises.engine.judge import judge",
    ],
)
def test_an_arrow_against_the_diagram_would_be_seen(source):
    (found,) = imports_in(source)
    assert room_of(found).startswith("exercises") and room_of(found) not in ROOMS["widgets"]


def sources():
    return [path for pattern in ("*.py", "*.js", "*.css") for path in sorted(PACKAGE.rglob(pattern))]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_too_long_to_be_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_A_FILE


def classes():
    """(name, how many lines) of every class, in Python and in JavaScript."""
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield f"{path.name}: {node.name}", node.end_lineno - node.lineno + 1
    for path in PACKAGE.rglob("*.js"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for start, line in enumerate(lines):
            if match := re.match(r"(?:export )?(?:default )?class (\w+)", line):
                end = next(number for number in range(start, len(lines)) if lines[number] == "}")
                yield f"{path.name}: {match[1]}", end - start + 1


@pytest.mark.slow
def test_no_class_is_too_long_to_be_read():
    found = dict(classes())
    assert len(found) > 60 and "player.js: Player" in found
    assert not {name: length for name, length in found.items() if length > MOST_LINES_OF_A_CLASS}


@pytest.mark.parametrize("imported", ["widgets", "exercises", "frames"])
def test_no_lab_is_loaded_before_one_is_asked_for(imported):
    code = f"import sys, course_lib.{imported}; print(*[m for m in sys.modules if 'exercises.lessons.' in m])"
    assert not subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    ).stdout.strip()


def test_what_a_lesson_imports_first_waits_with_what_it_may_not_need():
    """Loading it all took half of the time until a lesson's first cell was done: `tests/benchmark/imports.py`."""
    code = re.sub("(?<=course_lib.widgets import ).*", "play", "\n".join(code for _, code in imports()))
    assert "course_lib.widgets import play" in code and "course_lib.exercises import" in code
    late = "jinja2", "course_lib.widgets.walk_explorer", "course_lib.widgets.dashboard_picture"
    code += f"\nimport sys; print(*[m for m in {late} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert not found.stdout.strip()


def test_every_widget_is_found_when_it_is_asked_for():
    for name in widgets.__all__:
        assert getattr(widgets, name).__module__.startswith("course_lib.")
        assert name in dir(widgets)
    with pytest.raises(AttributeError, match="no attribute 'explor'"):
        widgets.explor  # noqa: B018
