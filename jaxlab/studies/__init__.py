"""The published claims: each study is ``Config -> Dataset -> claims and figures``."""

from collections.abc import Mapping

from jaxlab.studies import barrier as barrier
from jaxlab.studies import collapse as collapse
from jaxlab.studies import divergence as divergence
from jaxlab.studies import flow as flow
from jaxlab.studies import pieces as pieces
from jaxlab.studies import stability as stability
from jaxlab.studies._study import Cell as Cell
from jaxlab.studies._study import Claim as Claim
from jaxlab.studies._study import Figure as Figure
from jaxlab.studies._study import Study as Study
from jaxlab.studies._study import run as run

REGISTRY: Mapping[str, Study] = {
    study.name: study
    for study in (
        pieces.STUDY,
        collapse.STUDY,
        divergence.STUDY,
        barrier.STUDY,
        stability.STUDY,
        flow.STUDY,
    )
}
"""Every study by name."""
