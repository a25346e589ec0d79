"""What the authors' runs gave: data of Kranz, Gallon, Dereich, Jentzen (arXiv 2505.09572).

Nothing here was computed by jaxlab. The numbers were read out of the vector figures of the public
repository (github.com/deeplearningmethods/sad, commit 8a73649): means over 20 runs of float32 SGD
of rate 1e-3, each step on 10,000 indices drawn with replacement from 10,000 points. What they call
gradient descent is this bootstrap. The losses are those of the step's batch, with the authors'
smoothing undone, to two digits.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

RATE = 1e-3
"""Learning rate: a step is this much time of the flow."""

RUNS = 20
"""Over which the authors average."""

NORM_STEPS = (10_000, 100_000, 200_000, 300_000, 400_000, 500_000)
"""Steps of :data:`NORM`."""

NORM: Mapping[tuple[str, str], tuple[float, ...]] = {
    ("1D", "swish"): (7.235, 7.714, 8.162, 8.445, 8.546, 8.578),
    ("1D", "softplus"): (6.985, 8.024, 8.662, 9.004, 9.125, 9.205),
    ("1D", "GELU"): (7.006, 7.600, 7.907, 7.979, 8.017, 8.045),
    ("1D", "ELU"): (6.758, 7.788, 8.006, 8.078, 8.118, 8.144),
    ("1D", "tanh"): (6.629, 7.797, 7.872, 7.901, 7.925, 7.947),
    ("2D", "swish"): (8.520, 9.734, 9.781, 9.828, 9.874, 9.918),
    ("2D", "softplus"): (8.202, 10.414, 10.741, 10.834, 10.900, 10.954),
    ("2D", "GELU"): (8.819, 9.329, 9.433, 9.521, 9.595, 9.658),
    ("2D", "ELU"): (8.305, 9.710, 9.841, 9.910, 9.958, 9.995),
    ("2D", "tanh"): (8.305, 9.453, 9.773, 9.931, 10.019, 10.074),
    ("4D", "swish"): (8.538, 9.083, 9.536, 10.321, 11.034, 11.424),
    ("4D", "softplus"): (8.120, 8.911, 9.075, 9.425, 9.697, 9.900),
    ("4D", "GELU"): (8.458, 8.987, 9.868, 10.405, 10.765, 11.020),
    ("4D", "ELU"): (8.361, 9.260, 10.563, 11.070, 11.390, 11.622),
    ("4D", "tanh"): (8.173, 9.814, 11.150, 11.786, 12.136, 12.362),
}
"""Mean Euclidean norm of the parameters."""

LOSS_STEPS = (100_000, 300_000, 500_000)
"""Steps of :data:`LOSS`."""

LOSS: Mapping[tuple[str, str], tuple[float, ...]] = {
    ("1D", "swish"): (1.8e-2, 1.1e-3, 2.1e-4),
    ("1D", "softplus"): (3.5e-2, 3.0e-3, 1.45e-3),
    ("1D", "GELU"): (7.8e-3, 3.9e-4, 1.9e-4),
    ("1D", "ELU"): (4.1e-3, 4.0e-4, 2.1e-4),
    ("1D", "tanh"): (1.0e-3, 3.4e-4, 2.1e-4),
    ("2D", "swish"): (1.1e-2, 5.1e-3, 3.7e-3),
    ("2D", "softplus"): (4.9e-2, 5.4e-3, 4.0e-3),
    ("2D", "GELU"): (9.0e-3, 4.0e-3, 2.7e-3),
    ("2D", "ELU"): (3.4e-3, 8.9e-4, 5.2e-4),
    ("2D", "tanh"): (8.8e-3, 1.4e-3, 6.4e-4),
    ("4D", "swish"): (1.7e-1, 9.0e-2, 3.0e-2),
    ("4D", "softplus"): (1.9e-1, 1.7e-1, 1.5e-1),
    ("4D", "GELU"): (1.5e-1, 3.4e-2, 1.4e-2),
    ("4D", "ELU"): (1.2e-1, 2.8e-2, 1.7e-2),
    ("4D", "tanh"): (1.0e-1, 1.6e-2, 8.3e-3),
}
"""Mean training loss."""


def smoothed(
    values: Float[np.ndarray, "*batch samples"], decay: float = 0.95
) -> Float[np.ndarray, "*batch samples"]:
    """The exponential moving average of the published loss curves, an overlay for pictures.

    The authors smooth one sample per 2000 steps, from the first value on. The filter alone falls
    by ``0.95**50 = 0.077`` in 100,000 steps: straight lines in their figures are mostly its own.

    Parameters
    ----------
    values
        Raw, equally spaced along the last axis.
    decay
        Weight of the past.

    Examples
    --------
    >>> smoothed(np.array([1.0, 0.0, 0.0]), 0.5).tolist()
    [1.0, 0.5, 0.25]
    """
    result = np.array(values, np.float64)
    for at in range(1, result.shape[-1]):
        result[..., at] = decay * result[..., at - 1] + (1 - decay) * result[..., at]
    return result
