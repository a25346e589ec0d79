"""``jaxlab shadow``: a file of the user's in, the guilty line out; one clear line for a failure."""

import re
import sys
import textwrap

import pytest

from jaxlab import cli
from jaxlab.cli._errors import UsageError
from jaxlab.cli._shadow import shadow_command

FILES = {
    "variance.py": """
        import jax.numpy as jnp

        def variance(x):
            second = jnp.mean(x * x)
            return second - jnp.mean(x) ** 2

        variance_inputs = (jnp.array([20.0, 20.5, 21.0, 21.75]),)
        example_inputs = (jnp.array([-1.0, 0.0, 1.0, 0.5]),)
        """,
    "network.py": """
        import jax
        import jax.numpy as jnp
        from sizes import WIDTH  # beside this file

        @jax.jit
        def loss(params, x):
            w1, w2 = params["hidden"], params["out"]
            with jax.named_scope("hidden"):
                h = jnp.tanh(x @ w1)
            return jnp.mean((h @ w2) ** 2)

        def example_inputs():
            params = {"hidden": jnp.ones((3, WIDTH)) / 7, "out": jnp.ones((WIDTH, 1)) / 3}
            return params, jnp.linspace(-1.0, 1.0, 6).reshape(2, 3)

        if __name__ == "__main__":
            raise SystemExit("not run on import")
        """,
    "sizes.py": "WIDTH = 4\n",
    "plain.py": """
        import jax
        import jax.numpy as jnp

        def product(x, y, scale):
            return scale * (x @ y)

        def broken(x):
            y = x + 1.0
            return y @ jnp.ones(7)

        def wavy(x):
            return jax.lax.complex(x, x)

        def ratio(x):
            return x / (x - x)

        number = 3
        """,
    "reads.py": """
        def f(x):
            return x * float(open("nothing.txt").read())
        """,
    "exits.py": """
        import sys

        def stops(x):
            sys.exit(0)

        if "CUDA" not in sys.modules:
            raise SystemExit("needs CUDA")
        """,
    "typo.py": "def f(x)\n    return x\n",
    "notes.txt": "not Python\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).write_text(textwrap.dedent(text).lstrip())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_guilty_line_is_printed(capsys):
    assert shadow_command(["variance.py:variance"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert re.search(r"cancellation: .*\n  \S*variance\.py:5 in variance, sub", out)
    assert "\n    return second - jnp.mean(x) ** 2\n" in out


def test_the_inputs_of_the_function_come_before_the_general_ones(capsys):
    assert shadow_command(["variance.py:variance"]) == 0
    own = capsys.readouterr().out
    assert shadow_command(["variance.py:variance", "--inputs", "variance_inputs"]) == 0
    assert capsys.readouterr().out == own
    assert shadow_command(["variance.py:variance", "--inputs", "example_inputs"]) == 0
    assert "cancellation" not in capsys.readouterr().out


def test_a_gradient_of_a_jitted_function_with_modules_beside_the_file_and_a_figure(capsys, folder):
    path = list(sys.path)
    words = ["network.py:loss", "--grad", "--format", "bf16", "--most", "9"]
    assert shadow_command([*words, "--figure", "heat.png", "--accumulate", "sequential"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("bfloat16: relative error ")
    assert "network.py:9" in out
    assert "hidden" in out
    assert "backward" in out
    table = out[out.index("blame  ") :]
    assert len(table.split("\n\n")[0].splitlines()) == 10
    assert out.endswith("\nfigure: heat.png\n")
    assert (folder / "heat.png").read_bytes().startswith(b"\x89PNG")
    assert sys.path == path
    assert "jaxlab_shadow_network" not in sys.modules


def test_random_arguments_of_given_shapes_depend_on_the_seed_only(capsys):
    words = ["plain.py:product", "--shapes", "2,3", "3", ""]
    assert shadow_command(words) == 0
    first = capsys.readouterr().out
    assert "argument 2" in first
    assert shadow_command([*words, "--seed", "0"]) == 0
    assert capsys.readouterr().out == first
    assert shadow_command([*words, "--seed", "1"]) == 0
    assert capsys.readouterr().out != first


def test_a_result_that_is_not_finite_is_no_failure(capsys):
    assert shadow_command(["plain.py:ratio", "--shapes", "4"]) == 0
    out = capsys.readouterr().out
    assert "the result is not finite" in out
    assert "    return x / (x - x)" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("variance.py", "got 'variance.py', expected FILE.py:FUNCTION"),
        ("variance.py:", "got 'variance.py:', expected FILE.py:FUNCTION"),
        ("variance.py:varianec", "variance.py has no function 'varianec'; did you mean 'variance'"),
        ("sizes.py:f", "sizes.py has no function 'f', and none at all"),
        ("plain.py:number", "plain.py: number is int, expected a function"),
        ("plain.py:product", "plain.py has no product_inputs and no example_inputs"),
        ("plain.py:product --inputs other", "plain.py has no other: the arguments of product"),
        ("notes.txt:f", "got 'notes.txt', expected a Python file"),
        ("plain.py:ratio --shapes 4 --format fp17", "format: got 'fp17', expected"),
        ("plain.py:ratio --shapes 4 --format fp64", "float64"),
        ("plain.py:ratio --shapes 4 --accumulate upwards", "accumulator: got 'upwards'"),
        ("plain.py:ratio --shapes 4x2", "--shapes: got '4x2', expected sizes such as 8,4"),
        ("plain.py:ratio --shapes 4 --inputs a", "not allowed with argument"),
        ("plain.py:ratio --shapes 4 --most 0", "--most: got '0', expected a positive number"),
        ("plain.py:ratio --shapes 4 --figure a.gif", "--figure: got 'a.gif'"),
        ("plain.py:ratio --shaeps 4", "--shaeps"),
    ],
)
def test_words_that_make_no_sense_are_named(words, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        shadow_command(words.split())


def test_no_such_file_is_the_operating_systems_message():
    with pytest.raises(FileNotFoundError, match=r"missing\.py"):
        shadow_command(["missing.py:f"])


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("plain.py:broken --shapes 3", "plain.py:9: TypeError: "),
        ("plain.py:wavy --shapes 3", "TypeError: fn: got a value of dtype complex64"),
        ("plain.py:product --shapes 3", "TypeError: "),
        ("plain.py:ratio --shapes 3 --grad", "TypeError: Gradient only defined for scalar-output"),
        ("reads.py:f --shapes 3", "reads.py:2: FileNotFoundError: [Errno 2] No such file or"),
        ("exits.py:stops --shapes 3", "exits.py:7: SystemExit: needs CUDA"),
        ("typo.py:f", "SyntaxError: expected ':' (typo.py, line 1)"),
    ],
)
def test_a_function_that_fails_gets_one_line_and_code_1(capsys, words, line):
    assert shadow_command(words.split()) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"jaxlab: error: {line}")
    assert err.count("\n") == 1


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as ended:
        shadow_command(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    for option in ("format", "grad", "inputs", "shapes", "seed", "accumulate", "most", "figure"):
        assert f"--{option}" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("variance.py:variance", 0, ""),
        ("--help", 0, ""),
        ("exits.py:stops", 1, "jaxlab: error: exits.py:7: SystemExit: needs CUDA\n"),
        ("missing.py:f", 1, "jaxlab: error: missing.py: No such file or directory\n"),
        ("variance.py:variance --most 0", 2, "jaxlab: error: shadow: argument --most: got '0'"),
        ("sizes.py:f", 2, "jaxlab: error: shadow: sizes.py has no function 'f'"),
    ],
)
def test_the_command_line_gives_the_exit_code_and_one_line(capsys, words, code, message):
    assert cli.main(["shadow", *words.split()], {}) == code
    out, err = capsys.readouterr()
    assert err.startswith(message)
    assert (err.count("\n"), bool(out)) == ((0, True) if code == 0 else (1, False))
