"""The known wrong functions as a tool: whole answers, what checks let pass, and the command."""

import inspect
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from answers import RIGHT

from course_lib import exercises, mutants
from course_lib import functional as F
from course_lib.exercises.engine.compare import close

pytestmark = pytest.mark.slow

LAB = "conv2d_backward"
LABS = exercises.names()
OF_ARRAYS = [name for name in LABS if not exercises.get(name).run]


def copies(case, dtype=None):
    """The arguments of a case, copied, with floating arrays in that dtype."""
    return {
        name: value.astype(dtype if dtype and value.dtype.kind == "f" else value.dtype)
        if isinstance(value, np.ndarray)
        else value
        for name, value in case.items()
    }


def results(exercise, f, case):
    value = f(**case)
    return dict(zip(exercise.tensors, (value,) if len(exercise.tensors) == 1 else value, strict=True))


# ---------------------------------------------------------------- whole answers


@pytest.mark.parametrize("name", LABS)
def test_every_example_of_every_mistake_is_there_under_a_name_of_its_own(name):
    exercise, found = exercises.get(name), mutants.wrong_functions(name)
    known = [(tensor, m.name) for tensor, ms in exercise.mistakes.items() for m in ms for _ in m.examples]
    assert [(wrong.tensor, wrong.mistake) for wrong in found] == known
    assert len({wrong.name for wrong in found}) == len(found) and {wrong.lab for wrong in found} == {name}
    sentences = {m.name: m.message for tensor in exercise.mistakes for m in exercise.mistakes[tensor]}
    assert {wrong.sentence for wrong in found} >= set(sentences.values())


def test_the_first_function_for_a_mistake_bears_its_name_and_the_others_are_numbered():
    found = [wrong.name for wrong in mutants.wrong_functions(LAB) if wrong.mistake == "stride missing"]
    assert found == ["dx: stride missing", "dw: stride missing", "dw: stride missing (2)"]


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_a_wrong_function_has_the_signature_of_the_lab_and_is_right_but_for_one_tensor(name):
    exercise = exercises.get(name)
    signature = inspect.signature(exercise.answer)
    for wrong in mutants.wrong_functions(name):
        assert inspect.signature(wrong.function) == signature and wrong.function.__name__ == name
        differs = False
        for case, right in zip(exercise.arguments, exercise.references, strict=True):
            try:
                found = results(exercise, wrong.function, copies(case))
            except Exception:  # some mistakes raise
                differs = True
            else:
                others = exercise.tensors if differs else [key for key in exercise.tensors if key != wrong.tensor]
                assert all(close(np.asarray(found[key]), right[key], 1e-13) for key in others if key != wrong.tensor)
                differs = differs or not close(np.asarray(found[wrong.tensor]), right[wrong.tensor], exercise.tolerance)
            if differs:
                break
        assert differs, wrong.name


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_a_wrong_function_returns_float32_where_the_answer_does(name):
    """Else every check of dtypes would see it, for a reason that is none of the mistake's."""
    exercise = exercises.get(name)
    single = copies(exercise.arguments[0], np.float32)
    right = results(exercise, exercise.answer, copies(single))
    for wrong in mutants.wrong_functions(name):
        try:
            double = results(exercise, wrong.function, copies(exercise.arguments[0]))
        except Exception:  # some mistakes raise, in every dtype
            continue
        for key, found in results(exercise, wrong.function, copies(single)).items():
            dtype, wanted = np.asarray(found).dtype, np.asarray(right[key]).dtype
            assert dtype.kind == np.asarray(double[key]).dtype.kind
            assert dtype == wanted or (wrong.tensor == key and (wanted, dtype) != (np.float32, np.float64)), wrong.name


def test_defaults_are_those_of_the_lab(rng):
    dy, x, w = rng.standard_normal((2, 4, 4, 4)), rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 2))
    compared = 0
    for wrong in mutants.wrong_functions("input_gradient"):
        try:
            given = wrong.function(dy, x, w, 1, padding=0)
        except ValueError:  # some mistakes raise without padding
            continue
        np.testing.assert_array_equal(wrong.function(dy, x, w), given)
        compared += 1
    assert compared > 50


def test_a_lab_that_asks_for_a_class_has_wrong_classes():
    found = mutants.wrong_functions("Conv2d")
    assert all(inspect.isclass(wrong.function) for wrong in found)
    assert exercises.get("Conv2d").judge(found[0].function).status == "wrong"
    assert mutants.survivors("Conv2d", lambda f: hasattr(f, "forward")) == [wrong.name for wrong in found]


@pytest.mark.parametrize("name", LABS)
def test_the_right_functions_are_right(name):
    right = mutants._right_functions(exercises.get(name))
    assert [exercises.get(name).judge(f).status for f in right.values()] == ["right"] * len(right)


