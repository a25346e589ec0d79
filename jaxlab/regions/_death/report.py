"""Death during training, read off a stack of checkpoints."""

from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int32

if TYPE_CHECKING:
    from jaxlab.regions.death import Death


class Report(NamedTuple):
    """When and where one network died.

    Attributes
    ----------
    checkpoint
        The checkpoint from which on it is dead at every one; -1 if it is alive at the last.
    layer
        The first dead hidden layer at that checkpoint, -1 likewise.
    revivals
        How many times it was dead at a checkpoint and alive at the next: those deaths did not last.
    """

    checkpoint: Int32[Array, ""]
    layer: Int32[Array, ""]
    revivals: Int32[Array, ""]


def report(deaths: "Death") -> Report:
    """When a network died, from a test of each of its checkpoints.

    Parameters
    ----------
    deaths
        Result of a test vmapped over checkpoints: leading axis ``(checkpoints,)``. Under ``vmap``
        over networks too, one report each. Born dead is ``checkpoint == 0`` if the first checkpoint
        is the initialisation.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.regions.death import Death
    >>> layers = jnp.array([-1, 1, -1, 2, 0], jnp.int32)
    >>> found = report(Death(layers, (), (), jnp.zeros(5, bool)))
    >>> int(found.checkpoint), int(found.layer), int(found.revivals)
    (3, 2, 1)
    """
    dead = deaths.layer >= 0
    step = lax.iota(jnp.int32, dead.size)
    born = 1 + jnp.where(dead, -1, step).max()  # after the last checkpoint at which it is alive
    died = born < dead.size
    at = jnp.minimum(born, dead.size - 1)
    return Report(
        jnp.where(died, at, -1),
        jnp.where(died, deaths.layer[at], -1),
        (dead[:-1] & ~dead[1:]).sum(dtype=jnp.int32),
    )


def permanent(death: "Death") -> tuple[Bool[Array, " _"], ...]:
    """Which inactive neurons can never come back; the other inactive ones are tentatively dead.

    The test must have been made on the data that training uses, or on a domain that holds it. Let
    ``relu'(0) = 0``, and let an update change a parameter only if its gradient is, or was, nonzero:
    gradient descent, full or in batches, without weight decay or noise; methods with momentum
    (Adam too) once the moments of these parameters are zero, for until then they drift on.

    * An inactive neuron passes no gradient back, so its own weights and bias do not change, and in
      the first hidden layer its inputs are the data: it stays inactive.
    * If hidden layer ``k`` is dead, the gradients of all parameters up to it are zero, so all
      inactive neurons up to layer ``k`` stay inactive, and so the network stays constant on the
      data. After it biases may still move, and with them those neurons' states.

    Any other inactive neuron may come back, as the layers before it move. These two conditions are
    sufficient, not necessary. The words are those of Shin and Karniadakis, the definition is here.

    References
    ----------
    Lu, Shin, Su, Karniadakis, arXiv 1903.06733. Shin, Karniadakis, arXiv 1907.09696.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from jaxlab.regions.death import Death
    >>> off = (jnp.array([True, False]), jnp.array([True, False]))
    >>> first, second = permanent(Death(jnp.int32(-1), off, off, jnp.bool_(False)))
    >>> first.tolist(), second.tolist()
    ([True, False], [False, False])
    """
    return tuple(
        inactive & ((death.layer >= depth) if depth else jnp.bool_(True))
        for depth, inactive in enumerate(death.inactive)
    )
