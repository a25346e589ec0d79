"""What this device and compiler really do: Kahan's paranoia for accelerators, and strict mode."""

from jaxlab.arithmetic.probe._accumulators import Accumulator as Accumulator
from jaxlab.arithmetic.probe._accumulators import accumulator as accumulator
from jaxlab.arithmetic.probe._dots import Algorithm as Algorithm
from jaxlab.arithmetic.probe._experiments import Experiment as Experiment
from jaxlab.arithmetic.probe._experiments import Unmeasured as Unmeasured
from jaxlab.arithmetic.probe._operations import operations as operations
from jaxlab.arithmetic.probe._probe import Probe as Probe
from jaxlab.arithmetic.probe._probe import as_json as as_json
from jaxlab.arithmetic.probe._probe import fingerprint as fingerprint
from jaxlab.arithmetic.probe._probe import probe as probe
from jaxlab.arithmetic.probe._subnormals import subnormals as subnormals
from jaxlab.arithmetic.probe._summation import Order as Order
from jaxlab.arithmetic.probe._summation import Tree as Tree
from jaxlab.arithmetic.probe._summation import order_of as order_of
from jaxlab.arithmetic.probe._summation import summation_tree as summation_tree
from jaxlab.arithmetic.probe._text import deviations as deviations
from jaxlab.arithmetic.probe._text import format_probe as format_probe
from jaxlab.arithmetic.probe.strict import is_strict as is_strict
from jaxlab.arithmetic.probe.strict import strict_compiler_options as strict_compiler_options
from jaxlab.arithmetic.probe.strict import strict_flags as strict_flags
