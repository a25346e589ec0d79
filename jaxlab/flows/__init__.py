"""The limit of small steps: gradient flows and what is known exactly along them."""

from jaxlab.flows import closed_forms as closed_forms
from jaxlab.flows import invariants as invariants
from jaxlab.flows import quadrature as quadrature
from jaxlab.flows import relu_risk as relu_risk
from jaxlab.flows import smooth_relu as smooth_relu
from jaxlab.flows import spectrum as spectrum
from jaxlab.flows import verdicts as verdicts
from jaxlab.flows import zigzag as zigzag
from jaxlab.flows.integration import Flow as Flow
from jaxlab.flows.integration import explicit as explicit
from jaxlab.flows.integration import implicit as implicit
from jaxlab.flows.integration import integrate as integrate
from jaxlab.flows.integration import log_times as log_times
