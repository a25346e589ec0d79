"""Runs on disk: whole at every moment, resumed bitwise equal, and clear about what is wrong."""

import errno
import importlib
import json
import os
import pathlib

import numpy as np
import pytest
import xarray as xr

from jaxlab import store
from jaxlab.arithmetic.probe import strict
from jaxlab.store import _manifest, _run
from jaxlab.studies import _study

HERE = pathlib.Path(__file__).parent.parent
toy = importlib.import_module("toy_study")


@pytest.fixture
def finished_run(tmp_path):
    run = store.create(toy.STUDY, toy.Config(), tmp_path / "run", preset="quick")
    assert store.advance(run, toy.STUDY, progress=False) == 6
    return run


def test_a_finished_run_loads_as_the_dataset_that_memory_gives(finished_run):
    loaded = store.load(finished_run.path)
    expected = _study.run(toy.STUDY, toy.Config())
    xr.testing.assert_equal(loaded, expected)
    assert list(loaded) == list(expected)
    for name, variable in expected.variables.items():
        assert loaded[name].dtype == variable.dtype
        assert loaded[name].attrs == variable.attrs
        assert loaded[name].values.tobytes() == variable.values.tobytes()
    assert loaded.attrs["title"] == "a toy"
    assert loaded.attrs["missing_cells"] == 0
    assert json.loads(loaded.attrs["config"])["limit"] == "inf"


def test_a_coordinate_that_no_variable_uses_is_kept(tmp_path):
    def template(config):
        return toy.STUDY.template(config).assign_coords(rate=[0.1])

    run = store.create(toy.STUDY._replace(template=template), toy.Config(), tmp_path / "run")
    assert store.load(run.path).rate.values.tolist() == [0.1]


def test_each_cell_has_its_own_chunks(finished_run):
    chunks = sorted(p for p in (finished_run.path / "data.zarr/loss/c").rglob("*") if p.is_file())
    assert len(chunks) == 6


def test_plain_xarray_opens_the_data(finished_run):
    dataset = xr.open_zarr(finished_run.path / "data.zarr", chunks=None, consolidated=False)
    assert dataset.loss.dims == ("format", "depth", "init")
    assert dataset.format.values.tolist() == ["bfloat16", "float32"]


def test_missing_cells_stay_at_fill_even_if_half_written(tmp_path):
    run = store.create(toy.STUDY, toy.Config(), tmp_path / "run")
    store.advance(run, toy.STUDY, shard=(0, 2), progress=False)
    os.remove(run.path / "cells" / "bfloat16-depth1.json")
    dataset = store.load(run.path)
    assert dataset.attrs["missing_cells"] == 4
    assert np.isnan(dataset.loss.values[0, 0]).all()
    assert (dataset.pieces.values[0, 0] == -1).all()
    assert np.isfinite(dataset.loss.values[0, 2]).all()
    assert np.isfinite(dataset.reference.values[2]).all()


def test_shards_fill_one_store_to_the_same_bytes(tmp_path, finished_run):
    path = tmp_path / "sharded"
    for shard in [(1, 3), (0, 3), (2, 3)]:
        run = store.create(toy.STUDY, toy.Config(), path, preset="quick", join=True)
        assert store.advance(run, toy.STUDY, shard=shard, progress=False) == 2
    xr.testing.assert_equal(store.load(path), store.load(finished_run.path))
    assert store.advance(run, toy.STUDY, progress=False) == 0


def test_a_marker_says_when_where_and_how_long(finished_run):
    marker = store.markers(finished_run)["float32-depth2"]
    assert marker["seconds"] > 0
    assert marker["pid"] == os.getpid()
    assert marker["variables"] == ["loss", "pieces", "reference"]
    assert marker["numerics"] == finished_run.environment["fingerprint"]["digest"]
    assert {"finished", "host"} <= set(marker)


def test_progress_functions_see_every_cell(tmp_path):
    run = store.create(toy.STUDY, toy.Config(), tmp_path / "run")
    store.advance(run, toy.STUDY, shard=(0, 3), progress=False)
    os.remove(run.path / "cells" / "bfloat16-depth1.json")
    seen = []
    store.advance(run, toy.STUDY, shard=(0, 3), progress=lambda *counts: seen.append(counts))
    assert seen == [(1, 2), (2, 2)]


