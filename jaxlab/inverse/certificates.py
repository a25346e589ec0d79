"""What can be proved about recovering one sparse vector: exactly, and how stably."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxlab.inverse.operators import Operator


class Certificate(NamedTuple):
    """Constants of the square-root LASSO at a sparse vector.

    Attributes
    ----------
    support
        Flat indices of the nonzero coefficients.
    least_singular_value
        ``sigma_min(A_S)`` of the columns of the support.
    stability
        ``1 / sigma_min(A_S)``: measurements wrong by a small ``e`` in the range of ``A_S`` move the
        minimiser by ``pinv(A_S) e``, that is by at most this times ``||e||``. Other ``e`` may move
        it further, off the support: see :meth:`bound`.
    worst_measurement
        The unit vector ``e`` that attains it, of the shape of the measurements.
    lam_max
        ``1 / ||v||`` with ``v = pinv(A_S^H) (w_S sign z_S)``: up to this ``lam`` the vector is a
        minimiser from its noiseless measurements, if ``off_support <= 1``, and the only one if it
        is below 1.
    off_support
        ``max |A^H v|_i / w_i`` off the support.
    least_weight
        The smallest weight off the support.
    """

    support: np.ndarray
    least_singular_value: float
    stability: float
    worst_measurement: np.ndarray
    lam_max: float
    off_support: float
    least_weight: float

    @property
    def exact(self) -> bool:
        """Whether ``z`` is certified as the only minimiser for every ``lam <= lam_max``."""
        return self.least_singular_value > 0 and self.off_support < 1

    def bound(self, lam: float, norm: float = 1.0) -> float:
        """What the distance of a minimiser from ``z`` can be at most, over ``||y - A z||``.

        For measurements wrong by any ``e``, large or small. From ``F(minimiser) <= F(z)`` and the
        dual vector, with ``t = lam / lam_max``, ``g = off_support`` and ``s = sigma_min(A_S)``:
        ``1 / s + (1 + t) max(1 / (s (1 - t)), (1 + norm / s) / (lam (1 - g) least_weight))``. It is
        not sharp.

        Parameters
        ----------
        lam
            Of the square-root LASSO, positive.
        norm
            At least ``||A||``.

        Returns
        -------
        The bound; infinite unless ``z`` is certified and ``lam < lam_max``.
        """
        share = lam / self.lam_max
        if not (self.exact and share < 1):
            return float("inf")
        off = lam * (1 - self.off_support) * self.least_weight
        spread = max(self.stability / (1 - share), (1 + norm * self.stability) / off)
        return self.stability + (1 + share) * spread


def certify(operator: Operator, z: Any, weights: Any = 1.0) -> Certificate:
    """Certify that the square-root LASSO recovers a vector, and with which stability constant.

    A dual vector: for ``y = A z`` and ``lam ||v|| <= 1``, ``q = -lam v`` lies in the dual ball and
    ``-A^H q`` is a subgradient of ``lam ||.||_(1,w)`` at ``z``. This runs on the host and computes
    every column of the support; it is meant for at most some thousands.

    Parameters
    ----------
    operator
        ``A``, from coefficients to measurements.
    z
        The coefficients; those that are not zero are the support. The columns are computed in
        their dtype, all that follows in float64.
    weights
        Positive, a scalar or of the shape of ``z``.

    Raises
    ------
    ValueError
        If ``z`` is zero.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.inverse import operators
    >>> a = jnp.array([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    >>> found = certify(operators.matrix(a), jnp.array([1.0, -1.0, 0.0]))
    >>> found.stability, round(found.lam_max, 4), found.off_support, found.exact
    (1.0, 0.8944, 0.5, True)
    """
    z = np.asarray(z)
    support = np.flatnonzero(z)
    if not support.size:
        raise ValueError("z: got 0, expected a vector with a coefficient that is not zero")
    wide = np.complex128 if np.iscomplexobj(z) else np.float64
    weight = np.broadcast_to(np.asarray(weights, np.float64), z.shape).ravel()
    values = z.ravel()[support].astype(wide)
    with jax.enable_x64(True):
        own = z.dtype if jnp.issubdtype(z.dtype, jnp.inexact) else wide
        unit = jnp.zeros(z.size, own)

        def column(place):
            return operator.forward(unit.at[place].set(1).reshape(z.shape))

        rows = np.asarray(
            jax.jit(lambda places: jax.lax.map(column, places, batch_size=64))(support)
        )
        columns = rows.reshape(support.size, -1).T.astype(
            wide if rows.dtype.kind == "f" else complex
        )
        left, singular, right = np.linalg.svd(columns, full_matrices=False)
        sign = weight[support] * values / np.abs(values)
        dual = left @ ((right @ sign) / singular)
        back = operator.adjoint(jnp.asarray(dual.reshape(rows.shape[1:]).astype(rows.dtype)))
    others = np.delete(weight, support)
    off = np.delete(np.abs(np.asarray(back)).ravel(), support) / others
    return Certificate(
        support,
        float(singular[-1]),
        float(1 / singular[-1]),
        left[:, -1].reshape(rows.shape[1:]),
        float(1 / np.linalg.norm(dual)),
        float(off.max(initial=0.0)),
        float(others.min(initial=np.inf)),
    )
