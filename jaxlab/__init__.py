"""jaxlab: a numerical-precision laboratory for neural-network training in JAX.

``import jaxlab as jl`` gives the rooms of the laboratory as modules:

``jl.arithmetic``
    What a number is: formats and exact rounding.
``jl.networks``
    What a model is: multilayer perceptrons, initialisers, constructions, adapters.
``jl.regions``
    What a ReLU network looks like: exact regions on lines, planes and in n dimensions.
``jl.training``
    How a model moves: precision policies, updates, ensembles of random initialisations.
``jl.flows``
    The limit of small steps: the exact risk of shallow ReLU networks, its critical points.
``jl.inverse``
    Stable networks for inverse problems: FIRENETs, worst-case perturbations, the non-computable.
``jl.studies``
    Published claims, run and judged.

Importing jaxlab changes no JAX configuration and touches no device.
"""

from jaxlab import arithmetic as arithmetic
from jaxlab import flows as flows
from jaxlab import inverse as inverse
from jaxlab import networks as networks
from jaxlab import regions as regions
from jaxlab import training as training

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jaxlab import studies as studies

__version__ = "0.1.0"


def __getattr__(name: str):
    """Load the studies when they are first asked for: they need xarray and matplotlib."""
    if name == "studies":
        import importlib

        return importlib.import_module("jaxlab.studies")
    raise AttributeError(f"module 'jaxlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "studies"]
