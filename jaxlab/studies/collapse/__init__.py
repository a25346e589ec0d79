"""Study `collapse`: deep narrow ReLU networks are born dead, and how many starts it takes.

The claims under study: SGD does not converge for networks much deeper than wide unless the number
of random starts grows fast enough (Cheridito, Jentzen, Rossmannek, J. Complexity 64 (2021) 101540,
arXiv 2006.07075), because such networks are born dead (Lu, Shin, Su, Karniadakis, Commun. Comput.
Phys. 28 (2020) 1671, arXiv 1903.06733).

Parts: the probability of being born dead, exactly, beside its laws; single neurons and layers; what
a number format adds to it; the published training experiments; and the best of K starts on a ladder
of depths, by SGD and Adam, in every native format beside its same-seed float64 control.

    >>> import jaxlab as jl
    >>> dataset = jl.studies.collapse.run(jl.studies.collapse.Config(...))   # doctest: +SKIP
    >>> jl.studies.collapse.claims(dataset)                                  # doctest: +SKIP
"""

from jaxlab.studies import _study
from jaxlab.studies._parts import combine
from jaxlab.studies.collapse import best_of as best_of
from jaxlab.studies.collapse import inactivity as inactivity
from jaxlab.studies.collapse import initialisation as initialisation
from jaxlab.studies.collapse import laws as laws
from jaxlab.studies.collapse import targets as targets
from jaxlab.studies.collapse.birth import births, negative, neurons
from jaxlab.studies.collapse.claims import claims as claims
from jaxlab.studies.collapse.config import PRESETS as PRESETS
from jaxlab.studies.collapse.config import Config as Config
from jaxlab.studies.collapse.figures import figures as figures
from jaxlab.studies.collapse.rounding import underflow
from jaxlab.studies.collapse.training import trained

_ALL = combine(
    (
        *trained.PARTS,
        births.FREE_PART,
        births.BIASED_PART,
        underflow.PART,
        neurons.PART,
        negative.PART,
    )
)

STUDY = _study.Study(
    name="collapse",
    summary="Deep narrow ReLU networks die, and how many random starts it takes",
    source="Cheridito, Jentzen, Rossmannek, J. Complexity 64 (2021) 101540, arXiv 2006.07075; "
    "Lu, Shin, Su, Karniadakis, Commun. Comput. Phys. 28 (2020) 1671, arXiv 1903.06733",
    presets=PRESETS,
    template=_ALL.template,
    cells=_ALL.cells,
    compute=_ALL.compute,
    claims=claims,
    figures=figures,
    notes="Published: that training fails if depth outgrows width and the number of starts; that "
    "deep networks are born dead, stay constant, and sit at the mean (median) of the target; the "
    "asymmetric start. Second-hand: the shares of runs that collapse. Derived for jaxlab: the "
    "probabilities, bounds and the frontier. Reconstructed, because the papers' hyper-parameters "
    "were not at hand: Adam's rate and steps, which functions belong to which published share, the "
    "network for two variables, and that RAI is used in every layer. H counts hidden layers; the "
    'papers\' L counts layers of weights, one more; "10 layers" is read both ways. DEAD is a '
    "hidden layer that outputs zero on the whole domain: exactly, on intervals, where "
    "probabilities are counted (rational arithmetic decides what floats leave in doubt), and on "
    "all training points, "
    "as the dtype computes them, in training. COLLAPSED is a trained network whose outputs differ "
    "by less than 1 % of the target's standard deviation. STALLED is alive, with a next step that "
    "changes no parameter: stagnation, kept apart from death. Formats share their draws: starts "
    "are float64 numbers, rounded to bfloat16 on the ladder so that all native formats begin at "
    "the same reals. NATIVE formats are what this device does: a dot of 16-bit numbers is summed "
    "in float32 on a CPU and rounded once, the bias is added with a second rounding. Eight-bit "
    "formats are emulated: the dot exact in float64, rounded once, then the bias. Errors are those "
    "of the stored network in float64, clipped to the target's range, as in the published "
    "algorithm; the best of K has the least empirical risk over its starts and checkpoints.",
)

run = _study.runner(STUDY)
