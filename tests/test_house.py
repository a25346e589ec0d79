"""The house keeps its own rules: sizes, docstrings, direction of imports, no side effects."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parent.parent / "jaxlab"
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = (
    "arithmetic",
    "networks",
    "regions",
    "training",
    "flows",
    "inverse",
    "studies",
    "store",
    "report",
    "cli",
)


def name(path):
    return str(path.relative_to(PACKAGE.parent))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_are_short(path):
    tree = ast.parse(path.read_text())
    assert path.read_text().count("\n") <= 400
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            docstring = len((ast.get_docstring(node) or "").splitlines())
            body = node.end_lineno - node.lineno + 1 - docstring
            assert body <= 60, f"{node.name}: {body} lines"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_public_name_is_documented(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "no module docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_point_downwards_and_stay_public(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py").lstrip("_")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            imported = [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        else:
            continue
        for full in imported:
            assert not full.startswith(("jax._src", "jaxlib._", "__future__")), full
            parts = full.split(".")
            if parts[0] == "jaxlab" and len(parts) > 1 and own in ROOMS and parts[1] in ROOMS:
                assert ROOMS.index(parts[1]) <= ROOMS.index(own), f"{own} imports {full}"
                if own == "training":
                    assert parts[1] != "regions", "training never imports regions"


def test_importing_jaxlab_touches_no_configuration_and_no_device():
    code = """
import jax
before = dict(jax.config.values)
import jaxlab, jaxlab.cli, jaxlab.store, jaxlab.report
assert dict(jax.config.values) == before, "configuration changed"
from jax.extend import backend
import jax._src.xla_bridge as bridge
assert not bridge._backends, "a backend was started"
"""
    subprocess.run([sys.executable, "-c", code], check=True)
