"""Stable networks for inverse problems, and problems that no algorithm can solve to all digits."""

from jaxlab.inverse import images as images
from jaxlab.inverse import levels as levels
from jaxlab.inverse import lista as lista
from jaxlab.inverse import noncomputable as noncomputable
from jaxlab.inverse import operators as operators
from jaxlab.inverse import perturbations as perturbations
from jaxlab.inverse import proximal as proximal
from jaxlab.inverse import sampling as sampling
from jaxlab.inverse import transforms as transforms
from jaxlab.inverse import unet as unet
from jaxlab.inverse import wavelets as wavelets
from jaxlab.inverse.certificates import Certificate as Certificate
from jaxlab.inverse.certificates import certify as certify
from jaxlab.inverse.firenets import Reconstruction as Reconstruction
from jaxlab.inverse.firenets import firenet as firenet
from jaxlab.inverse.operators import Operator as Operator
from jaxlab.inverse.primal_dual import chambolle_pock as chambolle_pock
from jaxlab.inverse.primal_dual import objective as objective
from jaxlab.inverse.sizes import network_size as network_size
