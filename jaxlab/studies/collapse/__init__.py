"""Study `collapse`, its mathematics so far: laws, published targets and initialisations.

Deep narrow ReLU networks are born dead, and it takes many random starts to find one that is not
(Cheridito, Jentzen, Rossmannek, arXiv 2006.07075; Lu, Shin, Su, Karniadakis, arXiv 1903.06733).
Death itself is tested by :mod:`jaxlab.regions.death`.
"""

from jaxlab.studies.collapse import best_of as best_of
from jaxlab.studies.collapse import inactivity as inactivity
from jaxlab.studies.collapse import initialisation as initialisation
from jaxlab.studies.collapse import laws as laws
from jaxlab.studies.collapse import targets as targets
