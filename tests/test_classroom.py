"""A teacher's tools: what students hand in is read, judged alone and shown, and nothing in it does harm."""

import csv
import inspect
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

sys.path.insert(0, str(Path(__file__).parent / "exercises"))
from answers import BY_THE_JUDGE, WRONG

from course_lib.classroom import collected, handed_in, handing_out, judging, report, written
from course_lib.classroom.__main__ import main
from course_lib.classroom.collected import NOT_HANDED_IN
from course_lib.exercises import Case, drawing, get, registry
from course_lib.publish import build

SEED = 20_26
HEAD = (
    "import numpy as np\n"
    "from course_lib import functional as F\n"
    "from course_lib.functional import out_size\n"
    "from course_lib.layers import Module, Parameter"
)
CONV1D = """def conv1d(x, w, stride=1, padding=0):
    x = np.pad(x, padding)
    return np.array([x[i : i + len(w)] @ w for i in range(0, len(x) - len(w) + 1, stride)])
"""
RIGHT = f"{HEAD}\n\n{CONV1D}"
TURNED = RIGHT.replace("@ w ", "@ w[::-1] ")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="namespaces and /proc are Linux's")


def notebook(**answers):
    """A notebook as a student leaves it: for each lab a stub cell that was written in, and the check."""
    cells = [new_markdown_cell("A lesson."), new_code_cell(HEAD)]
    for lab, source in answers.items():
        cells += [
            new_code_cell(source, id=f"lab-{lab}-stub", metadata={"course": {"exercise": lab, "part": "stub"}}),
            new_code_cell(f'from course_lib.exercises import check\n\n{lab} = check("{lab}")'),
        ]
    return new_notebook(cells=cells)


def save(path, **answers):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(**answers), path)
    return path


def judged(text, lab="conv1d", seconds=60):
    return judging.judge(lab, text, SEED, seconds)


# ---------------------------------------------------------------- what was written


def cut_out(*cells, lab="conv1d"):
    return written.answer_in(cells, get(lab))


def test_a_stub_as_it_was_handed_out_is_no_answer():
    lab = get("conv1d")
    assert cut_out("\n".join(lab.imports), lab.stub(), 'conv1d = check("conv1d")') is None
    assert cut_out(get("Linear").stub(), lab="Linear") is None  # a broken class to repair


def test_an_answer_goes_with_what_it_needs_and_nothing_else():
    text = cut_out(
        "import numpy as np\nimport antigravity\nSCALE = 1.0\nwide = train(network)",
        "def padded(x, n):\n    return SCALE * np.pad(x, n)",
        "%matplotlib inline\n" + CONV1D.replace("np.pad", "padded"),
        'conv1d = check("conv1d")\nplot(conv1d)',
    )
    assert "SCALE = 1.0" in text and "def padded" in text and "import numpy" in text
    assert not re.search("antigravity|train|check|plot|matplotlib", text)
    namespace = {}
    exec(text, namespace)
    assert get("conv1d").judge(namespace["conv1d"], explain=False).status == "right"


def test_the_last_definition_counts_wherever_it_stands():
    stub, own, scratch = get("conv1d").stub(), CONV1D, CONV1D.replace("@ w", "* 0 @ w")
    for cells in ((stub, own), (own, stub), (scratch, own, stub)):
        namespace = {}
        exec(cut_out("import numpy as np", *cells), namespace)
        assert get("conv1d").judge(namespace["conv1d"], explain=False).status == "right"


def test_another_lab_that_was_checked_is_the_courses_answer():
    other = "def conv1d_backward(dy, x, w):\n    return conv1d(x, w)"
    text = cut_out(HEAD, "def conv1d(x, w):\n    return 0", 'conv1d = check("conv1d")', other, lab="conv1d_backward")
    namespace = {}
    exec(text, namespace)
    assert namespace["conv1d"] is get("conv1d").answer


def test_a_last_cell_with_a_syntax_error_is_an_error_and_not_the_version_before():
    text = cut_out(HEAD, CONV1D, CONV1D.replace("return", "return return"))
    outcome = judged(text)
    assert outcome.status == "error" and outcome.says.startswith("SyntaxError")


def test_an_answer_under_a_former_name_is_found(monkeypatch):
    monkeypatch.setattr(get("conv1d"), "formerly", ("slide",))
    text = cut_out("def slide(x, w):\n    return 1", 'slide = check("slide")')
    namespace = {}
    exec(text, namespace)
    assert namespace["conv1d"](0, 0) == 1


