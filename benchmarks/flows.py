"""Gradient flows to late times: jaxlab beside SciPy, torchdiffeq, diffrax's default and descent.

Every solver gets the loosest tolerance (a power of ten, ``atol = rtol / 100``) with which the end
is within ``GOAL`` of what SciPy's DOP853 or Radau find at a thousandth of it; ``error`` is what
came out. All use the same compiled gradient, the implicit ones of SciPy the compiled Hessian too.
jaxlab's time includes the energy integral. Tuning and compilation are not timed, the latter is
``compile_s``. A row's ``ratio_to_jaxlab`` is its time over the first row's: above 1, jaxlab is
faster. Gradient descent has no tolerance: its error is that of the largest stable rate.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import scipy.integrate
from jax.flatten_util import ravel_pytree

from benchmarks.racing import Contender, Racer, race
from jaxlab.flows import explicit, implicit, integrate, quadrature, relu_risk
from jaxlab.networks import initialise, initialisers, mlp
from jaxlab.studies.divergence import problems

GOAL = 1e-4
"""Distance from the reference at the end, relative to its norm."""
LADDER = 10.0 ** -np.arange(2, 11)
MOST = 2**15
"""Steps after which a solver has failed; of gradient descent 2**22, further ones extrapolated."""
POLYNOMIAL = (5.0, 0.0, -2.0, 3.0, 0.0, 2.0, 0.0, 0.0, -2.0, 0.0, 1.0)
"""The target in one dimension of arXiv 2505.09572, ascending powers."""


class Case(NamedTuple):
    """A flow to one time; parameters are one vector."""

    name: str
    loss: Callable[[jax.Array], jax.Array]
    start: np.ndarray
    stop: float
    reference: np.ndarray
    force: Callable[[jax.Array], jax.Array]
    jacobian: Callable[[jax.Array], jax.Array]


class Solver(NamedTuple):
    """``rtol -> (end, accepted steps)``, and how long its compilation took."""

    solve: Callable[[float], tuple[np.ndarray, int]]
    compile_s: float = 0.0


def main(flows: int = 1000, repeats: int = 3, dry: bool = False) -> dict:
    """Time every solver on every problem, and ``flows`` ReLU flows at once; ``dry`` is tiny."""
    ratio = "ratio_to_jaxlab"
    with jax.enable_x64(True):
        if dry:
            case = prepare(*small_problems()[0], 10.0)
            rows = race(case.name, contenders(case)[::3], 1, ratio)
            rows += race("2 ReLU flows, H=4, t=1", relu(2, 1.0)[:1], 1, ratio)
        else:
            rows = []
            for name, loss, params in small_problems():
                for stop in (500.0, 1e8):
                    case = prepare(name, loss, params, stop)
                    rows += race(case.name, contenders(case), repeats, ratio)
            case = prepare("1-10-20-10-1 GELU", *paper(), 500.0)
            rows += race(case.name, contenders(case), 1, ratio)
            rows += race(f"{flows} ReLU flows, H=4, t=1e4", relu(flows, 1e4), 1, ratio)
    return {
        "title": f"Gradient flows, float64, error at most {GOAL:g} (best of {repeats})",
        "rows": rows,
        "notes": [
            f"An explicit solver that needs more than {MOST} steps is not waited for: the walls of "
            "the valley bound its steps by 2 to 7 over the largest curvature.",
            "steps: accepted ones; of torchdiffeq evaluations over six.",
        ],
    }


def small_problems() -> list[tuple[str, Callable, Any]]:
    """Two flows that run to infinity, for the target x^2."""
    flat = 0.8 * np.random.default_rng(0).normal(size=7)
    shallow = relu_risk.Shallow(*(jnp.asarray(p) for p in (*flat[:6].reshape(3, 2), flat[6])))
    return [
        ("pair", problems.pair_risk, problems.Pair(jnp.ones(()), jnp.ones(()))),
        ("softplus H=2", lambda p: problems.shallow_risk(p, jax.nn.softplus), shallow),
    ]


def paper() -> tuple[Callable, Any]:
    """The network of arXiv 2505.09572, and its risk by Gauss's rule."""
    rule = quadrature.box((-1.0,), (1.0,), 32)
    rule = rule._replace(weights=rule.weights / 2)

    def loss(params):
        def target(x):
            return jnp.polyval(jnp.asarray(POLYNOMIAL[::-1]), x)

        def network(params, x):
            return mlp.apply(params, x, lambda h: jax.nn.gelu(h, approximate=False))

        return quadrature.risk(params, network, target, rule)

    widths = (1, 10, 20, 10, 1)
    return loss, initialise(jax.random.key(0), widths, initialisers.xavier(), "float64")


