"""What a number is: formats and exact rounding."""

from jaxlab.arithmetic.formats import NAMED as NAMED
from jaxlab.arithmetic.formats import Format as Format
from jaxlab.arithmetic.formats import as_format as as_format
from jaxlab.arithmetic.formats import bfloat16 as bfloat16
from jaxlab.arithmetic.formats import float4_e2m1fn as float4_e2m1fn
from jaxlab.arithmetic.formats import float6_e2m3fn as float6_e2m3fn
from jaxlab.arithmetic.formats import float6_e3m2fn as float6_e3m2fn
from jaxlab.arithmetic.formats import float8_e3m4 as float8_e3m4
from jaxlab.arithmetic.formats import float8_e4m3 as float8_e4m3
from jaxlab.arithmetic.formats import float8_e4m3b11fnuz as float8_e4m3b11fnuz
from jaxlab.arithmetic.formats import float8_e4m3fn as float8_e4m3fn
from jaxlab.arithmetic.formats import float8_e4m3fnuz as float8_e4m3fnuz
from jaxlab.arithmetic.formats import float8_e5m2 as float8_e5m2
from jaxlab.arithmetic.formats import float8_e5m2fnuz as float8_e5m2fnuz
from jaxlab.arithmetic.formats import float8_e8m0fnu as float8_e8m0fnu
from jaxlab.arithmetic.formats import float16 as float16
from jaxlab.arithmetic.formats import float32 as float32
from jaxlab.arithmetic.formats import float64 as float64
from jaxlab.arithmetic.formats import tensorfloat32 as tensorfloat32
from jaxlab.arithmetic.rounding import Rounding as Rounding
from jaxlab.arithmetic.rounding import round_to as round_to
