"""Double-double arithmetic: functions of pairs, and :func:`in_double_double` for whole programs."""

from jaxlab.arithmetic.double_double._elementary import exp as exp
from jaxlab.arithmetic.double_double._elementary import expm1 as expm1
from jaxlab.arithmetic.double_double._elementary import log as log
from jaxlab.arithmetic.double_double._elementary import log1p as log1p
from jaxlab.arithmetic.double_double._elementary import logistic as logistic
from jaxlab.arithmetic.double_double._elementary import tanh as tanh
from jaxlab.arithmetic.double_double._pairs import DoubleDouble as DoubleDouble
from jaxlab.arithmetic.double_double._pairs import absolute as absolute
from jaxlab.arithmetic.double_double._pairs import add as add
from jaxlab.arithmetic.double_double._pairs import constant as constant
from jaxlab.arithmetic.double_double._pairs import divide as divide
from jaxlab.arithmetic.double_double._pairs import dot_general as dot_general
from jaxlab.arithmetic.double_double._pairs import equal as equal
from jaxlab.arithmetic.double_double._pairs import less as less
from jaxlab.arithmetic.double_double._pairs import lift as lift
from jaxlab.arithmetic.double_double._pairs import matmul as matmul
from jaxlab.arithmetic.double_double._pairs import multiply as multiply
from jaxlab.arithmetic.double_double._pairs import negative as negative
from jaxlab.arithmetic.double_double._pairs import scale as scale
from jaxlab.arithmetic.double_double._pairs import sqrt as sqrt
from jaxlab.arithmetic.double_double._pairs import subtract as subtract
from jaxlab.arithmetic.double_double._pairs import total as total
from jaxlab.arithmetic.double_double._pairs import two_prod as two_prod
from jaxlab.arithmetic.double_double._pairs import two_sum as two_sum
from jaxlab.arithmetic.double_double._pairs import where as where
from jaxlab.arithmetic.double_double._transform import in_double_double as in_double_double
