"""Whatever adds up terms, under the names of ``jax.lax``, with a chosen accumulator."""

from jaxlab.arithmetic.contractions._convolutions import (
    conv_general_dilated as conv_general_dilated,
)
from jaxlab.arithmetic.contractions._dots import dot_general as dot_general
from jaxlab.arithmetic.contractions._scatters import scatter_add as scatter_add
from jaxlab.arithmetic.contractions._sums import cumsum as cumsum
from jaxlab.arithmetic.contractions._sums import reduce_sum as reduce_sum