# ---------------------------------------------------------------- what is handed in


@pytest.mark.slow
def test_a_drawing_counts_by_what_was_kept_of_it_in_the_work_folder(tmp_path, monkeypatch):
    lab, turned = get("draw_dx"), get("draw_dx").mistakes["dx"][0]
    for name, array in (("anna", lab.answer()), ("ben", turned.examples[0]())):
        monkeypatch.setenv("COURSE_WORK", str(tmp_path / "homes" / name / "gradients"))
        monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "homes" / name / "gradients" / ".progress.json"))
        drawing.judged(lab, [[f"{n:g}" for n in row] for row in array])
        save(tmp_path / "homes" / name / "gradients" / "02_conv2d.ipynb", draw_dx=lab.stub())
    everybody = collected.collect([tmp_path / "homes"], SEED)
    assert everybody.of("anna", "draw_dx").status == "right"
    assert [told.message for told in everybody.of("ben", "draw_dx").told] == [turned.message]


def test_every_form_of_hand_in_is_one_student(tmp_path):
    everybody = tmp_path / "all"
    save(everybody / "anna" / "course" / "work" / "01_conv1d.ipynb", conv1d=CONV1D)
    save(everybody / "Ben Ö_01_conv1d-1.ipynb", conv1d=CONV1D)
    save(everybody / "01_conv1d_carl.ipynb", conv1d=CONV1D)
    (everybody / "dora" / "mine").mkdir(parents=True)
    (everybody / "dora" / "mine" / "conv1d.py").write_text(RIGHT, encoding="utf-8")
    (everybody / "emil").mkdir()
    with zipfile.ZipFile(everybody / "emil" / "handed in.zip", "w") as archive:
        archive.writestr("work/mine/tried/conv1d.py", TURNED)
        archive.writestr("work/.progress.json", '{"conv1d": {"tries": 7, "from a later version": [1]}}')
    save(everybody / "anna" / "work" / "earlier" / "02_conv2d.ipynb", conv2d_single="def conv2d_single(): pass")
    found = handed_in.students([everybody])
    assert [one.name for one in found] == ["anna", "Ben Ö", "carl", "dora", "emil"]
    assert [one.answers["conv1d"][0].found_in for one in found] == ["notebook"] * 3 + ["mine", "tried"]
    assert found[-1].tries == {"conv1d": 7} and not any(one.remarks for one in found)
    assert found[0].labs == {"conv1d"}  # what is kept in earlier/ is not looked at
    assert [one.name for one in handed_in.students([everybody / "anna" / "course" / "work"])] == ["course"]


def test_a_hostile_zip_is_read_where_it_is_and_told_about(tmp_path, monkeypatch):
    monkeypatch.setattr(handed_in, "LARGEST", 10_000)
    monkeypatch.setattr(handed_in, "LARGEST_ALL", 100_000)
    bomb = tmp_path / "in" / "mallory.zip"
    bomb.parent.mkdir()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../outside/mine/conv1d.py", RIGHT)
        archive.writestr("/etc/mine/conv1d.py", RIGHT)
        archive.writestr("work/mine/im2col.py", "#" * 10**7)
        archive.writestr("work/01_conv1d.ipynb", "[" * 9_000)
        archive.writestr("work/.progress.json", "[" * 9_000)
        archive.writestr("work/mine/conv1d.py", RIGHT)
    (tmp_path / "in" / "nemo.zip").write_bytes(b"PK no zip")
    before = {path for path in tmp_path.rglob("*")}
    mallory, nemo = handed_in.students([tmp_path / "in"])
    assert list(mallory.answers) == ["conv1d"] and mallory.answers["conv1d"][0].text == RIGHT
    told = " ".join(mallory.remarks)
    assert told.count("outside of it") == 2 and "too large" in told and told.count("nested too deeply") == 2
    assert "could not be read" in nemo.remarks[0]
    assert {path for path in tmp_path.rglob("*")} == before


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_to_a_file_of_the_teachers_is_not_followed(tmp_path):
    secret = save(tmp_path / "secret.ipynb", conv1d=CONV1D)
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / "01_conv1d.ipynb").symlink_to(secret)
    (eve,) = handed_in.students([tmp_path / "eve"])
    assert not eve.answers and "no plain file" in eve.remarks[0]


