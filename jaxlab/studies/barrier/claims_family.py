"""Claims about the problems themselves: how near their data are, and how far their solutions."""

import numpy as np
import xarray as xr

from jaxlab.inverse import noncomputable
from jaxlab.studies._comparing import Expected
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim

_SOURCE = "derived for jaxlab from the demonstration's formulas (barrier.md, 2.4)"
_PRINTED = {10: "0.299968929", 20: "0.299999970", 30: "0.300000000"}
_U = float(np.finfo(np.float64).eps) / 2


def _entries(dataset: xr.Dataset) -> xr.DataArray:
    """``alpha`` by ``K``."""
    digits = dataset.family_digits
    return digits.copy(data=[float(noncomputable.alpha(int(k))) for k in digits.values]).astype(
        float
    )


def _matrices(dataset: xr.Dataset) -> list[Claim]:
    statement = "The matrices of j = 1 and j = 2 are 0.70711 * 2^-n apart"
    need(statement, dataset.family_matrices)
    law = 0.5**0.5 * 2.0 ** -dataset.family_gap.astype(float)
    off = np.abs(dataset.family_matrices - law)
    # Four columns of cosines, each entry rounded when stored and when multiplied.
    bound = 4 * 2**0.5 * _U * _entries(dataset)
    worst = float((off / bound).max())
    ratio = (dataset.family_matrices / law).sel(family_digits=dataset.family_digits[0])
    return [
        Claim(
            statement,
            _SOURCE,
            "sqrt(1/2) 2^-n to within the rounding of alpha, 4 sqrt(2) u alpha, for all K and n",
            f"K={int(ratio.family_digits)}: "
            + "; ".join(
                f"n={int(n)}: {2**-0.5 * float(value):.5f} * 2^-n"
                for n, value in zip(ratio.family_gap.values, ratio.values, strict=True)
            )
            + f"; largest distance {worst:.2g} of what rounding allows",
            "rounding",
            judge(worst <= 1, worst > 1),
        )
    ]


def _minimisers(dataset: xr.Dataset) -> list[Claim]:
    statement = "Their minimisers are sqrt(2)/(alpha + eps) apart: 3 * 10^-K"
    far, size = dataset.family_minimisers, dataset.family_norm
    need(statement, far, size)
    gaps = 2.0 ** -(1 + dataset.family_gap.astype(float))
    least = 1 / (_entries(dataset) + gaps)
    off = max(
        float(np.abs(far / (2**0.5 * least) - 1).max()), float(np.abs(size / least - 1).max())
    )
    shown = [n for n in _PRINTED if n in far.family_gap.values and 1 in far.family_digits.values]
    got = {n: float(far.sel(family_digits=1, family_gap=n)) for n in shown}
    printed = all(f"{value:.9f}" == _PRINTED[n] for n, value in got.items())
    fits = off <= 8 * _U and printed
    return [
        Claim(
            statement,
            _SOURCE,
            "; ".join(
                f"K=1, n={n}: {Expected(noncomputable.separation(1, n), _PRINTED[n])}"
                for n in shown
            ),
            "; ".join(f"n={n}: {value:.9f}" for n, value in got.items())
            + f"; all K and n: to {off:.1e} of the law, norms 1/(alpha + eps) likewise",
            "rounding: 8 u",
            judge(fits, not fits),
        )
    ]


def _unique(dataset: xr.Dataset) -> list[Claim]:
    statement = "e_j/(alpha + eps) is the only minimiser: a dual certificate is strict"
    names = ("residual", "dual", "slope", "off", "margin")
    found = [dataset[f"family_{name}"] for name in names]
    need(statement, *found)
    residual, dual, slope, off, margin = found
    # Each sum has 21 terms of size at most 1, each of them rounded a few times.
    bound = 64 * _U
    numerical = max(float(residual.max()), float(slope.max()), float((off + margin - 1).max()))
    fits = numerical <= bound and float(dual.max()) < 1 and float(margin.min()) > 0
    return [
        Claim(
            statement,
            f"{_SOURCE}; optimality: A^T q = -sign on the support, |A^T q| < 1 off it, |q| < 1",
            f"residual and slope 0 up to {bound:.1e}; |q| < 1; 1 - |A^T q| > 0 off the support",
            f"at most {numerical:.1e}; |q| at most {float(dual.max()):.3f}; 1 - |A^T q| at least "
            f"{float(margin.min()):.2g}, exactly: as much is the objective at the other minimiser "
            f"above the least, {float(dataset.family_minimisers.max()):.2g} away",
            "exact margin; rounding",
            judge(fits, not fits),
        )
    ]


JUDGES = (_matrices, _minimisers, _unique)