def prepare(name: str, loss: Callable, params: Any, stop: float) -> Case:
    """Compile what all solvers share, and find the end by an oracle."""
    flat, unravel = ravel_pytree(params)

    def value(vector):
        return loss(unravel(vector))

    force = jax.jit(lambda y: -jax.grad(value)(y))
    jacobian = jax.jit(lambda y: -jax.hessian(value)(y))
    jax.block_until_ready((force(flat), jacobian(flat)))
    case = Case(
        f"{name} t={stop:g}", value, np.asarray(flat), stop, np.asarray(flat), force, jacobian
    )
    oracle = scipy_solver(case, "DOP853" if stop <= 500 else "Radau")
    return case._replace(reference=oracle.solve(1e-3 * GOAL)[0])


def contenders(case: Case) -> list[Contender]:
    """Solvers of one equation at a tolerance of their own; and descent, which has none."""
    solvers = {
        "jaxlab implicit": lambda: jaxlab_solver(case, implicit()),
        "jaxlab explicit": lambda: jaxlab_solver(case, explicit()),
        "diffrax Kvaerno5, VeryChord": lambda: jaxlab_solver(case, diffrax.Kvaerno5()),
        "SciPy Radau": lambda: scipy_solver(case, "Radau"),
        "SciPy BDF": lambda: scipy_solver(case, "BDF"),
        "SciPy LSODA": lambda: scipy_solver(case, "LSODA"),
        "torchdiffeq dopri5": lambda: torchdiffeq_solver(case),
    }
    tuned = [(name, lambda make=make: tune(case, make())) for name, make in solvers.items()]
    return [*tuned, ("gradient descent, rate 2/curvature", lambda: descent(case))]


def tune(case: Case, solver: Solver) -> Racer:
    """The solver at the loosest tolerance that reaches the goal."""

    def check(rtol: float) -> dict[str, Any]:
        end, steps = solver.solve(rtol)
        return {"steps": steps, "rtol": rtol, "error": distance(case, end)}

    found = next((facts for facts in map(check, LADDER.tolist()) if facts["error"] <= GOAL), None)
    if found is None:
        raise ArithmeticError(f"not within {GOAL:g} at any tolerance")
    facts = {"compile_s": solver.compile_s, **found}
    return Racer(lambda: solver.solve(found["rtol"]), lambda _: facts)


def distance(case: Case, end: np.ndarray) -> float:
    """From the reference, relative to it."""
    return float(np.linalg.norm(end - case.reference) / np.linalg.norm(case.reference))


def jaxlab_solver(case: Case, method: diffrax.AbstractSolver) -> Solver:
    """``jaxlab.flows.integrate``, compiled for every tolerance at once."""
    times = np.array([0.0, case.stop])

    def run(start, rtol):
        flow = integrate(
            case.loss, start, times, rtol=rtol, atol=rtol / 100, solver=method, max_steps=MOST
        )
        return flow.params[-1], flow.accepted, flow.status

    before = time.perf_counter()
    compiled = jax.jit(run).lower(case.start, 1e-3).compile()
    seconds = time.perf_counter() - before

    def solve(rtol: float) -> tuple[np.ndarray, int]:
        end, accepted, status = compiled(case.start, rtol)
        if status:
            raise ArithmeticError(f"gave up after {int(accepted)} steps at rtol {rtol:.0e}")
        return np.asarray(end), int(accepted)

    return Solver(solve, seconds)


