"""Study `stability`: how accurate and how stable FIRENETs are, in any number format.

The claims under study: FIRENETs are unrolled networks whose error falls exponentially with the
layers down to the noise, and which are stable under worst-case perturbations, where trained
networks are not (Colbrook, Antun, Hansen, PNAS 2022, theorem 3, doi:10.1073/pnas.2107151119).

Parts: the rate of the restarts and the iterations they need; the constants in front of noise and
stopping level, beside their certificates; the floor that rounding sets, format by format; pictures
from 15 % to 60 % of their measurements; and worst-case perturbations of FIRENET beside trained
networks.


    >>> import jaxlab as jl
    >>> dataset = jl.studies.stability.run(jl.studies.stability.Config(...))   # doctest: +SKIP
    >>> jl.studies.stability.claims(dataset)                              # doctest: +SKIP
"""

from jaxlab.studies import _study
from jaxlab.studies._parts import combine
from jaxlab.studies.stability import accuracy, attack, floor, restarts, restarts_constants
from jaxlab.studies.stability.claims import claims as claims
from jaxlab.studies.stability.config import PRESETS as PRESETS
from jaxlab.studies.stability.config import Config as Config
from jaxlab.studies.stability.figures import figures as figures

_ALL = combine((restarts.PART, restarts_constants.PART, attack.PART, floor.PART, accuracy.PART))

STUDY = _study.Study(
    name="stability",
    summary="FIRENETs: exponential convergence, stability, and the floor that rounding sets",
    source="Colbrook, Antun, Hansen, PNAS 119 (2022) e2107151119, arXiv 2101.08286",
    presets=PRESETS,
    template=_ALL.template,
    cells=_ALL.cells,
    compute=_ALL.compute,
    claims=claims,
    figures=figures,
    notes="Published: exponential convergence and stability of FIRENETs, instability of trained "
    "networks; pictures and curves, whose data are not available. Derived for jaxlab: that "
    "the outer rate equals nu, the certificates, the floor of a few unit roundoffs and its "
    "cause, the rule delta = u ||y||. NATIVE formats are what this device does. p=11 is "
    "EMULATED: every operation rounded once, with float64's exponents; norms are exact sums "
    "rounded once; more than 25 bits are rounded twice. Every format sees the float64 draw "
    "rounded once, and float64 is the control. What an attack finds is a lower bound of the "
    "worst case; what a certificate says is an upper bound. The trained networks are small "
    "and trained here, on random ellipses; their settings, and the statistics of the claims "
    "about them, were chosen on other test images than those judged here, and other "
    "settings give other networks: with a smaller rate LISTA was as stable as the others.",
)

run = _study.runner(STUDY)
