"""A program that the device refuses becomes data and hides nothing else."""

import numpy as np

from jaxlab.arithmetic.probe import Experiment, Unmeasured
from jaxlab.arithmetic.probe._experiments import run, verdicts


def refused(x):
    raise NotImplementedError("not on this device\nsecond line")


def doubled(x):
    return x + x


def test_the_others_are_measured_one_by_one():
    one = np.ones(3, np.float32)
    experiments = [
        Experiment("bad", refused, (one,), one, one, "lost"),
        Experiment("good", doubled, (one,), 2 * one, one, "lost"),
    ]
    assert verdicts(experiments, run) == {
        "bad": Unmeasured("NotImplementedError: not on this device"),
        "good": "ieee",
    }
