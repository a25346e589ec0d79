"""Pictures of restarts: rates, iterations, ``lam``, ``delta``, and the worst perturbations."""

import math

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jaxlab.studies._drawing import legend_below, panels, plain
from jaxlab.studies._study import Figure
from jaxlab.studies.stability import restarts
from jaxlab.studies.stability.problems import LAM

_MARKS = "osD^vPX<>"
TITLES = {
    "tiny": "64 coefficients, Fourier",
    "fourier": "phantom, Fourier",
    "walsh": "phantom, Walsh",
}


def draw_paths(dataset: xr.Dataset, problem: str, ax: Axes) -> None:
    """Error against restarts for every number of iterations, with the line of the rate."""
    table = dataset.restart_error.sel(restart_problem=problem, restart_lam=LAM)
    tints = plt.get_cmap("viridis")(np.linspace(0.0, 0.85, table.sizes["restart_iterations"]))
    for tint, p in zip(tints, table.restart_iterations.values, strict=True):
        path = table.sel(restart_iterations=p)
        ax.plot(path.restart, path, color=tint, marker=".", lw=1.2, label=f"p = {p}")
    k = dataset.restart.values
    ax.plot(k, 0.5 * math.exp(-1.0) ** (k - 1), "k--", lw=1, label="rate 1/e")
    ax.set(yscale="log", ylim=(1e-13, 3), title=TITLES[problem], xlabel="restarts")


def draw_factors(dataset: xr.Dataset, ax: Axes) -> None:
    """Error against restarts for every ``nu`` and problem, with the lines of the rates."""
    k = dataset.restart.values
    problems = list(map(str, dataset.restart_problem.values))
    middle = dataset.restart_error.sel(restart_iterations=restarts.ITERATIONS, restart_lam=LAM)
    factors = [*map(float, dataset.restart_nu.values), math.exp(-1)]
    tints = plt.get_cmap("viridis")(np.linspace(0.0, 0.85, len(factors)))
    for tint, nu in zip(tints, sorted(factors), strict=True):
        known = nu in dataset.restart_nu
        table = dataset.restart_nu_error.sel(restart_nu=nu) if known else middle
        for mark, problem in zip(_MARKS, problems, strict=False):
            path = table.sel(restart_problem=problem)
            ax.plot(k, path, ls="", marker=mark, ms=3.5, mfc="none", color=tint)
        start = float(table.sel(restart_problem=problems[-1], restart=5))
        label = f"nu = {nu:.3g}" if known else "nu = 1/e"
        ax.plot(k, start * nu ** (k - 5.0), color=tint, lw=1, label=label)
    ax.set(yscale="log", ylim=(1e-16, 3), title="the rate is nu (p = 40)", xlabel="restarts")
    marks = [
        Line2D([], [], color="0.4", ls="", marker=mark, mfc="none", label=problem)
        for mark, problem in zip(_MARKS, problems, strict=False)
    ]
    handles, _ = ax.get_legend_handles_labels()
    ax.legend(handles=[*handles, *marks], fontsize=8)


def rates(dataset: xr.Dataset) -> Figure:
    """One panel per problem, and one for all factors."""
    problems = list(map(str, dataset.restart_problem.values))
    figure, (axes,) = panels(len(problems) + 1, width=3.5, height=3.6)
    for ax, problem in zip(axes, problems, strict=False):
        draw_paths(dataset, problem, ax)
    axes[0].set_ylabel("relative error")
    draw_factors(dataset, axes[-1])
    figure.suptitle(
        "With iterations enough per restart the error falls by nu per restart", x=0.01, ha="left"
    )
    legend_below(figure, axes[0], ncols=len(dataset.restart_iterations) + 1)
    return Figure(
        "restarts",
        "Relative error of FIRENETs in float64, lam = 0.01, noiseless data of sparse coefficients. "
        "Left: nu = 1/e and p iterations per restart; too few stall. Right: p = 40, symbols "
        "measured, lines of slope nu through restart 5.",
        figure,
    )


