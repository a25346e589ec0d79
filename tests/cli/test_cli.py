"""The command line: what it prints, what it returns, and one clear line for every failure."""

import dataclasses
import errno
import importlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

import jaxlab
from jaxlab import cli, report, store
from jaxlab.cli import _options

HERE = pathlib.Path(__file__).parent.parent
toy = importlib.import_module("toy_study")


REGISTRY = {"toy": toy.STUDY}


@pytest.fixture
def jaxlab_command(capsys, monkeypatch, tmp_path):
    """Run the command line in a fresh directory; give code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words):
        code = cli.main([str(word) for word in words], REGISTRY)
        return code, *capsys.readouterr()

    return run


def test_a_run_prints_a_header_first_and_the_claims_last(jaxlab_command, tmp_path):
    code, out, err = jaxlab_command("run", "toy", "--out", "here")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("toy, quick, ")
    assert lines[0].endswith("6 cells, here")
    assert lines[-2] == "4 claims: 1 supported, 1 refuted, 1 inconclusive, 1 not comparable"
    assert lines[-1] == "report: here/report.html"
    assert max(map(len, lines)) <= 100
    assert err.splitlines() == [f"{n}/6 cells" for n in range(7)]
    files = {"claims.json", "report.html", "figures/loss.png", "figures/loss.pdf"}
    assert all((tmp_path / "here" / file).stat().st_size > 0 for file in files)


def test_without_out_a_run_goes_to_a_folder_named_by_study_preset_and_time(jaxlab_command):
    code, _, err = jaxlab_command("run", "toy", "--quiet")
    assert (code, err) == (0, "")
    (path,) = pathlib.Path("runs/toy").iterdir()
    assert path.name.startswith("quick-20")


def test_flags_change_the_fields_of_the_preset(jaxlab_command):
    words = ["--preset", "large", "--depths", 2, 5, "--window", -1, "2.5", "--scale=1e-3"]
    assert jaxlab_command("run", "toy", *words, "--out", "r", "--inits", 3, "--quiet")[0] == 0
    run = store.open("r")
    config = store.config_of(run, toy.STUDY)
    assert config == toy.Config(depths=(2, 5), window=(-1.0, 2.5), scale=1e-3, inits=3)
    assert run.preset == "large"
    assert report.command(toy.STUDY, run).endswith(
        "jaxlab run toy --preset large --depths 2 5 --inits 3 --scale 0.001 --window -1.0 2.5"
    )


def test_help_shows_the_options_and_the_fields_with_the_defaults_of_the_preset(jaxlab_command):
    code, out, _ = jaxlab_command("run", "toy", "--help")
    assert code == 0
    for text in ("--preset NAME", "quick, large", "--shard i/n", "--depths", "(default: 1 2 3)"):
        assert text in out
    assert "How many pretended initialisations." in out
    assert "1 2 3 4 5 6" in jaxlab_command("run", "toy", "--preset", "large", "-h")[1]


def test_help_version_and_list_answer(jaxlab_command):
    assert "run STUDY" in jaxlab_command("--help")[1]
    assert jaxlab_command("--version")[:2] == (0, f"jaxlab {jaxlab.__version__}\n")
    code, out, _ = jaxlab_command("list")
    assert code == 0
    assert "presets: quick (default), large" in out
    assert jaxlab_command("resume", "--help")[0] == 0
    assert jaxlab_command()[0] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu"], "unknown command 'rnu'; did you mean 'run'?"),
        (["run"], "run: a study's name comes first; expected toy"),
        (["run", "tyo"], "unknown study 'tyo'; did you mean 'toy'?"),
        (["run", "zzz"], "unknown study 'zzz'; expected toy"),
        (["run", "toy", "--preset", "larg"], "unknown preset 'larg'; did you mean 'large'?"),
        (["run", "toy", "--dephts", "3"], "unknown option '--dephts'; did you mean '--depths'"),
        (["run", "toy", "--inits", "x"], "--inits: invalid literal"),
        (["run", "toy", "--window", "1"], "'--window'. Expected 2 values."),
        (["run", "toy", "--depths"], "cells: got none"),
        (["run", "toy", "extra"], "unexpected argument 'extra'"),
        (["run", "toy", "--out"], "run toy: argument --out: expected one argument"),
        (["run", "toy", "--shard", "2/2"], "got '2/2', expected i/n with 0 <= i < n"),
        (["run", "toy", "--shard", "0/2"], "--shard: expected --out DIR too"),
        (["resume"], "resume: the following arguments are required: PATH"),
        (["report", "x", "--quiet"], "report: unrecognized arguments: --quiet"),
        (["list", "x"], "list: unexpected argument 'x'"),
    ],
)
def test_words_that_make_no_sense_get_one_line_and_code_2(jaxlab_command, words, message):
    code, out, err = jaxlab_command(*words)
    assert (code, out) == (2, "")
    assert err.startswith("jaxlab: error: ")
    assert err.count("\n") == 1
    assert message in err


def failure(result):
    """The message of a command that failed properly."""
    code, _, err = result
    lines = [line for line in err.splitlines() if not line.endswith(" cells")]
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("jaxlab: error: ")
    return lines[0]


def edit_environment(path, **changes):
    """Pretend that a run was created in another environment."""
    file = pathlib.Path(path, "manifest.json")
    manifest = json.loads(file.read_text())
    manifest["environment"] |= changes
    file.write_text(json.dumps(manifest))


def test_paths_that_cannot_be_used_get_one_line_and_code_1(jaxlab_command, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    assert "file exists already" in failure(jaxlab_command("run", "toy", "--out", "file"))
    assert "directory exists already" in failure(jaxlab_command("run", "toy", "--out", "full"))
    assert "this is a file" in failure(jaxlab_command("run", "toy", "--out", "file/run"))
    assert "no such directory" in failure(jaxlab_command("resume", "nothing"))
    assert "no manifest.json" in failure(jaxlab_command("resume", "full"))
    assert "this is a file" in failure(jaxlab_command("report", "file"))
    assert (tmp_path / "file").read_text() == "mine"
    assert (tmp_path / "full" / "mine").read_text() == "mine"


def test_a_corrupt_or_foreign_manifest_gets_one_line_and_code_1(jaxlab_command):
    jaxlab_command("run", "toy", "--out", "r", "--quiet")
    manifest = pathlib.Path("r/manifest.json")
    text = manifest.read_text()
    for old, new, message in [
        ('"inits"', '"inist"', "unknown field 'inist'"),
        ('"study": "toy"', '"study": "toys"', "unknown study 'toys'; did you mean 'toy'?"),
        ("{", "", "corrupt"),
    ]:
        manifest.write_text(text.replace(old, new, 1))
        assert message in failure(jaxlab_command("resume", "r"))
        assert message in failure(jaxlab_command("report", "r"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_failing_disk_says_how_to_go_on_and_loses_nothing(jaxlab_command, monkeypatch, code):
    real, calls = os.replace, []

    def fail(source, target):
        calls.append(target)
        if len(list(pathlib.Path(".").glob("r/cells/*.json"))) == 2:
            raise OSError(code, os.strerror(code), str(source))
        real(source, target)

    monkeypatch.setattr(os, "replace", fail)
    message = failure(jaxlab_command("run", "toy", "--out", "r"))
    assert os.strerror(code) in message
    assert ".partial" not in message
    assert message.endswith("go on with: jaxlab resume r")
    monkeypatch.setattr(os, "replace", real)
    result, out, err = jaxlab_command("resume", "r")
    assert result == 0
    assert err.startswith("2/6 cells")
    assert "4 claims" in out


def test_a_full_disk_while_reporting_says_how_to_report_again(jaxlab_command, monkeypatch):
    def fail(run, study):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(report, "publish", fail)
    message = failure(jaxlab_command("run", "toy", "--out", "a b", "--quiet"))
    assert message.endswith("go on with: jaxlab report 'a b'")
    monkeypatch.undo()


def test_a_read_only_file_system_gets_one_line(jaxlab_command, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        jaxlab_command("run", "toy", "--out", disk / "r", "--quiet", "--shard", "0/2")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert "Read-only" in failure(jaxlab_command("run", "toy", "--out", disk / "new"))
        assert "Read-only" in failure(jaxlab_command("resume", disk / "r", "--quiet"))
        assert "Read-only" in failure(jaxlab_command("report", disk / "r"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_shards_share_a_directory_and_the_last_one_reports(jaxlab_command):
    first = jaxlab_command("run", "toy", "--out", "r", "--shard", "1/2", "--quiet")
    assert first[0] == 0
    assert "3 of 6 cells done" in first[1]
    assert not pathlib.Path("r/report.html").exists()
    other = jaxlab_command("run", "toy", "--out", "r", "--shard", "0/2", "--inits", "9")
    assert "another study or configuration" in failure(other)
    last = jaxlab_command("run", "toy", "--out", "r", "--shard", "0/2", "--quiet")
    assert last[0] == 0
    assert "4 claims" in last[1]


def test_a_shard_that_joins_from_elsewhere_warns_that_the_results_may_differ(jaxlab_command):
    first = jaxlab_command("run", "toy", "--out", "r", "--shard", "0/2", "--quiet")
    assert (first[0], first[2]) == (0, "")
    edit_environment("r", jax="0.1")
    code, _, err = jaxlab_command("run", "toy", "--out", "r", "--shard", "1/2", "--quiet")
    assert code == 0
    assert err.startswith("jaxlab: warning: the run was created elsewhere: jax 0.1, now ")


def test_a_shard_does_not_join_a_run_of_other_strictness(jaxlab_command):
    jaxlab_command("run", "toy", "--out", "r", "--shard", "0/2", "--quiet")
    edit_environment("r", strict=True)
    other = jaxlab_command("run", "toy", "--out", "r", "--shard", "1/2", "--quiet")
    assert "r: holds a run with --strict; join it likewise" in failure(other)


def test_two_shards_at_once_fill_one_directory(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    words = ["run", "toy", "--out", str(tmp_path / "r"), "--quiet", "--shard"]
    command = [sys.executable, str(HERE / "toy_study.py"), *words]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen([*command, f"{i}/2"], env=environment, stdout=pipe, stderr=pipe, text=True)
        for i in range(2)
    ]
    results = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], results
    assert any("4 claims" in out for out, _ in results)
    assert store.load(tmp_path / "r").attrs["missing_cells"] == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["r"]


def test_an_interrupted_run_says_how_to_resume_and_returns_130(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    path = tmp_path / "r"
    words = ["run", "toy", "--preset", "large", "--out", str(path), "--quiet", "--pause", "0.05"]
    command = [sys.executable, str(HERE / "toy_study.py"), *words]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)
    while process.poll() is None and len(list(path.glob("cells/*.json"))) < 2:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err == (
        f"jaxlab: interrupted; all finished cells are kept; go on with: jaxlab resume {path}\n"
    )


def test_resuming_elsewhere_warns_that_the_results_may_differ(jaxlab_command):
    jaxlab_command("run", "toy", "--out", "r", "--quiet")
    edit_environment("r", jax="0.1")
    code, _, err = jaxlab_command("resume", "r", "--quiet")
    assert code == 0
    assert "jaxlab: warning: " in err
    assert "jax 0.1, now" in err


def test_fields_may_not_hide_the_options_of_run(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Config:
        out: int = 0

    with pytest.raises(ValueError, match=r"Config\.out: the option --out is taken"):
        _options.parse_run("toy", {"quick": Config()}, [])


def test_a_fault_in_a_study_is_a_traceback_not_a_message(tmp_path):
    def compute(config, cell):
        raise ZeroDivisionError("a bug")

    study = toy.STUDY._replace(compute=compute)
    with pytest.raises(ZeroDivisionError):
        cli.main(["run", "toy", "--out", str(tmp_path / "r"), "--quiet"], {"toy": study})


def test_running_out_of_memory_says_how_to_go_on(jaxlab_command, monkeypatch):
    def compute(config, cell):
        raise MemoryError

    monkeypatch.setitem(REGISTRY, "toy", toy.STUDY._replace(compute=compute))
    message = failure(jaxlab_command("run", "toy", "--out", "r"))
    assert "out of memory; all finished cells are kept; go on with: jaxlab resume r" in message
