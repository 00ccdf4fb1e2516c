"""The imports of the first code cell of each lesson."""

import ast

import nbformat

from course_lib.publish.build import NOTEBOOKS


def imports():
    """(lesson, code) of every lesson."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cell = next((c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"), None)
        if cell:
            body = [n for n in ast.parse(cell.source).body if isinstance(n, ast.Import | ast.ImportFrom)]
            yield path.stem, ast.unparse(ast.Module(body, []))
