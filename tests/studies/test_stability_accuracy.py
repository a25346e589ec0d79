"""Part "accuracy" of study `stability`: what is measured is what is said, and claims can fail."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxlab.studies._study import place
from jaxlab.studies.stability import accuracy, claims_accuracy
from jaxlab.studies.stability.config import Config

CONFIG = dataclasses.replace(
    Config(),
    accuracy_scenes=("phantom, Haar",),
    accuracy_side=16,
    accuracy_rates=(0.3, 0.7),
    accuracy_masks=1,
    accuracy_restarts=6,
    accuracy_gap_side=16,
    accuracy_gap_restarts=6,
    accuracy_gap_reference=50,
)


@pytest.fixture(scope="module")
def dataset():
    found = accuracy.template(CONFIG).load()
    with jax.enable_x64(True):
        for cell in accuracy.cells(CONFIG):
            if cell.name.startswith(("gap-walsh", "phantom-Haar-walsh", "phantom-Haar-pict")):
                place(found, cell, accuracy.compute(CONFIG, cell))
    return found


def test_psnr_and_error_are_those_of_one_image(dataset):
    found = dataset.isel(accuracy_scene=0, accuracy_mask=0).sel(accuracy_method="walsh float64")
    truth = accuracy.picture(CONFIG, accuracy.SCENES["phantom, Haar"])
    mean_square = (found.accuracy_error * np.linalg.norm(truth)) ** 2 / truth.size
    np.testing.assert_allclose(found.accuracy_psnr, -10 * np.log10(mean_square), rtol=1e-9)


def test_all_samples_are_counted_and_shown(dataset):
    kept = dataset.accuracy_kept.sel(accuracy_method="walsh bfloat16").values.ravel()
    np.testing.assert_array_equal(kept, [77, 179])
    assert dataset.accuracy_shown_kept.item() == 77
    pictures = dataset.accuracy_picture.values[0]
    error = np.linalg.norm(pictures[2] - pictures[0]) / np.linalg.norm(pictures[0])
    control = dataset.accuracy_error.sel(accuracy_method="walsh float64").values[0, 0, 0]
    np.testing.assert_allclose(error, control, rtol=1e-9)


def test_the_adjoint_alone_is_the_orthogonal_projection(dataset):
    # The measured part of the image is kept, the rest is lost: Pythagoras.
    picture = dataset.accuracy_picture.values[0]
    lost = np.sum((picture[1] - picture[0]) ** 2)
    np.testing.assert_allclose(np.sum(picture[0] ** 2) - np.sum(picture[1] ** 2), lost, rtol=1e-9)


def test_the_gap_falls_and_is_never_negative(dataset):
    gap = dataset.accuracy_gap.sel(accuracy_transform="walsh")
    assert float(gap.min()) >= 0
    assert (gap.isel(accuracy_restart=0) > 2 * gap.isel(accuracy_restart=-1)).all()


def filled():
    empty = accuracy.template(CONFIG).load()
    rising = np.linspace(20.0, 30.0, 2)[:, None]
    empty["accuracy_psnr"][...] = rising
    empty["accuracy_adjoint_psnr"][...] = rising - 1
    empty["accuracy_error"][...] = 0.1
    empty["accuracy_gap"][...] = np.array([1.0, 0.01])[:, None]
    return empty


@pytest.mark.parametrize(
    ("judge", "variable", "value"),
    [
        (claims_accuracy.more_measurements, "accuracy_psnr", 25.0),
        (claims_accuracy.better_than_the_adjoint, "accuracy_adjoint_psnr", 26.0),
        (claims_accuracy.too_few_iterations, "accuracy_gap", 0.01),
    ],
)
def test_claims_are_supported_and_can_be_refuted(judge, variable, value):
    empty = filled()
    assert [claim.verdict for claim in judge(empty)] == ["supported"]
    empty[variable][...] = value
    assert [claim.verdict for claim in judge(empty)] == ["refuted"]


def test_an_error_beyond_the_floor_refutes_that_format_only():
    empty = filled()
    method = list(accuracy.METHODS).index("walsh float16")
    empty["accuracy_error"][0, method, 0, 0] = 0.1 + 7 * 2.0**-11
    verdicts = [claim.verdict for claim in claims_accuracy.sixteen_bits(empty)]
    assert verdicts == ["supported", "refuted", "supported"]
