"""Study `barrier`: digits that no algorithm can compute, and what floating point adds to them.

The claim under study: there are well-conditioned problems for which stable and accurate networks
exist, but no algorithm computes them beyond K - 1 or K - 2 digits, however much data and time it
has (Colbrook, Antun, Hansen, PNAS 2022, theorem 2, doi:10.1073/pnas.2107151119; Smale's 18th
problem).

Parts: the family of problems in closed form; the published table, as printed, as the authors'
script computes it, and corrected; the LISTA beside it, trained; the digits that are left when the
input is known to few bits, or stored in a format; and the smallest gap that FIRENET resolves.


    >>> import jaxlab as jl
    >>> dataset = jl.studies.barrier.run(jl.studies.barrier.Config(...))   # doctest: +SKIP
    >>> jl.studies.barrier.claims(dataset)                              # doctest: +SKIP
"""

from jaxlab.studies import _study
from jaxlab.studies._parts import combine
from jaxlab.studies.barrier import family, resolution, staircase, table, trained
from jaxlab.studies.barrier.claims import claims as claims
from jaxlab.studies.barrier.config import PRESETS as PRESETS
from jaxlab.studies.barrier.config import Config as Config
from jaxlab.studies.barrier.figures import figures as figures

_ALL = combine((family.PART, table.PART, trained.PART, staircase.PART, resolution.PART))

STUDY = _study.Study(
    name="barrier",
    summary="Digits that no algorithm can compute, and those that a format loses",
    source="Colbrook, Antun, Hansen, PNAS 119 (2022) e2107151119, arXiv 2101.08286",
    presets=PRESETS,
    template=_ALL.template,
    cells=_ALL.cells,
    compute=_ALL.compute,
    claims=claims,
    figures=figures,
    notes="Published: the theorem and a table of 18 numbers, recalled, not read. SCRIPT means what "
    "the authors' public script computes, formulas re-implemented, with its two defects kept "
    "(an index of the truth that is overwritten, steps that are too long); CORRECTED means "
    "without them. Derived for jaxlab: the closed forms of the family, the three-tier family "
    "and its staircase. Two different things are kept apart: input known to 2^-m with exact "
    "arithmetic, which is the model of the theorem, and floating point on input and "
    "operations. Digits and lost gaps are exact integers from rational arithmetic; -inf "
    "stands for overflow. NATIVE formats are what this device does, p=8 is EMULATED: rounded "
    "after every operation; float64 is the control.",
)

run = _study.runner(STUDY)