# ---------------------------------------------------------------- judging

FORGED = """
import course_lib.exercises.engine.exercise as E
from course_lib.exercises.engine.verdict import Passed, Verdict
E.judge = lambda question, f, explain=True: Verdict(question.name, "right", passed=Passed(1, 1, 0.0))

def conv1d(x, w, stride=1, padding=0):
    return 0
"""
LEAVES = "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        import time\n        time.sleep(300)\n" + RIGHT


@pytest.mark.slow
def test_a_right_answer_is_right_and_a_wrong_one_told_its_mistake():
    assert judged(RIGHT).status == "right"
    wrong = judged(TURNED)
    (sentence,) = wrong.mistakes["y"]
    assert wrong.status == "wrong" and collected.named(get("conv1d"), "y", sentence).name == "kernel turned"


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack",
    [
        FORGED,
        'import json\njson.dumps = lambda *a, **k: \'{"status": "right"}\'\n' + TURNED,
        "import numpy as np\nnp.array_equal = np.allclose = lambda *a, **k: True\n" + TURNED,
        "import posix\nposix._exit(0)",
        "import os\nos._exit(0)",
        "raise SystemExit(0)",
    ],
    ids=["judge", "json", "numpy", "posix", "os", "exit"],
)
def test_no_answer_makes_itself_right(attack):
    assert judged(attack).status in ("wrong", "error")


def test_an_answer_that_knows_the_shipped_cases_by_heart_fails_on_fresh_ones():
    by_heart = (
        "import numpy as np\nfrom course_lib.exercises import get\n"
        "lab = get('conv1d')\n"
        "known = {(c['x'].tobytes(), c['w'].tobytes(), c['stride'], c['padding']): r['y']\n"
        "         for c, r in [*zip(lab.arguments, lab.references), *lab.further_runs]}\n"
        "def conv1d(x, w, stride=1, padding=0):\n"
        "    return known.get((x.tobytes(), w.tobytes(), stride, padding), np.zeros(1)).copy()\n"
    )
    outcome = judged(by_heart)
    assert outcome.status == "wrong" and outcome.suspicious
    assert re.match("It passes the cases of the lab and fails on fresh ones", outcome.mistakes["results"][0])


@pytest.mark.slow
def test_an_endless_answer_is_stopped_and_one_that_asks_for_all_memory_gets_an_error():
    begun = time.monotonic()
    assert (
        judged("while True:\n    try:\n        pass\n    except BaseException:\n        pass", seconds=10).status
        == "error"
    )
    assert time.monotonic() - begun < 40
    greedy = judged("import numpy as np\nbig = [np.ones(2**27) for _ in range(20)]\n" + RIGHT)
    assert greedy.status == "error"


@pytest.mark.slow
@LINUX
def test_an_answer_leaves_no_process_behind_and_has_no_network_where_the_system_grants_that():
    mark = f"{time.time_ns()}"
    ask = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x70000000))"
    if subprocess.run([sys.executable, "-c", ask]).returncode:
        pytest.skip("this system grants no namespaces without rights")
    outcome = judged(LEAVES.replace("time.sleep(300)", f'open("{mark}", "w"); time.sleep(300)'))
    assert outcome.limits == judging.LIMITS
    assert outcome.status == "right"
    time.sleep(0.2)
    left = [path for path in Path("/proc").glob("[0-9]*/fd/*") if _target(path).endswith(mark)]
    assert not left
    online = judged("import socket\nsocket.create_connection(('127.0.0.1', 9), 1)\n" + RIGHT)
    assert online.status == "error" and "unreachable" in online.says


