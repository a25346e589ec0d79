"""What a ReLU network looks like: exact regions on lines, planes and in n dimensions."""

from jaxlab.regions import bounds as bounds
from jaxlab.regions import cells as cells
from jaxlab.regions import certificates as certificates
from jaxlab.regions import death as death
from jaxlab.regions import decision as decision
from jaxlab.regions import density as density
from jaxlab.regions import distance as distance
from jaxlab.regions import function as function
from jaxlab.regions import laws as laws
from jaxlab.regions import line as line
from jaxlab.regions import patterns as patterns
from jaxlab.regions import pictures as pictures
from jaxlab.regions import plane as plane
