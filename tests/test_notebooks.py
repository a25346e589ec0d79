"""Every notebook runs from its source without a warning, and its executed pair is up to date."""

import pathlib
import runpy

import jupytext
import nbformat
import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"
SOURCES = sorted(FOLDER.glob("[a-z]*.py"))


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_notebook_runs(source, tmp_path):
    notebook = runpy.run_path(str(FOLDER / "_execute.py"))["execute"](source, tmp_path)
    complaints = [
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    ]
    assert not complaints


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_executed_pair_holds_the_same_code(source):
    executed = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert code(executed) == code(jupytext.read(source))
    assert all(cell.get("execution_count") for cell in executed.cells if cell.cell_type == "code")
