"""Part "attack" of `stability`: what is sampled, a search with a known answer, and the claims."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxlab.studies._drawing import drawn
from jaxlab.studies._judging import judged
from jaxlab.studies.stability import attack, attack_networks, attack_scene, claims_attack
from jaxlab.studies.stability.attack_networks import KINDS
from jaxlab.studies.stability.config import Config
from jaxlab.studies.stability.figures_attack import PICTURES

CONFIG = Config(attack_images=8, attack_radii=(0.01, 0.05), attack_climb=25)


def test_letters_stand_in_the_middle_and_keep_an_image_between_0_and_1():
    detail = attack_scene.detail(CONFIG)
    assert detail.region.sum() == 14 * 34
    assert detail.letters.sum() == 4 * (11 + 20 + 13)  # J, A and X, counted by eye
    np.testing.assert_array_equal(detail.letters * detail.region, detail.letters)
    rows, columns = np.nonzero(detail.region)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (25, 38, 15, 48)
    grey = np.stack([np.full((64, 64), value, "float32") for value in (0.1, 0.9)])
    change = attack_scene.marked(grey, detail) - grey
    np.testing.assert_allclose(change[0], 0.3 * detail.letters, atol=1e-6)
    np.testing.assert_allclose(change[1], -0.3 * detail.letters, atol=1e-6)


def test_noise_is_at_most_its_level_and_differs_between_images():
    clean = jnp.ones((6, 8, 8))
    noise = np.asarray(attack_scene.noisy(CONFIG, clean, 0.1) - clean)
    shares = attack.sizes(noise) / 8
    assert np.all((shares > 0) & (shares <= 0.1 * (1 + 1e-5)))
    assert len(set(shares.round(5).tolist())) == 6
    np.testing.assert_array_equal(attack_scene.noisy(CONFIG, clean, 0.0), clean)


def test_the_adjoint_changes_by_the_perturbation_and_no_more(x64):
    scene = attack_scene.scene(CONFIG)
    assert scene.mask.sum() == round(0.3 * 64**2)
    tests = np.asarray(attack_scene.pictures(CONFIG))[:2]
    whole = np.ones((64, 64), "float32")
    r, found = attack.search(CONFIG, "zero-filled", tests, 0.05, whole, whole)
    np.testing.assert_allclose(found.quotient, 1, atol=1e-3)
    np.testing.assert_allclose(attack.sizes(r), 0.05 * attack.sizes(tests), rtol=1e-5)
    # A multiplier of the spectrum, by NumPy: the mean of the mask and its mirror image.
    mirrored = np.roll(scene.mask[::-1, ::-1], 1, (0, 1))
    spectrum = np.fft.fftshift(np.fft.fft2(tests[0] + r[0]))
    expected = np.fft.ifft2(np.fft.ifftshift(spectrum * (scene.mask + mirrored.astype(int)) / 2))
    result = attack.reconstructed(CONFIG, "zero-filled", tests + r)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0], expected.real, atol=1e-5)


def test_false_details_come_from_elsewhere(x64):
    region = attack_scene.detail(CONFIG).region
    tests = np.asarray(attack_scene.pictures(CONFIG))[:2]
    r, found = attack.search(CONFIG, "zero-filled", tests, 0.05, region, 1 - region)
    np.testing.assert_array_equal(r[0] * region, 0)
    change = np.subtract(
        *(attack.reconstructed(CONFIG, "zero-filled", image) for image in (tests + r, tests))
    )
    np.testing.assert_allclose(attack.sizes(region * change), found.change, rtol=1e-4)
    amplified = np.asarray(found.change) / attack.sizes(r)
    assert np.all((amplified > 0.3) & (amplified < 0.6))


@pytest.mark.slow
def test_training_makes_lista_better_than_the_adjoint_and_is_kept(x64):
    config = Config(attack_layers=3, attack_steps=30, attack_examples=16)
    tests = np.asarray(attack_scene.ellipses(config, "test", 4))
    errors = [
        attack.sizes(attack.reconstructed(config, kind, tests) - tests).mean()
        for kind in ("zero-filled", "LISTA")
    ]
    assert errors[1] < 0.8 * errors[0]
    params = attack_networks.trained(config, "LISTA")
    assert params is attack_networks.trained(config, "LISTA")
    assert attack_networks.trained(config, "FIRENET") is None


def synthetic():
    """A FIRENET that is the best and stablest, and small differences between images."""
    dataset = attack.template(CONFIG).load()
    wobble = 1 + 0.02 * np.sin(np.arange(8))
    level = {
        name: np.array([numbers[name] for name in KINDS])[:, None]
        for name, numbers in {
            "error": dict(zip(KINDS, (0.2, 0.02, 0.05, 0.1, 0.11), strict=True)),
            "quotient": dict(zip(KINDS, (1.0, 2.0, 30.0, 9.0, 6.0), strict=True)),
            "detail": dict(zip(KINDS, (0.7, 0.95, 0.8, 0.7, 0.7), strict=True)),
            "false": dict(zip(KINDS, (0.4, 1.0, 20.0, 3.0, 2.0), strict=True)),
        }.items()
    }
    dataset["attack_error"][:] = level["error"] * np.append(wobble, [1, 1])
    dataset["attack_psnr"][:] = 30.0
    quotient = np.where(level["quotient"] == 1, 1, level["quotient"] * wobble)
    dataset["attack_quotient"].loc[{"attack_way": "worst"}] = quotient[:, None]
    dataset["attack_quotient"].loc[{"attack_way": "random"}] = 0.4
    dataset["attack_harm"][:] = 0.3
    dataset["attack_searched"][:] = quotient[:, None, :, None] * np.array([1.0, 0.95])
    dataset["attack_failed"][:] = 0
    dataset["attack_wide"][:] = dataset.attack_quotient.sel(attack_way="worst").values
    dataset["attack_transfer"][:] = 0.3 * level["quotient"]
    own = np.arange(len(KINDS))
    dataset["attack_transfer"].values[own, own] = quotient
    dataset["attack_detail"][:] = level["detail"] * wobble
    dataset["attack_detail_error"][:] = 0.2
    dataset["attack_false"][:] = level["false"] * wobble
    dataset["attack_shown"][:] = 0.5
    dataset["attack_original"][:] = 0.5
    dataset["attack_original"].loc[{"attack_truth": "with detail"}] += (
        0.3 * attack_scene.detail(CONFIG).letters
    )
    return dataset


def verdicts(dataset):
    claims = judged(claims_attack.JUDGES, "source", dataset)
    return {claim.statement: claim.verdict for claim in claims}


def test_a_stable_firenet_supports_every_claim():
    found = verdicts(synthetic())
    assert len(found) == 21
    assert set(found.values()) == {"supported"}, found


GROWTH = np.array([1, 1.5])[:, None]
SMALL = np.array([0.01, 1])[:, None, None]


@pytest.mark.parametrize(
    ("name", "where", "change", "statement"),
    [
        ("quotient", "zero-filled", lambda x: 0.99 * x, "The search finds"),
        ("wide", "LISTA", lambda x: 2 * x, "What the perturbations do"),
        ("quotient", "U-Net", lambda x: x * SMALL, "Worst-case perturbations change"),
        ("error", "LISTA", lambda x: 0.1 * x, "FIRENET is more accurate than LISTA"),
        ("quotient", "FIRENET", lambda x: 5 * x, "No perturbation"),
        ("false", "FIRENET", lambda x: 30 * x, "No false detail"),
        ("quotient", "FIRENET", lambda x: x * GROWTH, "The worst quotient of FIRENET"),
        ("quotient", "U-Net + noise", lambda x: 2 * x, "Training with noise makes"),
        ("error", "U-Net + noise", lambda x: 0.8 * x, "Training with noise costs"),
        ("error", "LISTA", lambda x: 5 * x, "On pictures unlike"),
        ("detail", "FIRENET", lambda x: 0.5 * x, "FIRENET shows more"),
        ("transfer", "LISTA", lambda x: 100 * x, "A perturbation found for another"),
    ],
)
def test_claims_can_be_refuted(name, where, change, statement):
    dataset = synthetic()
    table = dataset[f"attack_{name}"]
    table.loc[{"attack_network": where}] = change(table.sel(attack_network=where).values)
    found = [v for text, v in verdicts(dataset).items() if text.startswith(statement)]
    assert "refuted" in found


def test_missing_cells_support_nothing_and_draw_nothing():
    empty = attack.template(CONFIG).load()
    assert set(verdicts(empty).values()) == {"inconclusive"}
    assert drawn(PICTURES, empty) == []
    assert [figure.name for figure in drawn(PICTURES, synthetic())] == [
        "attack_rows", "attack_details", "attack_stability",
    ]  # fmt: skip
