"""Linear regions of ReLU networks: activation patterns and exact counts along lines."""

from jaxlab.regions import bounds as bounds
from jaxlab.regions import line as line
from jaxlab.regions import patterns as patterns
