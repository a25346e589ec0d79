"""Study `flow`: the gradient flows of shallow ReLU networks, and the risks where they end.

The claims under study: the risk along a bounded gradient flow tends to the risk of a critical
point, and to zero for an affine target from a small enough start (Jentzen, Riekert, J. Math. Anal.
Appl. 517 (2023) 126601, arXiv 2107.04479).

Parts: thousands of flows of the exact risk, and where they end; flows and critical points that are
known in closed form; saddles, and the roundings that push a descent off them; conserved quantities
as a meter of precision; and targets for which flows must stay bounded or run to infinity.

    >>> import jaxlab as jl
    >>> dataset = jl.studies.flow.run(jl.studies.flow.Config(...))   # doctest: +SKIP
    >>> jl.studies.flow.claims(dataset)                              # doctest: +SKIP
"""

from jaxlab.studies import _study
from jaxlab.studies._parts import combine
from jaxlab.studies.flow import exact, limits, meter, saddles, targets
from jaxlab.studies.flow.claims import claims as claims
from jaxlab.studies.flow.config import PRESETS as PRESETS
from jaxlab.studies.flow.config import Config as Config
from jaxlab.studies.flow.figures import figures as figures

_ALL = combine((limits.PART, targets.PART, saddles.PART, meter.PART, exact.PART))

STUDY = _study.Study(
    name="flow",
    summary="ReLU gradient flows end at the risks of critical points",
    source="Jentzen, Riekert, J. Math. Anal. Appl. 517 (2023) 126601, arXiv 2107.04479",
    presets=PRESETS,
    template=_ALL.template,
    cells=_ALL.cells,
    compute=_ALL.compute,
    claims=claims,
    figures=figures,
    notes="Published: bounded flows tend to the risk of a critical point, and to zero for affine "
    "targets and small initial risk; energy identity; for H = 1 boundedness is not needed. Derived "
    "for jaxlab: the list of all critical risks for affine targets, and with it the sharp "
    "threshold; the closed forms; the discrete laws of the invariants. FLOW means the solution of "
    "the differential equation by an implicit method with error control, not gradient descent with "
    "a small rate; its error is stored with it (energy identity, repeated runs with tighter "
    "tolerance). Risks and generalised gradients are exact up to rounding: Gauss rules between the "
    "breakpoints of the network, relu'(0) = 0. DESCENT means gradient descent in a number format: "
    "NATIVE formats are what this device does, EMULATED ones round every operation once; each "
    "starts at the same reals as its float64 control.",
)

run = _study.runner(STUDY)
