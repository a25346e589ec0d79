"""A run that is killed, or whose disk fills up, ends bitwise equal to an uninterrupted one."""

import errno
import importlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

from jaxlab import store
from jaxlab.studies import _study

HERE = pathlib.Path(__file__).parent.parent
toy = importlib.import_module("toy_study")


def start(script, *words):
    """Start a script of this folder with the package importable."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, str(HERE / script), *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("stride", [23, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_a_file_system_operation_it_resumes_bitwise_equal(tmp_path, stride):
    process = start("crash_driver.py", tmp_path, stride)
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert int(out.split()[-1]) > 100


def test_killed_at_random_moments_a_run_ends_bitwise_equal(tmp_path):
    config = toy.Config(depths=tuple(range(1, 21)), inits=20_000)
    words = ["--depths", *range(1, 21), "--inits", 20_000, "--quiet"]
    path = tmp_path / "killed"
    rng = np.random.default_rng(0)
    process = start("toy_study.py", "run", "toy", "--out", path, *words)
    for target in (1, 12):
        while process.poll() is None and len(list(path.glob("cells/*.json"))) < target:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.02))
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        process = start("toy_study.py", "resume", path, "--quiet")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "4 claims" in out
    whole = store.create(toy.STUDY, config, tmp_path / "whole")
    store.advance(whole, toy.STUDY, progress=False)
    killed, expected = store.load(path), store.load(whole.path)
    assert killed.attrs["missing_cells"] == 0
    for name in expected.variables:
        assert killed[name].values.tobytes() == expected[name].values.tobytes()


def test_a_full_disk_keeps_every_finished_cell(tmp_path, monkeypatch):
    run = store.create(toy.STUDY, toy.Config(), tmp_path / "run")
    real, calls = os.replace, []

    def full(source, target):
        calls.append(target) if str(target).endswith(".json") else None
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        store.advance(run, toy.STUDY, progress=False)
    monkeypatch.undo()
    assert len(store.finished(run)) == 2
    assert not list(run.path.glob("cells/.*"))
    assert store.advance(run, toy.STUDY, progress=False) == 4
    xr.testing.assert_equal(store.load(run.path), _study.run(toy.STUDY, toy.Config()))


def test_a_really_full_disk_keeps_every_finished_cell_and_resumes(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        words = ["--depths", *range(1, 5), "--inits", 8000, "--quiet"]
        process = start("toy_study.py", "run", "toy", "--out", disk / "run", *words)
        _, err = process.communicate()
        assert process.returncode == 1
        assert err.count("\n") == 1
        assert err.startswith("jaxlab: error: ")
        assert "No space left on device" in err
        assert f"jaxlab resume {disk / 'run'}" in err
        run = store.open(disk / "run")
        assert 0 < len(store.finished(run)) < 8
        subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
        assert store.advance(run, toy.STUDY, progress=False) > 0
        config = store.config_of(run, toy.STUDY)
        xr.testing.assert_equal(store.load(run.path), _study.run(toy.STUDY, config))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
