"""Study `pieces`: rounding in backpropagation against the affine pieces of deep ReLU networks.

The claim under study (Karner, Kazeev, Petersen, Adv. Comput. Math. 50 (2024) 14,
doi 10.1007/s10444-024-10106-x): gradient descent whose gradients are computed in floating point is
highly unlikely to keep superlinearly many affine pieces in the number of layers.

Four parts: pieces of random networks; constructed networks counted exactly; one gradient step with
relative noise on the bias updates; and real training in every native format beside its same-seed
float64 control.

    >>> import jaxlab as jl
    >>> dataset = jl.studies.pieces.run(jl.studies.pieces.Config(...))   # doctest: +SKIP
    >>> jl.studies.pieces.claims(dataset)                                # doctest: +SKIP
"""

import xarray as xr

from jaxlab.studies import _study
from jaxlab.studies._parts import combine
from jaxlab.studies.pieces import constructed, initial, step, trained
from jaxlab.studies.pieces.claims import claims as claims
from jaxlab.studies.pieces.config import PRESETS as PRESETS
from jaxlab.studies.pieces.config import Config as Config
from jaxlab.studies.pieces.figures import figures as figures

_ALL = combine((initial.PART, constructed.PART, step.PART, trained.PART))

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
)


def run(config: Config | None = None) -> xr.Dataset:
    """Run the study in memory.

    Parameters
    ----------
    config
        Sizes and seeds; the quick preset if None.

    Returns
    -------
    Dataset with every count, error and bound; see its attributes for units and meanings.

    Raises
    ------
    TypeError
        If ``config`` is not a :class:`Config`.
    """
    return _study.run(STUDY, PRESETS["quick"] if config is None else config)