def test_the_fast_function_of_a_lab_is_one_of_the_right_ones():
    assert list(mutants._right_functions(exercises.get(LAB))) == [
        "course_lib.loops.conv2d_backward",
        "course_lib.functional.conv2d_backward",
    ]
    assert len(mutants._right_functions(exercises.get("weight_gradient"))) == 1  # the fast one asks for other arguments


def test_public_reports_of_mistakes_are_addresses():
    found = {wrong.source for name in LABS for wrong in mutants.wrong_functions(name)} - {""}
    assert len(found) > 5 and all(re.fullmatch(r"https://[\w.-]+/[\w./#?=-]+", address) for address in found)


def test_a_mistake_made_inside_a_layer_keeps_its_report():
    alone = {wrong.mistake: wrong.source for wrong in mutants.wrong_functions(LAB) if wrong.tensor == "dx"}
    inside = {wrong.mistake: wrong.source for wrong in mutants.wrong_functions("Conv2d") if wrong.tensor == "dx"}
    assert alone["remainder dropped"] and inside["remainder dropped"] == alone["remainder dropped"]


# ---------------------------------------------------------------- checks
#
# As courses and libraries publish them, written anew: the shapes, strides and paddings they use, and what they compare.


def drawn(x, w, stride, padding, seed=0):
    """x, w of these shapes and a dy that fits: the arguments of conv2d_backward."""
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal(x), rng.standard_normal(w)
    dy = rng.standard_normal(F.conv2d(x, w, None, stride, padding).shape)
    return {"dy": dy, "x": x, "w": w, "stride": stride, "padding": padding}


def same(f, case, compare):
    found, right = f(**case), F.conv2d_backward(**case)
    return len(found) == 3 and all(compare(a, b) for a, b in zip(found, right, strict=True))


def equal(a, b):
    return np.shape(a) == b.shape and np.allclose(a, b)


def not_zero(f):
    """A first test of many a home-made network: something comes back."""
    return all(np.any(part) for part in f(**drawn((2, 3, 4, 4), (4, 3, 2, 2), 2, 2)))


def only_means(f):
    """A notebook that shows the mean of each gradient beside the expected one."""
    case = drawn((10, 3, 4, 4), (8, 3, 2, 2), 2, 2)
    return same(f, case, lambda a, b: np.isclose(np.mean(a), np.mean(b)))


def only_stride_1(f):
    """An assignment that compares all entries with slopes, for one geometry."""
    return same(f, drawn((4, 3, 5, 5), (2, 3, 3, 3), 1, 1), equal)


def only_squares_and_ones(f):
    """A test of a library that takes the sum for its loss."""
    case = drawn((2, 3, 7, 7), (4, 3, 3, 3), 2, 1)
    return same(f, case | {"dy": np.ones_like(case["dy"])}, equal)


WEAK = {check.__name__: check for check in (not_zero, only_means, only_stride_1, only_squares_and_ones)}


def proper(f):
    """No reference but the forward pass: each gradient times a random direction is how y changes along it, times dy."""
    for case in (drawn((2, 3, 6, 7), (4, 3, 3, 2), 2, 1), drawn((3, 2, 6, 6), (2, 2, 3, 3), 2, 0, seed=1)):
        rng = np.random.default_rng(2)
        dy, x, w, geometry = case["dy"], case["x"], case["w"], (case["stride"], case["padding"])
        parts = f(**case)
        if len(parts) != 3 or [np.shape(part) for part in parts] != [x.shape, w.shape, (len(w),)]:
            return False
        vx, vw, vb = (rng.standard_normal(np.shape(part)) for part in parts)
        changes = F.conv2d(vx, w, None, *geometry), F.conv2d(x, vw, None, *geometry), vb[:, None, None] + 0 * dy
        for part, direction, change in zip(parts, (vx, vw, vb), changes, strict=True):
            if not np.isclose(np.vdot(part, direction), np.vdot(dy, change)):
                return False
    return True


@pytest.fixture(scope="module")
def survivors():
    return {name: mutants.survivors(LAB, check) for name, check in (WEAK | {"proper": proper}).items()}


def test_a_proper_check_leaves_no_wrong_function_and_refuses_no_right_one(survivors):
    assert survivors["proper"] == [] and mutants.refused(LAB, proper) == {}
    right = [f for name, f in RIGHT if name == LAB]
    assert len(right) > 3 and all(proper(f) for f in right)


@pytest.mark.parametrize("name", WEAK)
def test_a_weak_check_lets_wrong_functions_pass(survivors, name):
    tried = len(mutants.wrong_functions(LAB))
    print(f"{name}: {len(survivors[name])} of {tried} known wrong functions pass")
    assert 0 < len(survivors[name]) < tried and mutants.refused(LAB, WEAK[name]) == {}


