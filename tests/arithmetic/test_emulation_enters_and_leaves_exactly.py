"""Every 16-bit number, subnormals too, survives the way into a carrier and back."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxlab.arithmetic.emulation import enter, leave
from tests.arithmetic import oracle

PATTERNS = np.arange(2**16, dtype=np.uint16)


def float32_numbers():
    rng = np.random.default_rng(0)
    subnormals = rng.integers(0, 2**23, 40_000, dtype=np.uint32)
    anywhere = rng.integers(0, 2**32, 40_000, dtype=np.uint32)
    edges = np.array([0, 1, 2**23 - 1, 2**23, 0x7F7FFFFF, 0x7F800000], np.uint32)
    bits = np.concatenate([subnormals, anywhere, edges])
    return np.concatenate([bits, bits ^ np.uint32(1 << 31)]).view(np.float32)


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
@pytest.mark.parametrize("carrier", ["float32", "float64"])
def test_every_pattern_of_16_bits_comes_back(dtype, carrier, x64_both):
    numbers = PATTERNS.view(dtype)
    with np.errstate(invalid="ignore"):
        nan = np.isnan(numbers)

    @jax.jit
    def there_and_back(x):
        with jax.enable_x64(True):
            carried = enter(x, carrier)
            return carried, leave(carried, dtype)

    carried, back = (np.asarray(a) for a in there_and_back(jnp.asarray(numbers)))
    assert carried.dtype == carrier
    expected = numbers[~nan].astype(carrier)
    assert np.array_equal(oracle.bits(carried[~nan]), oracle.bits(expected))
    assert np.array_equal(back.view(np.uint16)[~nan], PATTERNS[~nan])
    assert np.all(np.isnan(carried[nan]))
    with np.errstate(invalid="ignore"):
        assert np.all(np.isnan(back[nan]))


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz"])
def test_every_pattern_of_8_bits_comes_back(dtype, x64_both):
    dtype = np.dtype(getattr(ml_dtypes, dtype))
    numbers = np.arange(2**8, dtype=np.uint8).view(dtype)

    @jax.jit
    def there_and_back(x):
        with jax.enable_x64(True):
            return [leave(enter(x, carrier), dtype) for carrier in ("float32", "float64")]

    nan = np.isnan(numbers.astype(np.float32))
    for back in there_and_back(jnp.asarray(numbers)):
        back = np.asarray(back)
        assert np.array_equal(back.view(np.uint8)[~nan], numbers.view(np.uint8)[~nan])
        assert np.array_equal(np.isnan(back.astype(np.float32)), nan)


@pytest.mark.parametrize("compile_it", [True, False], ids=["jit", "eager"])
def test_float32_subnormals_enter_a_float64_carrier_and_leave_it(compile_it, x64_both):
    numbers = float32_numbers()

    def there_and_back(x):
        with jax.enable_x64(True):
            carried = enter(x, "float64")
            return carried, leave(carried, "float32")

    run = jax.jit(there_and_back) if compile_it else there_and_back
    carried, back = (np.asarray(a) for a in run(jnp.asarray(numbers)))
    nan = np.isnan(numbers)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(carried, numbers.astype(np.float64), equal_nan=True)
    assert np.array_equal(back.view(np.uint32)[~nan], numbers.view(np.uint32)[~nan])
    assert np.all(np.isnan(back[nan]))


def test_the_device_alone_would_flush_them():
    """XLA's CPU backend converts float32 subnormals to zero."""
    if jax.default_backend() != "cpu":
        pytest.skip("measured on the CPU backend only")
    with jax.enable_x64(True):
        flushed = jax.lax.convert_element_type(jnp.float32(1e-40), np.float64)
    assert float(flushed) == 0.0


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.float16])
def test_leaving_float64_rounds_once(dtype):
    """Values just beside a midpoint, where rounding through float32 first would err."""
    rng = np.random.default_rng(1)
    precision = {"float32": 24, "bfloat16": 8, "float16": 11}[np.dtype(dtype).name]
    odd = 2 * rng.integers(2 ** (precision - 1), 2**precision, 2000) + 1
    midpoints = np.ldexp(odd.astype(np.float64), rng.integers(-9, 3, 2000) - precision)
    above = midpoints * (1 + 2.0**-52)
    below = midpoints * (1 - 2.0**-53)
    with jax.enable_x64(True):
        up, down = (np.asarray(leave(jnp.asarray(x), dtype)).astype(float) for x in (above, below))
    assert np.all(up > midpoints)
    assert np.all(down < midpoints)
