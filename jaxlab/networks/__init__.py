"""What a model is: multilayer perceptrons, initialisers, constructions, adapters."""

from jaxlab.networks import constructions as constructions
from jaxlab.networks import initialisers as initialisers
from jaxlab.networks import padded as padded
from jaxlab.networks import stacked as stacked
from jaxlab.networks.adapters import from_pytree as from_pytree
from jaxlab.networks.initialisers import initialise as initialise
from jaxlab.networks.mlp import Layer as Layer
from jaxlab.networks.mlp import Parameters as Parameters
from jaxlab.networks.mlp import apply as apply
from jaxlab.networks.mlp import cast as cast
from jaxlab.networks.mlp import widths as widths
from jaxlab.networks.onnx import from_onnx as from_onnx