def _target(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def test_an_answers_process_sees_no_secret_and_has_a_home_of_its_own(monkeypatch):
    monkeypatch.setenv("CLASS_TOKEN", "hunter2")
    says = judged("import os\nraise ValueError(os.environ.get('CLASS_TOKEN'), os.environ['HOME'], os.getcwd())").says
    assert says.startswith("ValueError: (None, ") and str(Path.home()) not in says.split(", ")[1]
    assert len(set(re.findall(r"answer-[^/\\']+", says))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv1d_backward", "numerical_gradient", "Conv2d", "adam_step", "clinic_01"])
def test_right_answers_of_every_kind_stay_right_on_fresh_cases(name):
    lab = get(name)
    text = "\n".join([*lab.imports, "", lab.solution()])
    assert judging.judge(name, text, SEED + 1).status == "right"


# ---------------------------------------------------------------- a class


def of_wrong(lab):
    """Wrong answers to a lab with one named mistake each: (the text, tensor, the mistake's name, status)."""
    for name, told, function in WRONG:
        if name == lab and len(told) == 1 and inspect.isfunction(function):
            ((tensor, short),) = told.items()
            known = [mistake.name for mistake in get(lab).mistakes.get(tensor, ())]
            if isinstance(short, str) and short in known and short not in BY_THE_JUDGE:
                head, found, body = inspect.getsource(function).partition(f"def {function.__name__}(")
                if found and not head.startswith(" "):
                    status = get(lab).judge(function, explain=False).status
                    yield f"def {lab}({body}", tensor, short, status


@pytest.mark.course
@pytest.mark.slow
def test_forty_students_with_known_mistakes_give_exactly_the_heat_map(tmp_path):
    pool = {lab: list(of_wrong(lab))[:4] for lab in ("conv1d", "conv1d_weight_gradient", "relu_backward")}
    assert all(len(answers) >= 3 for answers in pool.values())
    expected, status = Counter(), {}
    for number in range(40):
        student, answers = f"student_{number:02d}", {}
        for place, (lab, wrong) in enumerate(pool.items()):
            kind = (number * (place + 3) + place) % (len(wrong) + 3)
            if kind < len(wrong):
                answers[lab], tensor, short, status[student, lab] = wrong[kind]
                expected[lab, tensor, short] += 1
            elif kind == len(wrong):
                answers[lab], status[student, lab] = get(lab).solution(), "right"
            elif kind == len(wrong) + 1:
                answers[lab], status[student, lab] = get(lab).stub(), "not attempted"
            else:
                status[student, lab] = NOT_HANDED_IN
        save(tmp_path / "in" / student / "work" / "01_conv1d.ipynb", **answers)
    of = collected.collect([tmp_path / "in"], SEED)
    assert {(row.lab, row.told.tensor, row.told.name): len(row.students) for row in of.stuck} == expected
    assert {(student, lab): of.of(student, lab).status for student in of.answers for lab in of.labs} == status
    assert not of.remarks and not any(one.suspicious for labs in of.answers.values() for one in labs.values())


@pytest.fixture(scope="module")
def small_class(tmp_path_factory):
    """The four files on a small class with everything in it that can go wrong."""
    folder = tmp_path_factory.mktemp("class")
    turned = TURNED.partition("\n\n")[2]
    save(folder / "in" / "anna" / "01_conv1d.ipynb", conv1d=CONV1D)
    save(folder / "in" / "<b>ben" / "01_conv1d.ipynb", conv1d=turned)
    save(folder / "in" / "=1+1" / "01_conv1d.ipynb", conv1d=turned)
    save(folder / "in" / "dora" / "01_conv1d.ipynb", conv1d="def conv1d(x, w, stride=1, padding=0):\n    return k")
    (folder / "in" / "anna" / "mine" / "tried").mkdir(parents=True)
    (folder / "in" / "anna" / "mine" / "tried" / "conv1d.py").write_text(TURNED, encoding="utf-8")
    (folder / "in" / "frida.zip").write_bytes(b"nothing")
    main(["collect", str(folder / "in"), "--out", str(folder / "out")])
    return folder / "out"


@pytest.mark.slow
def test_the_tables_say_who_is_stuck_on_what(small_class):
    with open(small_class / "answers.csv", encoding="utf-8", newline="") as file:
        answers = {row["student"]: row for row in csv.DictReader(file)}
    with open(small_class / "mistakes.csv", encoding="utf-8", newline="") as file:
        mistakes = list(csv.DictReader(file))
    assert {name: row["status"] for name, row in answers.items()} == {
        "'=1+1": "wrong", "<b>ben": "wrong", "anna": "right", "dora": "error", "frida": NOT_HANDED_IN,
    }  # fmt: skip
    assert answers["dora"]["mistakes"] == "NameError"
    assert [(row["mistake"], row["students"]) for row in mistakes] == [("kernel turned", "2"), ("NameError", "1")]
    known = json.loads((small_class / "class.json").read_text(encoding="utf-8"))
    assert known["students"]["anna"]["conv1d"]["status"] == "right"
    assert known["mistakes"][0]["students"] == ["<b>ben", "=1+1"]
    assert "frida" in [remark["student"] for remark in known["remarks"]]


@pytest.mark.slow
def test_the_page_is_one_file_without_scripts_and_escapes_what_students_wrote(small_class):
    page = (small_class / "class.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;ben" in page and "<b>ben" not in page
    assert not re.search(r"<script|https?://|src=|@import|url\(", page)
    assert "default-src 'none'" in page
    assert re.search(r"2</span> of 5 are stuck on <code>conv1d</code> \(lesson 01\), in <code>y</code>", page)
    assert {path.name for path in small_class.iterdir()} == set(report.FILES)


def test_the_page_says_which_limits_did_not_hold():
    page = report.page(collected.Class(SEED, {"anna": {}}, free=("network", "memory")))
    assert "nothing kept an answer from this: <b>use the network; take any amount of memory</b>" in page


# ---------------------------------------------------------------- handing out


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """All lessons as they are built, but not run."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in build.notebooks():
        notebook = build.assemble(name)
        notebook.metadata["course"] = {"built": build.content_hash(notebook)}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


@pytest.mark.slow
def test_the_lessons_of_a_class_hold_no_solution_and_the_stubs_as_they_are(shipped, tmp_path):
    made = handing_out.hand_out(tmp_path, shipped=shipped)
    assert [path.name for path in made] == ["lessons", "solutions.zip"]
    handed = {path.stem: nbformat.read(path, 4) for path in (tmp_path / "lessons").iterdir()}
    assert set(handed) == {path.stem for path in shipped.glob("*.ipynb")}
    for lesson, labs in registry.lessons().items():
        sources = [cell.source for cell in handed[lesson].cells]
        for lab in labs:
            stub = next(cell for cell in handed[lesson].cells if cell.id == f"lab-{lab.name}-stub")
            assert lab.cell in stub.source and stub.metadata.course["exercise"] == lab.name
            assert not any(lab.solution().strip() in source for source in sources), lab.name
            assert not any(hint in source for hint in lab.hints for source in sources if hint), lab.name
            if isinstance(lab, Case):
                assert not any(about.says in source for about in lab.reports for source in sources), lab.name
        assert not any(re.search("<summary>.*([Ss]olution|Hints)", source) for source in sources), lesson
        assert all(source.count("<details>") == source.count("</details>") for source in sources), lesson
    with zipfile.ZipFile(tmp_path / "solutions.zip") as archive:
        full = nbformat.reads(archive.read("solutions/01_conv1d.ipynb"), 4)
    stubs = [cell for cell in full.cells if cell.metadata.get("course", {}).get("part") == "stub"]
    assert len(stubs) == len(registry.lessons()["01_conv1d"]) and all(
        get(s.metadata.course["exercise"]).solution().strip() in s.source for s in stubs
    )


def test_hints_stay_where_the_teacher_wants_them():
    lab = get("conv1d")
    handed = handing_out.without_solutions(new_notebook(cells=build.lab_cells("conv1d")), hints=True)
    text = handed.cells[-1].source
    assert all(hint in text for hint in lab.hints) and "<summary>Hints (3)</summary>" in text
    assert lab.solution().strip() not in text and text.count("<details>") == text.count("</details>") == 4


def test_no_lessons_are_handed_out_that_somebody_has_written_in(tmp_path):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    nbformat.write(lesson_of(["conv1d"]), shipped / "01_conv1d.ipynb")
    with pytest.raises(handing_out.CannotBeHandedOutError, match="01_conv1d"):
        handing_out.hand_out(tmp_path / "out", shipped=shipped)
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------- grading

FOUR = ("conv1d", "conv1d_weight_gradient", "conv1d_input_gradient_scatter", "conv1d_input_gradient_gather")


def lesson_of(labs):
    """A small lesson of these labs, as it is built."""
    return new_notebook(
        cells=[cell for lab in labs for cell in build.lab_cells(lab)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )


def answered(notebook, right):
    """A student's copy: every stub filled in, rightly, or with a mistake."""
    for cell in notebook.cells:
        about = cell.metadata.get("course", {})
        if about.get("part") == "stub":
            lab = about["exercise"]
            cell.source = build.solved(cell) if right else f"{HEAD}\n\n\n{next(of_wrong(lab))[0]}"
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize(("right", "points"), [pytest.param(True, 4, marks=pytest.mark.slow), (False, 0)])
def test_grade_judges_what_was_written_and_not_what_check_left_in_the_name(tmp_path, capsys, right, points):
    notebook = answered(lesson_of(FOUR), right)
    nbformat.write(notebook, tmp_path / "lesson.ipynb")
    main(["grade", str(tmp_path / "lesson.ipynb")])
    assert capsys.readouterr().out.splitlines()[-1] == f"{points}/4"


def test_grade_knows_labs_by_their_names_where_a_front_end_dropped_ids_and_metadata(tmp_path, capsys):
    plain = new_notebook(cells=[new_code_cell(HEAD), new_code_cell(CONV1D), new_code_cell("conv1d(x, w)")])
    nbformat.write(plain, tmp_path / "mine.ipynb")
    main(["grade", str(tmp_path / "mine.ipynb"), "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "right": 1, "of": 1, "labs": {"conv1d": {"told": [], "status": "right"}},
    }  # fmt: skip
    (tmp_path / "no.ipynb").write_text("{}", encoding="utf-8")
    with pytest.raises(SystemExit, match="no notebook"):
        main(["grade", str(tmp_path / "no.ipynb")])


def test_an_assignment_for_nbgrader_has_a_locked_cell_behind_each_check_and_open_stubs():
    handed = handing_out.for_nbgrader(lesson_of([*FOUR, "clinic_01"]))
    grades = [(at, cell.metadata["nbgrader"]) for at, cell in enumerate(handed.cells) if "nbgrader" in cell.metadata]
    assert [about["grade_id"] for _, about in grades] == [f"grade-{lab}" for lab in (*FOUR, "clinic_01")]
    assert all(about["grade"] and about["locked"] and not about["solution"] for _, about in grades)
    for (at, _), lab in zip(grades, (*FOUR, "clinic_01"), strict=True):
        assert build.checks_in(handed.cells[at - 1]) and f'award("{lab}")' in handed.cells[at].source
    assert len({cell.id for cell in handed.cells}) == len(handed.cells)


@pytest.mark.course
@pytest.mark.slow
@pytest.mark.parametrize(("right", "points"), [(True, 4), (False, 0)])
def test_the_graded_cells_give_a_right_notebook_all_points_and_a_wrong_one_none(right, points):
    notebook = answered(handing_out.for_nbgrader(lesson_of(FOUR)), right)
    done = build.execute(notebook, allow_errors=True)
    graded = [cell for cell in done.cells if "nbgrader" in cell.metadata]
    failed = [cell for cell in graded if any(output.output_type == "error" for output in cell.outputs)]
    assert (len(graded), len(graded) - len(failed)) == (4, points)
    assert all(cell.outputs[-1].ename == "AssertionError" for cell in failed)


@pytest.mark.slow
def test_nbgrader_itself_gives_four_of_four_and_none_of_four(tmp_path, monkeypatch):
    api = pytest.importorskip("nbgrader.apps.api", reason="nbgrader is not installed")
    from traitlets.config import Config

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(build.NOTEBOOKS.parent), os.environ.get("PYTHONPATH", "")]))
    source = tmp_path / "source" / "lesson" / "lesson.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(handing_out.for_nbgrader(lesson_of(FOUR)), source)
    config = Config()
    config.CourseDirectory.root, config.CourseDirectory.course_id = str(tmp_path), "class"
    grader = api.NbGraderAPI(config=config)
    assert grader.generate_assignment("lesson")["success"]
    released = nbformat.read(tmp_path / "release" / "lesson" / "lesson.ipynb", 4)
    stubs = [cell for cell in released.cells if cell.id.endswith("-stub")]
    assert [get(lab).stub().strip() in cell.source for lab, cell in zip(FOUR, stubs, strict=True)] == [True] * 4
    for student, right in (("anna", True), ("ben", False)):
        place = tmp_path / "submitted" / student / "lesson" / "lesson.ipynb"
        place.parent.mkdir(parents=True)
        nbformat.write(answered(nbformat.read(tmp_path / "release" / "lesson" / "lesson.ipynb", 4), right), place)
        assert grader.autograde("lesson", student)["success"]
    scores = {one["student"]: (one["score"], one["max_score"]) for one in grader.get_submissions("lesson")}
    assert scores == {"anna": (4, 4), "ben": (0, 4)}
