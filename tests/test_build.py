import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib import exercises
from course_lib.publish import build

SOURCE = """# A lesson

```python
from course_lib.exercises import check
```

Words before.
<!-- exercise conv1d -->
Words after.


Another cell.

```python tags=["nbval-ignore-output"]
print("hello")
```
"""


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "SOURCES", tmp_path / "source")
    build.SOURCES.mkdir()
    (build.SOURCES / "50_example.md").write_text(SOURCE, encoding="utf-8")
    return "50_example"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "built"
    path.mkdir()
    return path


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def test_an_exercise_line_becomes_task_stub_check_hints_and_solution_in_its_place(lesson):
    cells = build.assemble(lesson).cells
    lab = exercises.get("conv1d")
    assert [cell.cell_type for cell in cells] == [
        *("markdown", "code", "markdown"), *("markdown", "code", "code", "markdown"), *("markdown", "markdown", "code"),
    ]  # fmt: skip
    before, task, stub, check, folds, after = cells[2:8]
    assert before.source == "Words before." and after.source == "Words after."
    assert lab.task in task.source and lab.difficulty in task.source and str(lab.minutes) in task.source
    assert stub.source == "\n".join(sorted(lab.imports, reverse=True)) + f"\n\n\n{lab.stub().strip()}"
    assert check.source == 'from course_lib.exercises import check\n\nconv1d = check("conv1d")'
    folded = folds.source
    assert folded.startswith("<details>\n<summary>Hints (3) and solution</summary>\n\n<details>")
    assert folded.endswith("</details>\n\n</details>")  # one line, as long as nobody opens it
    assert folded.count("<details>") == 5 and folded.count("</details>") == 5 and "<details open" not in folded
    assert all(hint in folded for hint in lab.hints) and lab.solution().strip() in folded


def test_a_case_of_the_clinic_is_seen_and_named_before_its_code(lesson):
    (build.SOURCES / "50_example.md").write_text("# T\n\n<!-- exercise clinic_01 -->\n", encoding="utf-8")
    _, task, seen, stub = build.assemble(lesson).cells
    lab = exercises.get("clinic_01")
    assert task.source.startswith(f"### {lab.title}\n") and lab.task in task.source
    assert all(report.url in task.source for report in lab.reports) and "clinic_01" in task.source
    assert lab.stub().splitlines()[3] not in task.source
    assert seen.source.endswith('\n\ncase("clinic_01")') and seen.metadata["jupyter"]["source_hidden"]
    assert build.asked_in(seen) == "11/clinic_01" and stub.metadata["course"]["reveals_code"] == ["11/clinic_01"]
    assert stub.source.endswith(f"\n\n\n{lab.stub().strip()}\n\n\nclinic_01 = treat(clinic_01)")
    assert build.checks_in(stub) and stub.metadata["course"]["part"] == "stub"


def test_a_solved_stub_is_the_solution_with_all_that_is_around_it(lesson):
    (build.SOURCES / "50_example.md").write_text(
        "# T\n\n<!-- exercise clinic_01 -->\n\n<!-- exercise conv1d -->\n", encoding="utf-8"
    )
    stubs = [cell for cell in build.assemble(lesson).cells if cell.metadata.get("course", {}).get("part") == "stub"]
    for cell in stubs:
        lab = exercises.get(cell.metadata["course"]["exercise"])
        source = build.solved(cell)
        assert lab.solution().strip() in source and lab.stub().strip() not in source
    assert build.solved(stubs[0]).endswith("\n\n\nclinic_01 = treat(clinic_01)")


def test_a_predict_line_becomes_a_question_and_a_cell_without_the_answer(lesson):
    name = exercises.predictions.names()[0]
    (build.SOURCES / "50_example.md").write_text(f"# T\n\n<!-- predict {name} -->\n", encoding="utf-8")
    _, question, cell = build.assemble(lesson).cells
    assert exercises.predictions.get(name).text in question.source
    assert cell.cell_type == "code" and cell.source.endswith(f'\n\npredict("{name}")')


def test_cells_keep_their_tags_and_have_the_same_ids_at_every_build(lesson):
    first, second = build.assemble(lesson), build.assemble(lesson)
    assert first.cells[-1].metadata["tags"] == ["nbval-ignore-output"]
    assert [cell.id for cell in first.cells] == [cell.id for cell in second.cells]
    assert len({cell.id for cell in first.cells}) == len(first.cells)


def test_an_unknown_exercise_is_named(lesson):
    (build.SOURCES / "50_example.md").write_text("# T\n\n<!-- exercise conv7d -->\n", encoding="utf-8")
    with pytest.raises(ValueError, match="conv7d"):
        build.assemble(lesson)


