"""The error microscope on a deep network: what a look costs, compilation included.

The microscope compiles a program in every call, so every contender of the cases "compiling" does.
``ratio`` is the time over that of the float32 gradient; in the cases "compiled", where gradients
are compiled beforehand, likewise. ``explained`` is the first-order sum of the errors over the
measured error, ``flipped`` the number of comparisons that the rounded run decided otherwise.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import checkify

from benchmarks.emulation import Data, loss, problem
from benchmarks.racing import Racer, race
from jaxlab.arithmetic import in_float64, rounded, shadow

FORMAT = "bfloat16"
ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}


def main(repeats: int = 3, dry: bool = False) -> dict:
    """Time looks at the gradient of a network of 12 layers of 128 units, 128 examples."""
    layers, width, batch, repeats = (1, 4, 4, 1) if dry else (12, 128, 128, repeats)
    data = jax.device_put(problem((width,) * (layers + 1), batch))
    rows = []
    for name in list(ACTIVATIONS)[: 1 if dry else None]:
        rows += _case(name, data, repeats)
    return {
        "title": f"Looking at a gradient: {layers} layers of {width}, batch {batch} "
        f"(best of {repeats}, compiled of {10 * repeats})",
        "rows": rows,
        "notes": [
            "gates of relu that flip change the gradient by jumps, which first order leaves out",
            "checkify only asks whether a NaN is born; CHEF-FP, Verificarlo and CADNA attribute "
            "errors as the microscope does, for C and C++: no peer sees a JAX program",
        ],
    }


def _case(name: str, data: Data, repeats: int) -> list[dict[str, Any]]:
    def gradient(*data):
        return jax.grad(loss)(*data, ACTIVATIONS[name])

    contenders = {
        "float32 gradient": gradient,
        "float64 gradient (in_float64)": in_float64(gradient),
        "bfloat16 gradient (rounded)": rounded(gradient, FORMAT),
        "checkify, float_checks": checkify.checkify(gradient, checkify.float_checks),
    }
    look = shadow(gradient, FORMAT)
    compiled = [(who, lambda f=f: _once(f, data)) for who, f in contenders.items()]
    compiling = [(who, lambda f=f: _anew(f, data)) for who, f in contenders.items()]
    microscope = ("microscope (shadow)", lambda: Racer(lambda: look(*data), _facts))
    return [
        *race(f"{name}, compiled", compiled, 10 * repeats),
        *race(f"{name}, compiling", [*compiling, microscope], repeats),
    ]


def _once(f: Callable, data: Data) -> Racer:
    compiled = jax.jit(f)
    return Racer(lambda: compiled(*data))


def _anew(f: Callable, data: Data) -> Racer:
    return Racer(lambda: jax.jit(lambda *arguments: f(*arguments))(*data))


def _facts(result: Any) -> dict[str, Any]:
    _, trace = result
    return {
        "operations": len(trace.rows),
        "explained": trace.explained / trace.measured,
        "flipped": int(sum(row.total("flipped") for row in trace.rows)),
    }


if __name__ == "__main__":
    print(main())
