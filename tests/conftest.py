"""Policy for every test: strict promotion, no rank promotion, x64 off unless a test asks for it."""

import os
import pathlib

import jax
import matplotlib as mpl
import pytest

mpl.use("Agg")


@pytest.fixture(autouse=True, scope="session")
def strict_jax():
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(params=[False, True], ids=["x32", "x64"])
def x64_both(request):
    """Run the test once with x64 off and once with x64 on."""
    with jax.enable_x64(request.param):
        yield request.param


@pytest.fixture
def x64():
    """Run the test with 64-bit types enabled."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True, scope="module")
def bounded_memory():
    """Forget compiled programs between files once they fill the memory of a small machine."""
    yield
    pages = pathlib.Path("/proc/self/statm")
    if pages.exists() and int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") > 3e9:
        jax.clear_caches()
