"""``python notebooks/_execute.py``: run every notebook's source and write its executed pair."""

import pathlib

import jupytext
import nbclient
import nbformat


def execute(source: pathlib.Path, folder: pathlib.Path) -> nbformat.NotebookNode:
    """Run the source in ``folder`` and return the notebook with its outputs."""
    notebook = jupytext.read(source)
    options = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=options).execute()
    return notebook


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    for source in sorted(here.glob("[a-z]*.py")):
        jupytext.write(execute(source, here), source.with_suffix(".ipynb"))
