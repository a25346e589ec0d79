"""Run the toy study in forked children that are killed at a chosen file-system operation.

``python crash_driver.py WORK STRIDE`` prints ``points N`` when a run killed at every STRIDE-th of
its N operations and resumed was equal to an uninterrupted one. No device is touched, so that
forking is safe and cheap: the fingerprint, the environment and the number of workers are stand-ins.
So is the flush to the disk, which matters to a loss of power and not to a killed process.
"""

import hashlib
import os
import pathlib
import shutil
import signal
import sys
import types

import toy_study

from jaxlab import store
from jaxlab.store import _manifest, _run

_EVENTS = ("open", "os.rename", "os.mkdir", "os.remove")
_CONFIG = toy_study.Config(depths=(1, 2), inits=50)


def digest(run: pathlib.Path) -> str:
    """All bytes of all variables, and the chunk files with their names."""
    sha = hashlib.sha256()
    dataset = store.load(run)
    assert dataset.attrs["missing_cells"] == 0
    for name in sorted(dataset.variables):
        sha.update(name.encode() + dataset[name].values.tobytes())
    for file in sorted((run / "data.zarr").rglob("*")):
        if file.is_file() and not file.name.endswith(".partial"):
            sha.update(str(file.relative_to(run)).encode() + file.read_bytes())
    return sha.hexdigest()


def work(path: pathlib.Path, kill_at: int) -> int:
    """Create or resume, killing this process at an operation; return how many there were."""
    count = 0

    def watch(event: str, arguments: tuple) -> None:
        nonlocal count
        if event in _EVENTS and str(path.parent) in str(arguments[0]):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    run = store.open(path) if path.exists() else store.create(toy_study.STUDY, _CONFIG, path)
    store.advance(run, toy_study.STUDY, progress=False)
    return count


def forked(path: pathlib.Path, kill_at: int) -> int:
    """The child's exit status: -9 if it was killed; else the number of operations is in a file."""
    child = os.fork()
    if child == 0:
        try:
            count = work(path, kill_at)
            path.with_suffix(".count").write_text(str(count))
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(work_dir: pathlib.Path, stride: int) -> None:
    measured = types.SimpleNamespace(digest="stand-in")
    _run.fingerprint = lambda: measured
    _run.default_workers = lambda: 3
    _manifest.environment = lambda: {"fingerprint": {"digest": "stand-in"}}
    os.fsync = lambda descriptor: None
    reference = work_dir / "reference"
    assert forked(reference, -1) == 0
    expected = digest(reference)
    points = int(reference.with_suffix(".count").read_text())
    for point in range(1, points + 1, stride):
        path = work_dir / f"killed{point}"
        assert forked(path, point) == -signal.SIGKILL, f"point {point} was not reached"
        assert forked(path, -1) == 0, f"resuming after point {point} failed"
        assert digest(path) == expected, f"point {point}: data differ"
        shutil.rmtree(path)
    sys.stdout.write(f"points {points}\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