@pytest.mark.slow
def test_a_built_notebook_can_be_built_again_and_is_the_same(lesson, folder):
    path = build.build(lesson, folder)
    content = nbformat.read(path, as_version=4).cells
    assert not build.was_changed(path)
    build.build(lesson, folder)
    assert nbformat.read(path, as_version=4).cells == content


CHANGES = {
    "an answer": lambda nb: nb.cells[4].update(source="def conv1d(x, w): return x"),
    "a note": lambda nb: nb.cells[0].update(source="# A lesson\n\nmy own note"),
    "an output": lambda nb: nb.cells[-1].update(outputs=[new_output("stream", text="other")]),
    "a new cell": lambda nb: nb.cells.append(new_markdown_cell("mine", id="mine")),
    "a deleted cell": lambda nb: nb.cells.pop(),
    "no fingerprint": lambda nb: nb.metadata.pop("course"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_notebook_changed_since_it_was_built_is_not_overwritten_unless_told_to(lesson, folder, change, monkeypatch):
    monkeypatch.setattr(build, "execute", lambda notebook: notebook)  # what cells put out is not the point here
    path = build.build(lesson, folder)
    edit(path, change)
    kept = path.read_bytes()
    with pytest.raises(build.ChangedByHandError, match=r"50_example.ipynb has changed.*--force"):
        build.build(lesson, folder)
    assert path.read_bytes() == kept
    build.build(lesson, folder, force=True)
    assert not build.was_changed(path)


def test_a_file_that_is_no_notebook_is_not_overwritten(lesson, folder):
    (folder / f"{lesson}.ipynb").write_text("half a noteb", encoding="utf-8")
    with pytest.raises(build.ChangedByHandError):
        build.build(lesson, folder)


@pytest.mark.slow
def test_saving_without_a_change_does_not_count_as_one(lesson, folder):
    path = build.build(lesson, folder)
    edit(path, lambda nb: nb.metadata.update(language_info={"name": "python", "version": "9.9"}))
    assert not build.was_changed(path)


@pytest.mark.parametrize("then", ["Other words before.", SOURCE.replace("nbval-ignore-output", "nbval-skip")])
def test_a_notebook_lags_behind_when_the_source_was_edited_since(lesson, folder, then, monkeypatch):
    monkeypatch.setattr(build, "execute", lambda notebook: notebook)
    path = build.build(lesson, folder)
    assert build.is_current(path)
    (build.SOURCES / "50_example.md").write_text(then, encoding="utf-8")
    assert not build.is_current(path) and not build.was_changed(path)


def test_tidying_leaves_stills_and_text_but_neither_widget_models_nor_vanished_bars():
    view = {build.WIDGET_VIEW: {"model_id": "abc"}}
    cell = new_code_cell("x")
    cell.outputs = [
        new_output("display_data", {**view, "text/plain": "0%"}),
        new_output("display_data", {**view, "text/plain": "Animation", "image/png": "PNG"}),
        new_output("execute_result", {"text/plain": "4"}, execution_count=1),
        new_output("stream", text="hello"),
    ]
    notebook = new_notebook(cells=[cell, new_markdown_cell("y")], metadata={"widgets": {"state": 1}})
    build.tidy(notebook)
    assert "widgets" not in notebook.metadata
    kinds = [sorted(output.get("data", {"stream": 1})) for output in cell.outputs]
    assert kinds == [["image/png", "text/plain"], ["text/plain"], ["stream"]]


@pytest.mark.slow
def test_a_failing_cell_fails_the_build_and_writes_nothing(lesson, folder):
    (build.SOURCES / "50_example.md").write_text("# T\n\n```python\n1 / 0\n```\n", encoding="utf-8")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        build.build(lesson, folder)
    assert not list(folder.iterdir())


@pytest.mark.slow
def test_what_a_learner_keeps_beside_a_notebook_is_neither_used_nor_overwritten_by_a_build(lesson, folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "kept.txt").write_text("a learner's weights", encoding="utf-8")
    code = 'from pathlib import Path\nprint(Path("kept.txt").exists())\n_ = Path("kept.txt").write_text("others")'
    (build.SOURCES / "50_example.md").write_text(f"# T\n\n```python\n{code}\n```\n", encoding="utf-8")
    cell = nbformat.read(build.build(lesson, folder), as_version=4).cells[1]
    assert cell.outputs[0].text == "False\n"
    assert sorted(path.name for path in folder.iterdir()) == ["50_example.ipynb", "kept.txt"]
    assert (folder / "kept.txt").read_text(encoding="utf-8") == "a learner's weights"
