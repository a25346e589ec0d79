"""Claims of part "accuracy": pictures get better with measurements, and 16 bits are enough."""

import numpy as np
import xarray as xr

from jaxlab.arithmetic import as_format
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim
from jaxlab.studies.stability.accuracy import METHODS
from jaxlab.studies.stability.config import CONTROL

_PAPER = "Colbrook, Antun, Hansen 2022, doi:10.1073/pnas.2107151119"
_FLOOR = 6
"""Unit roundoffs, the upper end of the floor measured in the reference."""


def more_measurements(dataset: xr.Dataset) -> list[Claim]:
    """PSNR against the share of measurements, in float64."""
    statement = "FIRENET turns more measurements into better pictures, scene by scene"
    need(statement, dataset.accuracy_psnr)
    wide = [method for method in METHODS if method.endswith(CONTROL)]
    psnr = dataset.accuracy_psnr.sel(accuracy_method=wide)
    gained = psnr.diff("accuracy_rate")
    first, last = (psnr.isel(accuracy_rate=i).mean("accuracy_mask") for i in (0, -1))
    shown = [
        f"{scene}, {method.split()[0]}: {a.item():.1f} to {b.item():.1f} dB"
        for scene in dataset.accuracy_scene.values
        for method in wide
        for a, b in [(x.sel(accuracy_scene=scene, accuracy_method=method) for x in (first, last))]
    ]
    rates = dataset.accuracy_rate.values
    return [
        Claim(
            statement,
            f"{_PAPER}, accuracy of FIRENETs",
            f"PSNR rises with every rate from {rates[0]:.0%} to {rates[-1]:.0%}",
            f"{'; '.join(shown)}; smallest step {float(gained.min()):+.2f} dB",
            _masks(dataset),
            judge(bool((gained > 0).all()), bool((gained <= 0).any())),
        )
    ]


def better_than_the_adjoint(dataset: xr.Dataset) -> list[Claim]:
    """What the network adds to its first layer."""
    statement = "FIRENET is better than the zero-filled adjoint at every rate, in every format"
    need(statement, dataset.accuracy_psnr)
    gain = dataset.accuracy_psnr - dataset.accuracy_adjoint_psnr
    least = gain.min(("accuracy_scene", "accuracy_method", "accuracy_mask"))
    shown = [
        f"{rate:.0%}: {float(least.sel(accuracy_rate=rate)):+.2f}"
        for rate in least.accuracy_rate.values
    ]
    return [
        Claim(
            statement,
            f"{_PAPER}, accuracy of FIRENETs",
            "a gain in dB for every scene, mask, transform and format",
            f"least gain in dB, {'; '.join(shown)}; largest {float(gain.max()):+.1f}",
            _masks(dataset),
            judge(bool((gain > 0).all()), bool((gain <= 0).any())),
        )
    ]


def sixteen_bits(dataset: xr.Dataset) -> list[Claim]:
    """Rounding against the control at the same mask."""
    claims = []
    for method in METHODS:
        transform, fmt = method.split()
        if fmt == CONTROL:
            continue
        statement = (
            f"In {fmt} rounding changes the relative error by {_FLOOR} unit roundoffs at most"
        )
        need(statement, dataset.accuracy_error)
        error = dataset.accuracy_error.sel(accuracy_method=method)
        control = dataset.accuracy_error.sel(accuracy_method=f"{transform} {CONTROL}")
        unit = as_format(fmt).unit_roundoff
        worst = float(np.abs(error - control).max()) / unit
        lost = dataset.accuracy_psnr.sel(accuracy_method=f"{transform} {CONTROL}") - (
            dataset.accuracy_psnr.sel(accuracy_method=method)
        )
        hidden = lost.where(control > 10 * _FLOOR * unit)
        claims.append(
            Claim(
                statement,
                "the floor of the reference, which is for sparse vectors; native, Walsh samples",
                f"|change| <= {_FLOOR} u = {_FLOOR * unit:.2g}",
                f"{worst:.2f} u; PSNR lost {float(lost.max()):.2f} dB at most, and "
                f"{float(hidden.max()):.2f} dB where the control's error is above {10 * _FLOOR} u",
                _masks(dataset),
                judge(worst <= _FLOOR, worst > _FLOOR),
            )
        )
    return claims


def too_few_iterations(dataset: xr.Dataset) -> list[Claim]:
    """The published p = 5 against more, in the published convergence test."""
    statement = (
        "The published p = 5 is below the threshold on the phantom: the gap of the objective stalls"
    )
    need(statement, dataset.accuracy_gap)
    last = dataset.accuracy_gap.isel(accuracy_restart=-1)
    few, many = last.isel(accuracy_iterations=0), last.isel(accuracy_iterations=-1)
    p = dataset.accuracy_iterations.values
    ratio = few / many
    shown = [
        f"{name}: {float(few.sel(accuracy_transform=name)):.2g} (p = {p[0]}), "
        f"{float(many.sel(accuracy_transform=name)):.2g} (p = {p[-1]})"
        for name in last.accuracy_transform.values
    ]
    return [
        Claim(
            statement,
            "reference measurement, 256 x 256: 3.7e-3 with p = 5, 2.2e-5 with p = 20",
            "the gap left by p = 5 is more than 10 times that left by p = 20",
            "; ".join(shown),
            "one mask and one noise; the minimum is an upper bound",
            judge(bool((ratio > 10).all()), bool((ratio <= 10).any())),
        )
    ]


def _masks(dataset: xr.Dataset) -> str:
    return f"all of {dataset.sizes['accuracy_mask']} random masks"


JUDGES = (more_measurements, better_than_the_adjoint, sixteen_bits, too_few_iterations)
