"""Study `pieces`: rounding in backpropagation against the affine pieces of deep ReLU networks.

The claim under study (Karner, Kazeev, Petersen, Adv. Comput. Math. 50 (2024) 14,
doi 10.1007/s10444-024-10106-x): gradient descent whose gradients are computed in floating point is
highly unlikely to keep superlinearly many affine pieces in the number of layers.

Five parts: pieces of random networks; constructed networks counted exactly; one gradient step with
relative noise on the bias updates; real training in every native format beside its same-seed
float64 control; and emulated training in any precision beside the noise model and the control.

    >>> import jaxlab as jl
    >>> dataset = jl.studies.pieces.run(jl.studies.pieces.Config(...))   # doctest: +SKIP
    >>> jl.studies.pieces.claims(dataset)                                # doctest: +SKIP
"""

from jaxlab.studies import _study
from jaxlab.studies._parts import combine
from jaxlab.studies.pieces import constructed, emulated, initial, step, trained
from jaxlab.studies.pieces.claims import claims as claims
from jaxlab.studies.pieces.config import PRESETS as PRESETS
from jaxlab.studies.pieces.config import Config as Config
from jaxlab.studies.pieces.figures import figures as figures

_ALL = combine((initial.PART, constructed.PART, step.PART, trained.PART, emulated.PART))

STUDY = _study.Study(
    name="pieces",
    summary="Rounding in backpropagation against the affine pieces of deep ReLU networks",
    source="Karner, Kazeev, Petersen, Adv. Comput. Math. 50 (2024) 14, "
    "doi 10.1007/s10444-024-10106-x",
    presets=PRESETS,
    template=_ALL.template,
    cells=_ALL.cells,
    compute=_ALL.compute,
    claims=claims,
    figures=figures,
    notes="Published: the noise model (relative, random, on the bias updates), assumptions (A) "
    "and (B), and the form of the bound (linear in depth, inverse to the noise). Reconstructed by "
    "jaxlab, because the literal constants and hyper-parameters were not available: the constants "
    "of the bound (Banach's indicatrix), the slope-normalised sawtooth, and the landing steps, in "
    "which every bias update has size 1 and the exact step would arrive at the construction. The "
    "network counts as affine pieces and as activation regions, which the paper uses as a proxy; "
    "every figure says which. A run whose step is not finite is frozen and has no count from "
    "there on; comparisons leave its pair out and say how many. Three kinds of training, never "
    "mixed: NATIVE (policies), what this device does in this dtype: products may be fused into "
    "sums, and the CPU sums 16-bit dots in float32; every format starts from the same reals as "
    "its float64 control. EMULATED (precision p), the standard model in float64 storage: with "
    "scope 'gradient' the parameters, the data and every operation of the forward and backward "
    "pass round once, to nearest even, dots and means after an exact sum, while parameters and "
    "update stay float64; with scope 'step' the learning rate, its product with the gradient, the "
    "sum and the stored parameters round too, which is not in the paper. NOISE MODEL (noise "
    "exponent k), the exact float64 gradient with every entry, of weights and biases (the paper's "
    "noise is on the bias updates), multiplied by 1 + 2^-k U, U uniform in (-1, 1) and drawn anew "
    "in every step.",
)

run = _study.runner(STUDY)
