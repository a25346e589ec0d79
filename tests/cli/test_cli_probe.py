"""``jaxlab probe`` and ``--strict``: what they print, store, and restart."""

import importlib
import json
import os
import pathlib
import subprocess
import sys

import jax
import pytest

from jaxlab import cli, store
from jaxlab.arithmetic import probe as room
from jaxlab.cli import _strict
from jaxlab.cli._errors import UsageError

ROOT = pathlib.Path(__file__).parent.parent.parent
STRICT = " ".join(room.strict.STRICT_FLAGS)
cpu_only = pytest.mark.skipif(jax.default_backend() != "cpu", reason="flags of XLA:CPU")


def run(*command, flags=""):
    """A Python process with these XLA flags; fails loudly."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": flags}
    words = [sys.executable, *map(str, command)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


def test_the_quick_probe_prints_a_report(capsys):
    assert cli.main(["probe", "--quick"]) == 0
    out = capsys.readouterr().out
    assert f"numerics {room.fingerprint().digest}" in out
    assert "a*b + c" in out
    assert "departures from IEEE 754" in out


def test_the_probe_as_json_is_what_the_function_returns(capsys):
    assert cli.main(["probe", "--quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == room.as_json(room.fingerprint())


def test_an_unknown_option_gets_one_line_and_code_2(capsys):
    assert cli.main(["probe", "--quikc"]) == 2
    assert capsys.readouterr().err == "jaxlab: error: probe: unrecognized arguments: --quikc\n"


@pytest.mark.parametrize("words", [["probe", "--quick"], ["run", "pieces"]])
def test_a_process_with_other_work_is_not_replaced(capsys, monkeypatch, words):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr("jaxlab.arithmetic.probe.strict.starts", lambda flags: True)
    assert cli.main([*words, "--strict"]) == 2
    err = capsys.readouterr().err
    assert f"start Python with XLA_FLAGS='{STRICT}'" in err
    assert err.count("\n") == 1


def test_a_file_in_xla_flags_gets_one_line(capsys, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "flags.txt")
    assert cli.main(["probe", "--strict"]) == 2
    assert "--strict: XLA_FLAGS: got 'flags.txt'" in capsys.readouterr().err


def test_the_same_command_starts_again_with_the_flags_added(monkeypatch):
    calls = []
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/tmp/d")
    monkeypatch.setattr("jaxlab.arithmetic.probe.strict.starts", lambda flags: True)
    monkeypatch.setattr(sys, "argv", ["jaxlab", "probe", "--strict"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "jaxlab", "probe", "--strict"])
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    _strict.ensure(["probe", "--strict"])
    ((program, command, environment),) = calls
    assert program == sys.executable
    assert command == [sys.executable, "-m", "jaxlab", "probe", "--strict"]
    assert environment["XLA_FLAGS"] == f"--xla_dump_to=/tmp/d {STRICT}"


def test_a_strict_process_does_not_start_again(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", STRICT)
    monkeypatch.setattr(os, "execve", None)
    _strict.ensure(["probe"])
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr("jaxlab.arithmetic.probe.strict.starts", lambda flags: True)
    with pytest.raises(UsageError):
        _strict.ensure(["probe"])


@cpu_only
@pytest.mark.slow
def test_a_strict_probe_finds_flushing_only_and_keeps_the_flags_of_the_user():
    flags = "--xla_cpu_multi_thread_eigen=true"
    done = run("-m", "jaxlab", "probe", "--strict", "--quick", "--json", flags=flags)
    found = json.loads(done.stdout)
    assert found["system"]["xla_flags"] == f"{flags} {STRICT}"
    words = lambda section: {w for by in found[section].values() for w in by.values()}  # noqa: E731
    assert words("operations") == {"ieee"}
    assert words("subnormals") == {"ieee", "flushed"}
    assert words("input_bits") == {24}


@cpu_only
@pytest.mark.slow
def test_a_strict_run_records_what_is_left_and_resumes_strict(tmp_path):
    study, path = ROOT / "tests" / "toy_study.py", tmp_path / "r"
    done = run(study, "run", "toy", "--out", path, "--strict", "--quiet", "--shard", "0/2")
    there = store.open(path).environment
    assert there["strict"] is True
    assert there["xla_flags"] == STRICT
    left = there["fingerprint"]["deviations"]
    assert any(line.startswith("flushed in ") for line in left)
    assert not any(line.startswith(("fused", "rewritten")) for line in left)
    assert there["fingerprint"]["facts"]["accumulators"]["float32"]["scan"]["bits"] == 24
    assert done.stderr.splitlines() == [f"jaxlab: not strict: {line}" for line in left]
    resumed = run(study, "resume", path, "--quiet")
    assert "warning" not in resumed.stderr  # the same numerics and flags as before
    assert {marker["numerics"] for marker in store.markers(store.open(path)).values()} == {
        there["fingerprint"]["digest"]
    }


def test_a_run_that_is_not_strict_says_so(tmp_path):
    study = importlib.import_module("toy_study").STUDY
    words = ["run", "toy", "--out", str(tmp_path / "r"), "--quiet", "--shard", "0/2"]
    assert cli.main(words, {"toy": study}) == 0
    there = store.open(tmp_path / "r").environment
    assert there["strict"] is False
    facts = there["fingerprint"]["facts"]
    assert facts["accumulators"] == {}
    assert facts["operations"]["float32"]["divide_by_constant"] in ("ieee", "rewritten")
    assert not {"system", "digest"} & set(facts)  # the environment and the fingerprint have them
