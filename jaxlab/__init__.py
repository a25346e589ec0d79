"""jaxlab: a numerical-precision laboratory for neural-network training in JAX.

``import jaxlab as jl`` gives the rooms of the laboratory as modules:

``jl.arithmetic``
    What a number is: formats and exact rounding.
``jl.networks``
    What a model is: multilayer perceptrons, initialisers, constructions, adapters.
``jl.regions``
    What a ReLU network looks like: activation patterns, exact pieces along a line.
``jl.training``
    How a model moves: precision policies, updates, ensembles of random initialisations.
``jl.studies``
    Published claims, run and judged.

Importing jaxlab changes no JAX configuration and touches no device.
"""

from jaxlab import arithmetic as arithmetic
from jaxlab import networks as networks
from jaxlab import regions as regions
from jaxlab import studies as studies
from jaxlab import training as training

__version__ = "0.1.0"