def test_creating_leaves_nothing_behind_when_it_fails(tmp_path, monkeypatch):
    def fail(run):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_manifest, "write_manifest", fail)
    with pytest.raises(OSError, match="No space"):
        store.create(toy.STUDY, toy.Config(), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_never_overwritten(tmp_path, finished_run):
    with pytest.raises(store.StoreError, match="exists already; continue a run with"):
        store.create(toy.STUDY, toy.Config(), finished_run.path)
    with pytest.raises(store.StoreError, match="another study or configuration"):
        store.create(toy.STUDY, toy.Config(seed=1), finished_run.path, join=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(store.StoreError, match="this file exists already"):
        store.create(toy.STUDY, toy.Config(), tmp_path / "file")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        store.create(toy.STUDY, toy.Config(), tmp_path / "file" / "run")
    (tmp_path / "empty").mkdir()
    assert store.create(toy.STUDY, toy.Config(), tmp_path / "empty").path == tmp_path / "empty"


def test_a_lost_race_to_create_joins_or_says_so(tmp_path, monkeypatch):
    path = tmp_path / "run"
    real = _run._write_draft

    def slow(run, template):
        real(run, template)
        monkeypatch.setattr(_run, "_write_draft", real)
        store.create(toy.STUDY, toy.Config(), path, preset="quick")

    monkeypatch.setattr(_run, "_write_draft", slow)
    joined = store.create(toy.STUDY, toy.Config(), path, join=True)
    assert joined == store.open(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_without_the_flags_cannot_call_itself_strict(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(strict, "starts", lambda flags: True)
    with pytest.raises(ValueError, match="strict: got True, expected XLA_FLAGS to have"):
        store.create(toy.STUDY, toy.Config(), tmp_path / "run", strict=True)
    assert list(tmp_path.iterdir()) == []


def test_runs_of_other_strictness_are_not_joined(finished_run, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", " ".join(strict.STRICT_FLAGS))
    with pytest.raises(store.StoreError, match="holds a run without --strict"):
        store.create(toy.STUDY, toy.Config(), finished_run.path, join=True, strict=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "corrupt: not JSON"),
        (lambda text: "[]", "expected a JSON object"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "got manifest format 9"),
        (lambda text: text.replace('"study"', '"stduy"'), "the field 'study' is missing"),
        (lambda text: text.replace("bfloat16-depth1", "../../evil"), "malformed cell"),
        (lambda text: "[" * 100_000, "corrupt: not JSON"),
        (lambda text: "\0\xff", "corrupt: not JSON"),
    ],
)
def test_a_corrupt_manifest_is_one_clear_error(finished_run, damage, message):
    file = finished_run.path / "manifest.json"
    file.write_text(damage(file.read_text()), encoding="latin-1")
    with pytest.raises(store.StoreError, match=message):
        store.open(finished_run.path)


def test_what_is_not_a_run_is_said_to_be_none(tmp_path):
    with pytest.raises(store.StoreError, match="no such directory"):
        store.open(tmp_path / "nothing")
    with pytest.raises(store.StoreError, match=r"no manifest\.json"):
        store.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(store.StoreError, match="this is a file"):
        store.open(tmp_path / "file")


def test_a_run_of_another_study_or_with_other_fields_is_refused(finished_run):
    other = toy.STUDY._replace(name="other")
    with pytest.raises(store.StoreError, match="a run of the study 'toy', expected 'other'"):
        store.advance(finished_run, other, progress=False)
    changed = finished_run._replace(config={**finished_run.config, "widths": [1]})
    with pytest.raises(store.StoreError, match="unknown field 'widths'"):
        store.config_of(changed, toy.STUDY)
    changed = finished_run._replace(config={**finished_run.config, "inits": "many"})
    with pytest.raises(store.StoreError, match=r"config\.inits: got 'many', expected int"):
        store.config_of(changed, toy.STUDY)
    fewer = toy.STUDY._replace(cells=lambda config: toy.cells(config)[1:])
    with pytest.raises(store.StoreError, match="have changed since this run"):
        store.advance(finished_run, fewer, progress=False)


def test_corrupt_chunks_and_markers_are_noticed(finished_run):
    chunk = finished_run.path / "data.zarr/loss/c/0/0/0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(store.StoreError, match=r"data\.zarr: corrupt"):
        store.load(finished_run.path)
    (finished_run.path / "cells" / "float32-depth1.json").write_text("{")
    with pytest.raises(store.StoreError, match=r"float32-depth1\.json: corrupt"):
        store.load(finished_run.path)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"lost": np.zeros(4)}, "got variable 'lost', which the template lacks"),
        ({"loss": np.zeros(3)}, r"got shape \(3,\), expected \(4,\)"),
        ({"pieces": np.zeros(4)}, "got dtype float64, expected int64"),
    ],
)
def test_results_that_do_not_fit_the_template_are_refused(tmp_path, result, message):
    study = toy.STUDY._replace(compute=lambda config, cell: result)
    run = store.create(study, toy.Config(), tmp_path / "run")
    with pytest.raises(ValueError, match=message):
        store.advance(run, study, progress=False)
    assert store.finished(run) == frozenset()


def test_cells_that_disagree_about_a_shared_slot_are_refused(tmp_path):
    def compute(config, cell):
        return {"reference": np.full(config.inits, float(cell.index["format"]))}

    study = toy.STUDY._replace(compute=compute)
    run = store.create(study, toy.Config(), tmp_path / "run")
    with pytest.raises(ValueError, match="share this slot disagree"):
        store.advance(run, study, progress=False)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([], "got none"),
        ([_study.Cell("a/b", {})], "expected letters, digits"),
        ([_study.Cell("..", {})], "expected letters, digits"),
        ([_study.Cell("a", {}), _study.Cell("a", {})], "occurs twice"),
        ([_study.Cell("a", {"depth": 3})], "got depth=3, expected 0 <= depth < 3"),
        ([_study.Cell("a", {"width": 0})], "got width=0"),
    ],
)
def test_malformed_cells_are_refused_before_anything_is_written(tmp_path, cells, message):
    study = toy.STUDY._replace(cells=lambda config: cells)
    with pytest.raises(ValueError, match=message):
        store.create(study, toy.Config(), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shard", [(1, 1), (-1, 2), (0, 0)])
def test_impossible_shards_are_refused(finished_run, shard):
    with pytest.raises(ValueError, match="expected i/n with 0 <= i < n"):
        store.advance(finished_run, toy.STUDY, shard=shard)


def test_drift_names_what_differs_from_the_creating_process(finished_run):
    assert store.drift(finished_run) == []
    environment = {**finished_run.environment, "jax": "0.1"}
    assert store.drift(finished_run._replace(environment=environment))[0].startswith("jax 0.1, now")


def test_a_stop_that_is_asked_for_keeps_the_finished_cell(tmp_path):
    run = store.create(toy.STUDY, toy.Config(), tmp_path / "r")
    with pytest.raises(KeyboardInterrupt):
        store.advance(run, toy.STUDY, progress=False, stop=lambda: True)
    assert len(store.finished(run)) == 1
    store.advance(run, toy.STUDY, progress=False)
    assert store.finished(run) == {cell.name for cell in run.cells}