def scipy_solver(case: Case, method: str) -> Solver:
    """``scipy.integrate.solve_ivp``."""
    curved = {} if method == "DOP853" else {"jac": lambda _, y: np.asarray(case.jacobian(y))}

    def solve(rtol: float) -> tuple[np.ndarray, int]:
        solution = scipy.integrate.solve_ivp(
            lambda _, y: np.asarray(case.force(y)),
            (0.0, case.stop),
            case.start,
            method,
            rtol=rtol,
            atol=rtol / 100,
            **curved,
        )
        if not solution.success:
            raise ArithmeticError(solution.message)
        return solution.y[:, -1], len(solution.t) - 1

    return Solver(solve)


def torchdiffeq_solver(case: Case) -> Solver:
    """``torchdiffeq.odeint`` with the gradient that the others use."""
    import torch
    from torchdiffeq import odeint

    start = torch.tensor(case.start)
    times = torch.tensor([0.0, case.stop], dtype=torch.float64)

    def solve(rtol: float) -> tuple[np.ndarray, int]:
        calls = 0

        def force(_, y):
            nonlocal calls
            calls += 1
            if calls > 6 * MOST:
                raise ArithmeticError(f"gave up after {MOST} steps at rtol {rtol:.0e}")
            return torch.tensor(np.asarray(case.force(y.numpy())))

        ends = odeint(force, start, times, rtol=rtol, atol=rtol / 100, method="dopri5")
        return ends[-1].numpy(), calls // 6

    return Solver(solve)


def descent(case: Case) -> Racer:
    """Gradient descent at the edge of stability: 2 over the largest curvature at both ends."""
    ends = (case.start, case.reference)
    largest = max(-np.linalg.eigvalsh(case.jacobian(end))[0] for end in ends)
    steps = int(np.ceil(case.stop * largest / 2))
    made = min(steps, 2**22)

    def run(start):
        rate = case.stop / steps
        return jax.lax.fori_loop(0, made, lambda _, y: y + rate * case.force(y), start)

    before = time.perf_counter()
    compiled = jax.jit(run).lower(case.start).compile()
    facts: dict[str, Any] = {"compile_s": time.perf_counter() - before, "steps": steps}

    def check(end) -> dict[str, Any]:
        return facts | ({"error": distance(case, end)} if made == steps else {})

    return Racer(lambda: compiled(case.start), check, share=made / steps)


def relu(flows: int, stop: float) -> list[Contender]:
    """Ways to follow many ReLU flows: all in one program, or one call after another."""
    rng = np.random.default_rng(0)
    shapes = [(flows, 4)] * 3 + [(flows,)]
    starts = relu_risk.Shallow(*(jnp.asarray(rng.normal(size=shape)) for shape in shapes))
    problem, times = relu_risk.affine(1.0, 0.0), np.array([0.0, stop])

    def one(params):
        flow = integrate(lambda p: relu_risk.risk(p, problem), params, times, rtol=1e-6, atol=1e-8)
        return flow.loss[-1], flow.status

    single = jax.jit(one)
    few = min(flows, 100)
    singles = [jax.tree.map(lambda leaf, i=i: leaf[i], starts) for i in range(few)]

    def together(size: int | None) -> Racer:
        run = jax.jit(lambda p: jax.lax.map(one, p, batch_size=size))
        return Racer(lambda: run(starts), ended)

    loop = Racer(lambda: [single(params) for params in singles], share=few / flows)
    return [
        ("lax.map, one by one in one program", lambda: together(None)),
        ("lax.map, 16 at a time", lambda: together(16)),
        ("lax.map, 128 at a time", lambda: together(128)),
        (f"a call for each ({few} run, extrapolated)", lambda: loop),
    ]


def ended(result: tuple[jax.Array, jax.Array]) -> dict[str, Any]:
    """How many flows reached the end, and how many of those have learned the target."""
    loss, status = result
    return {"reached": int(jnp.sum(status == 0)), "below 1e-6": int(jnp.sum(loss < 1e-6))}


if __name__ == "__main__":
    for line in main()["rows"]:
        print(line)
