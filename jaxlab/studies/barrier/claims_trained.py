"""Claims about the trained network: it learns its own problem, and that is the other's failure."""

import xarray as xr

from jaxlab.inverse import noncomputable
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim

_DERIVED = "derived for jaxlab (barrier.md, 2.4)"
_PAPER = "Colbrook, Antun, Hansen, PNAS 2022, arXiv 2101.08286, Table 1"
_LEARNT = 1e-12
_REFERENCE = 0.2999689


def _learnt(dataset: xr.Dataset) -> list[Claim]:
    statement = "LISTA learns its own problem: the demonstration is not a failure of training"
    loss, own = dataset.trained_loss, dataset.trained_own
    need(statement, loss, own)
    last = float(loss.isel(trained_step=-1).max())
    near = float((own * 10.0**dataset.trained_digits).max())
    return [
        Claim(
            statement,
            f"{_DERIVED}; 2.7e-32 there after 4,000 epochs",
            f"relative squared error on new samples at most {_LEARNT:g}",
            f"at most {last:.1e} after {int(loss.trained_step[-1])} steps of Adam; distance from "
            f"its own minimiser at most {near:.1e} * 10^-K",
            f"one start each, {loss[..., 0].size} networks",
            judge(last <= _LEARNT, last > _LEARNT),
        )
    ]


def _scored(dataset: xr.Dataset) -> list[Claim]:
    statement = "Scored on the problem that looks the same, a trained LISTA errs by the separation"
    other, own = dataset.trained_other, dataset.trained_own
    need(statement, other, own)
    pairs = [
        (k, n, float(other.sel(trained_digits=k, trained_gap=n)), noncomputable.separation(k, n))
        for k in map(int, other.trained_digits.values)
        for n in map(int, other.trained_gap.values)
    ]
    off = max(abs(got / law - 1) for _, _, got, law in pairs)
    bad = [got for k, n, got, _ in pairs if (k, n) == (1, 10) and abs(got - _REFERENCE) > 1e-7]
    return [
        Claim(
            statement,
            f"{_PAPER}; {_DERIVED}",
            "; ".join(f"K={k}, n={n}: {law:.7g}" for k, n, _, law in pairs)
            + f" (reference, K=1, n=10, trained: {_REFERENCE})",
            "; ".join(f"{got:.7g}" for _, _, got, _ in pairs),
            f"largest relative distance {off:.1e}; 1e-5 allowed",
            judge(off <= 1e-5 and not bad, off > 1e-5 or bool(bad)),
        )
    ]


JUDGES = (_learnt, _scored)
