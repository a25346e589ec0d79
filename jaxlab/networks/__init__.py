"""What a model is: multilayer perceptrons, initialisers, constructions, adapters."""

from jaxlab.networks import mlp as mlp
from jaxlab.networks.mlp import Layer as Layer
from jaxlab.networks.mlp import Parameters as Parameters
from jaxlab.networks.mlp import apply as apply
from jaxlab.networks.mlp import cast as cast
from jaxlab.networks.mlp import widths as widths