def test_weak_checks_miss_what_one_would_expect(survivors):
    assert len(survivors["not_zero"]) > len(mutants.wrong_functions(LAB)) / 2
    assert len(survivors["not_zero"]) > len(survivors["only_means"])
    assert len(survivors["only_means"]) > max(len(survivors["only_stride_1"]), len(survivors["only_squares_and_ones"]))
    assert "dx: kernel turned" in survivors["only_means"]
    assert {"dx: stride missing", "dw: stride missing"} <= set(survivors["only_stride_1"])
    assert {"dx: H and W mixed up", "dw: H and W mixed up"} <= set(survivors["only_squares_and_ones"])
    assert not any("sign" in name for name in survivors["only_means"])


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (lambda f: True, ""),
        (lambda f: None, ""),
        (lambda f: np.True_, ""),
        (lambda f: False, "it returns False"),
        (lambda f: np.ones(2), "it raises ValueError: The truth value of an array"),
        (lambda f: undefined, r"it raises NameError: name 'undefined' is not defined \(line \d+\)"),  # noqa: F821
        (lambda f: sys.exit(3), "it raises SystemExit: 3"),
        (lambda f: pytest.fail("no"), "it raises Failed: no"),
    ],
)
def test_what_counts_as_accepting_and_as_refusing(check, why):
    refused = mutants.refused("relu_backward", check)
    assert len(refused) == (2 if why else 0) and all(re.match(why, said) for said in refused.values())
    assert (mutants.survivors("relu_backward", check) == []) == bool(why)


def test_an_interruption_ends_the_trial():
    def interrupted(f):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mutants.survivors("relu_backward", interrupted)


def test_a_check_for_equality_to_the_last_bit_is_told_which_right_function_it_refuses():
    def to_the_last_bit(f):
        case = drawn((2, 3, 6, 7), (4, 3, 3, 2), 2, 1)
        return same(f, case, np.array_equal)

    assert list(mutants.refused(LAB, to_the_last_bit)) == ["course_lib.loops.conv2d_backward"]


# ---------------------------------------------------------------- the command

ANSWER = """
import numpy as np

def relu_backward(dy, x):
    return dy * (x > 0)

def leaky(dy, x):
    print("called")
    return dy * (x >= 0)

def check(f):
    print("checking")
    x = np.array([-1.0, 2.0, 3.0])
    assert np.array_equal(f(x + 10, x), [0, 12, 13])

def thorough(f):
    x = np.array([-2.0, -1.0, 0.0, 2.0, 3.0, 0.01, -0.01])
    dy = np.array([3.0, -1.0, 2.0, -4.0, 0.5, 6.0, 7.0])
    return np.shape(f(dy, x)) == (7,) and np.allclose(f(dy, x), [0, 0, 0, -4, 0.5, 6, 0])

number = 3
"""


@pytest.fixture
def yours(tmp_path):
    path = tmp_path / "yours.py"
    path.write_text(ANSWER, encoding="utf-8")
    return str(path)


def run(capsys, *arguments):
    """(exit code, what was printed, what went to the error stream)."""
    try:
        code = mutants.main(arguments)
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_right_implementation(capsys, yours):
    code, said, _ = run(capsys, "relu_backward", yours)
    assert code == 0 and said.startswith("✓ Right: relu_backward") and "lesson" not in said
    code, said, _ = run(capsys, "relu_backward", yours, "--json")
    assert code == 0 and json.loads(said)["status"] == "right" and json.loads(said)["mistakes"] == []


def test_a_wrong_implementation_is_told_which_mistake_it_looks_like(capsys, yours):
    wanted = next(m for m in exercises.get("relu_backward").mistakes["dx"] if m.name == "passes at 0")
    code, said, _ = run(capsys, "relu_backward", f"{yours}:leaky")
    assert code == 1 and wanted.message in said
    code, said, _ = run(capsys, "relu_backward", f"{yours}:leaky", "--json")
    (mistake,) = json.loads(said)["mistakes"]
    assert code == 1 and mistake == {"tensor": "dx", "mistake": "passes at 0", "sentence": wanted.message, "source": ""}


def test_an_implementation_that_raises_is_wrong_and_says_where(capsys, tmp_path):
    (tmp_path / "yours.py").write_text("def relu_backward(dy, x):\n    return dy * y\n", encoding="utf-8")
    code, said, _ = run(capsys, "relu_backward", str(tmp_path / "yours.py"), "--json")
    assert code == 1 and json.loads(said)["raised"]["line"] == "return dy * y"


