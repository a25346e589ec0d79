"""The limit of small steps: gradient flows and what is known exactly along them."""

from jaxlab.flows import relu_risk as relu_risk
from jaxlab.flows import zigzag as zigzag
