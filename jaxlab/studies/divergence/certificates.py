"""What every gradient flow fulfils, measured along a computed one."""

import numpy as np
import xarray as xr

from jaxlab.flows import Flow
from jaxlab.studies._judging import judge, need
from jaxlab.studies._study import Claim

LONG_NAMES = {
    "defect": "largest error of the energy identity / L(0)",
    "bound": "largest displacement**2 / (t (L(0) - L(t)))",
    "rise": "largest rise of the risk from one time to the next / L(0)",
}
"""What :func:`certificate` measures, by its name."""


def certificate(flow: Flow) -> dict[str, np.float64]:
    """How far a computed flow is from an exact one.

    Parameters
    ----------
    flow
        Of NumPy arrays.

    Returns
    -------
    dict
        ``defect`` and ``rise``, 0 on an exact flow, and ``bound``, at most 1 by the inequality of
        Cauchy and Schwarz: ``|theta(t) - theta(0)|**2 <= t integral |grad L|**2 = t (L(0) - L(t))``
        (the bound of arXiv 2505.09572 on the growth). NaN if the flow did not reach its end.
    """
    room = flow.times[1:] * (flow.loss[0] - flow.loss[1:])
    return {
        "defect": np.float64(np.abs(flow.defect).max() / flow.loss[0]),
        "bound": np.float64((flow.displacement[1:] ** 2 / room).max()),
        "rise": np.float64(np.diff(flow.loss, prepend=flow.loss[0]).max() / flow.loss[0]),
    }


def certified(dataset: xr.Dataset, part: str, which: str, identity: float = 1e-8) -> list[Claim]:
    """Claims that all flows of a part are flows: variables ``part_defect``, ``_bound``, ``_rise``.

    Parameters
    ----------
    dataset
        The study's.
    part
        Prefix of the variables.
    which
        The flows, in words.
    identity
        The error of the energy identity, relative to ``L(0)``, that is allowed.
    """
    statement = f"The computed flows are gradient flows: {which}"
    defect, bound, rise = (dataset[f"{part}_{name}"].values for name in LONG_NAMES)
    need(statement, *(dataset[f"{part}_{name}"] for name in LONG_NAMES))
    # A risk or a path may be wrong by as much as the energy is.
    met = {
        f"L(0) - L(t) = integral |grad L|^2 to {identity:.0e} L(0)": defect <= identity,
        "the risk never rises by more than this error": rise <= defect,
        "|theta(t) - theta(0)|^2 <= t (L(0) - L(t)), up to this error": bound <= 1 + defect,
    }
    measured = (
        f"error at most {defect.max():.2g}",
        f"rise at most {rise.max():.2g}",
        f"quotient at most {bound.max():.9g}",
    )
    source = "derived (divergence.md, A.1 and A.5); the energy is integrated with the flow"
    return [
        Claim(
            f"{which}: {law}", source, f"{held.size} of {held.size}",
            f"{held.sum()} of {held.size}; {found}", "exact count",
            judge(bool(held.all()), not held.all()),
        )
        for (law, held), found in zip(met.items(), measured, strict=True)
    ]  # fmt: skip