def test_a_check_and_what_it_lets_pass(capsys, yours):
    code, said, err = run(capsys, "relu_backward", yours, "--check")
    known = mutants.wrong_functions("relu_backward")
    passing = [wrong for wrong in known if f"\n  {wrong.name}\n" in said]
    assert code == 1 and said.startswith(f"relu_backward: {len(passing)} of {len(known)} known wrong functions pass")
    assert all(wrong.sentence in said for wrong in passing) and {wrong.mistake for wrong in passing} >= {"passes at 0"}
    assert "checking" in err and "checking" not in said
    code, said, _ = run(capsys, "relu_backward", yours, "--check", "--json")
    report = json.loads(said)
    assert code == 1 and report["tried"] == len(known) and report["refused"] == {}
    assert report["survivors"] == [wrong.described() for wrong in passing]


def test_a_check_that_lets_nothing_pass(capsys, yours):
    code, said, _ = run(capsys, "relu_backward", f"{yours}:thorough", "--check")
    assert code == 0 and said.startswith("relu_backward: 0 of ") and len(said.splitlines()) == 1


def test_a_check_that_refuses_everything_is_not_good(capsys, yours):
    code, said, _ = run(capsys, "relu_backward", f"{yours}:leaky", "--check")
    assert code == 1 and said.startswith("relu_backward: 0 of ")
    assert "It refuses a right function, course_lib.loops.relu_backward: it raises TypeError" in said


def test_an_importable_function(capsys):
    assert run(capsys, LAB, "course_lib.functional")[0] == 0
    assert run(capsys, LAB, "course_lib.loops:conv2d_backward")[0] == 0
    assert run(capsys, "relu_backward", "course_lib.loops:flatten_backward")[0] == 1


def test_a_lab_is_found_by_its_former_name_too():
    for name in LABS:
        for former in exercises.get(name).formerly:
            assert mutants.wrong_functions(former)[0].lab == name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a lab and a file, or give --list"),
        (["relu_backward"], "name a lab and a file, or give --list"),
        (["relu_backward", "{yours}", "--list"], "name a lab and a file, or give --list"),
        (["relu", "{yours}"], "name must be one of the exercises"),
        (["relu_backward", "{yours}.py"], "yours.py.py must be a Python file, but there is no such file"),
        (["relu_backward", r"C:\none.py"], r"C:\none.py must be a Python file, but there is no such file"),
        (["conv1d", "{yours}"], "must define conv1d, but defines check, leaky, relu_backward, thorough: choose one by"),
        (["conv1d", "{yours}:number"], "number must be a function or a class, but is of type int"),
        (["conv1d", "no_such.module:f"], "no_such.module must load by itself, but it raises ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_carried_out_is_said_in_a_sentence(capsys, yours, arguments, said):
    code, out, err = run(capsys, *(argument.format(yours=yours) for argument in arguments))
    assert code == 2 and not out and said in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import numpy\n\nx = undefined\n", "NameError: name 'undefined' is not defined (line 3)"),
        ("import json\n\njson.loads('')\n", "JSONDecodeError: Expecting value: line 1 column 1 (char 0) (line 3)"),
        ("def f(:\n", "SyntaxError: invalid syntax (line 1)"),
        ("import sys\nsys.exit(0)\n", "SystemExit: 0 (line 2)"),
        ("import answers_of_the_neighbour\n", "ModuleNotFoundError"),
        ("", "must define relu_backward, but defines no function"),
    ],
)
def test_a_file_that_does_not_load_is_named_with_the_line(capsys, tmp_path, text, said):
    path = tmp_path / "yours.py"
    path.write_text(text, encoding="utf-8")
    code, out, err = run(capsys, "relu_backward", str(path))
    assert code == 2 and not out and said in err and str(path) in err


def test_a_file_with_a_dataclass_loads(capsys, tmp_path):
    path = tmp_path / "yours.py"
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Mask:\n    of: list\n\ndef relu_backward(dy, x):\n    return dy * Mask(x > 0).of\n",
        encoding="utf-8",
    )
    assert run(capsys, "relu_backward", str(path))[0] == 0


def test_the_list_names_every_wrong_function(capsys):
    code, said, _ = run(capsys, "--list")
    listed = json.loads(said)
    assert code == 0 and len(listed) == sum(len(mutants.wrong_functions(name)) for name in LABS)
    assert all(list(row) == ["name", "sentence", "lab", "tensor", "mistake", "source"] for row in listed)
    code, said, _ = run(capsys, "relu_backward", "--list")
    assert code == 0 and json.loads(said) == [row for row in listed if row["lab"] == "relu_backward"]


def test_the_command_as_it_is_typed(yours):
    command = [sys.executable, "-m", "course_lib.mutants", "relu_backward"]
    done = subprocess.run([*command, yours, "--check", "--json"], capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and json.loads(done.stdout)["survivors"], done.stderr