def draw_linear(dataset: xr.Dataset, ax: Axes) -> None:
    """Error against ``delta`` and against noise, every line of slope one."""
    for problem in map(str, dataset.constant_problem.values):
        error = dataset.constant_delta_error.sel(constant_problem=problem)
        ratio = float((error / error.constant_delta).median())
        (line,) = ax.plot(error.constant_delta, error, "o", mfc="none", ms=4)
        x = np.array([1e-7, 1e-1])
        ax.plot(x, ratio * x, color=line.get_color(), lw=1, label=f"{problem}: {ratio:.3g} delta")
        noisy = dataset.constant_noise_error.sel(constant_problem=problem)
        for mark, direction in zip("^v", map(str, noisy.constant_direction.values), strict=True):
            values = noisy.sel(constant_direction=direction)
            ratio = float((values / values.constant_noise).median())
            ax.plot(
                values.constant_noise,
                values,
                mark,
                ls=":",
                lw=1,
                color=line.get_color(),
                label=f"{problem}: {ratio:.3g} ||e||, {direction}",
            )
    ax.set(xscale="log", yscale="log", xlabel="delta, or size of the noise e", ylabel="error")
    ax.set_title("errors are proportional to delta and noise")
    ax.legend(fontsize=7.5)


def draw_limit(dataset: xr.Dataset, ax: Axes) -> None:
    """Error against ``lam / lam_max``."""
    errors = dataset.constant_ratio_error
    ax.plot(errors.constant_ratio, errors, "ko-", mfc="w")
    ax.axvline(1, color="#a6324b", lw=1)
    least = float(dataset.constant_least.sel(constant_problem="tiny"))
    ax.axhline(least, color="0.5", lw=1, ls="--", label="smallest coefficient")
    ax.set(xscale="log", yscale="log", ylim=(1e-11, 100), xlabel="lam / lam_max", ylabel="error")
    ax.set_title("lam_max is sharp")
    plain(ax.xaxis)
    ax.set_xticks([0.5, 1, 2, 5, 10])
    ax.minorticks_off()
    ax.legend(fontsize=8, loc="center right")


def draw_quotients(dataset: xr.Dataset, ax: Axes) -> None:
    """Quotients found by ascent against their radius, with ``1 / sigma_min``."""
    tints = ("#0072b2", "#d55e00")
    for name, stroke in zip(map(str, dataset.constant_searched.values), ("-", "--"), strict=False):
        limit = float(dataset.constant_stability.sel(constant_problem=name))
        ax.axhline(limit, color="k", lw=1, ls=stroke, label=f"1/sigma_min(A_S), {name}")
        for tint, space in zip(tints, map(str, dataset.constant_space.values), strict=True):
            found = dataset.constant_quotient.sel(constant_searched=name, constant_space=space)
            ax.plot(
                found.constant_radius,
                found,
                color=tint,
                marker="o",
                ls=stroke,
                label=f"ascent, {space}, {name}",
            )
    top = float(dataset.constant_quotient.max())
    ax.set(xscale="log", ylim=(0, 1.6 * top), xlabel="size of the perturbation")
    ax.set_ylabel("change of the result / size")
    ax.set_title("1/sigma_min bounds one space only")
    ax.legend(fontsize=8)


def constants(dataset: xr.Dataset) -> Figure:
    """What the error is proportional to, up to which ``lam``, and the worst perturbations."""
    figure, (axes,) = panels(3, width=4.0, height=3.9)
    draw_linear(dataset, axes[0])
    draw_limit(dataset, axes[1])
    draw_quotients(dataset, axes[2])
    figure.suptitle("Three constants of stability, predicted and measured", x=0.01, ha="left")
    return Figure(
        "constants",
        "Absolute errors of FIRENETs in float64 after 28 restarts. Left: noiseless data and delta, "
        "or delta = 0 and noise e, along the worst left singular vector of A_S or random. Middle: "
        "the problem of 64 coefficients, p = 1000. Right: largest quotients that ascent finds for "
        "perturbations of the measurements; the bound holds in the range of A_S and is exceeded "
        "outside.",
        figure,
    )


PICTURES = ((rates, ()), (constants, ()))
"""Each with the integer variables it cannot do without."""
