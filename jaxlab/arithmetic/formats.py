"""Number formats: which reals a format holds, and the named formats of the field."""

import contextlib
import dataclasses
import math
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np


@dataclasses.dataclass(frozen=True)
class Format:
    """A binary floating-point format: a finite set of reals and its special values.

    The finite values are ``±m * 2**(e - precision + 1)`` with ``emin <= e <= emax`` and
    ``2**(precision-1) <= m < 2**precision`` (normal numbers), zero, and with ``subnormals`` also
    ``0 < m < 2**(precision-1)`` at ``e = emin``.

    Attributes
    ----------
    name
        What tables and figures print.
    precision
        Significand bits ``p``, the implicit bit counted.
    emin, emax
        Exponents of the smallest and of the largest normal binade.
    subnormals
        Whether numbers below ``2**emin`` other than zero exist (gradual underflow).
    infinities, nans
        Whether infinities and NaN have an encoding.
    saturate
        Whether overflow and infinities become the largest finite number.
    signed, negative_zero, zero
        Whether negative numbers, -0 and 0 exist (e8m0 has none of them). Rounding a negative
        number to an unsigned format gives NaN.
    reserved
        How many of the largest significands of binade ``emax`` are not numbers
        (1 in float8_e4m3fn, whose last code is NaN).

    Raises
    ------
    ValueError
        If the precision is not positive, ``emin > emax``, ``reserved`` exceeds the binade, or
        there is a negative zero without sign or zero.

    References
    ----------
    IEEE Std 754-2019; OCP 8-bit Floating Point Specification (OFP8) 1.0; OCP Microscaling
    Formats (MX) 1.0.

    Examples
    --------
    >>> bfloat16.unit_roundoff, bfloat16.max
    (0.00390625, 3.3895313892515355e+38)
    >>> Format.ieee(exponent_bits=5, precision=8)
    Format(name='e5p8', precision=8, emin=-14, emax=15)
    """

    name: str
    precision: int
    emin: int
    emax: int
    subnormals: bool = True
    infinities: bool = True
    nans: bool = True
    saturate: bool = False
    signed: bool = True
    negative_zero: bool = True
    zero: bool = True
    reserved: int = 0

    def __post_init__(self) -> None:
        if self.precision < 1:
            raise ValueError(f"precision: got {self.precision}, expected at least 1")
        if self.negative_zero and not (self.signed and self.zero):
            raise ValueError("negative_zero: got True, expected False without sign or zero")
        if self.emin > self.emax:
            raise ValueError(f"emin: got {self.emin}, expected at most emax = {self.emax}")
        if not 0 <= self.reserved < 2 ** (self.precision - 1):
            most = 2 ** (self.precision - 1) - 1
            raise ValueError(f"reserved: got {self.reserved}, expected 0 to {most}")

    def __repr__(self) -> str:
        shown = [f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self)[:4]]
        changed = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in dataclasses.fields(self)[4:]
            if getattr(self, f.name) != f.default
        ]
        return f"Format({', '.join(shown + changed)})"

    @classmethod
    def ieee(cls, *, exponent_bits: int, precision: int, name: str | None = None) -> "Format":
        """The IEEE-style format with the given exponent width and precision.

        Raises
        ------
        ValueError
            If ``exponent_bits`` is below 2 (no room for normal numbers beside the specials).

        Examples
        --------
        >>> Format.ieee(exponent_bits=8, precision=8).max == bfloat16.max
        True
        """
        if exponent_bits < 2:
            raise ValueError(f"exponent_bits: got {exponent_bits}, expected at least 2")
        emax = 2 ** (exponent_bits - 1) - 1
        return cls(name or f"e{exponent_bits}p{precision}", precision, 1 - emax, emax)

    @property
    def unit_roundoff(self) -> float:
        """``u = 2**-p``: largest relative error of rounding to nearest in the normal range."""
        return 2.0**-self.precision

    @property
    def machine_epsilon(self) -> float:
        """``2**(1-p)``: distance from 1 to the next larger number."""
        return 2.0 ** (1 - self.precision)

    @property
    def max(self) -> float:
        """Largest finite number; OverflowError where it is beyond float64."""
        return float(self._exact_max)

    @property
    def smallest_normal(self) -> float:
        """``2**emin``."""
        return math.ldexp(1.0, self.emin)

    @property
    def smallest_positive(self) -> float:
        """Smallest positive number: subnormal where the format has them."""
        return math.ldexp(1.0, self.quantum_exponent)

    @property
    def quantum_exponent(self) -> int:
        """Exponent of the spacing of numbers below ``2**emin``."""
        return self.emin - self.precision + 1 if self.subnormals else self.emin

    @property
    def dtype(self) -> np.dtype | None:
        """The NumPy (ml_dtypes) dtype that stores this format, or None if there is none.

        The name does not matter, nor does saturation, which is a way of rounding.
        """
        return _DTYPES.get(dataclasses.replace(self, name="", saturate=False))

    def holds(self, other: "Format") -> bool:
        """Whether every value of ``other``, special values included, is a value of this format.

        Examples
        --------
        >>> float32.holds(bfloat16), float16.holds(bfloat16)
        (True, False)
        """
        special = ("infinities", "nans", "signed", "negative_zero", "zero")
        # Spacing at the bottom: where this format has subnormals, theirs must divide the spacing
        # of the other's lowest binade; where it has none, the other may not reach below 2**emin.
        if self.subnormals:
            fine = other.emin - other.precision >= self.emin - self.precision
        else:
            fine = other.quantum_exponent >= self.quantum_exponent
        return (
            fine
            and other.precision <= self.precision
            and other._exact_max <= self._exact_max
            and all(getattr(self, field) >= getattr(other, field) for field in special)
            and not (self.saturate and other.infinities and not other.saturate)
        )

    @property
    def _exact_max(self) -> Fraction:
        significand = 2**self.precision - 1 - self.reserved
        return significand * Fraction(2) ** (self.emax - self.precision + 1)


bfloat16 = Format("bfloat16", 8, -126, 127)
float16 = Format("float16", 11, -14, 15)
tensorfloat32 = Format("tensorfloat32", 11, -126, 127)
float32 = Format("float32", 24, -126, 127)
float64 = Format("float64", 53, -1022, 1023)

float8_e3m4 = Format("float8_e3m4", 5, -2, 3)
float8_e4m3 = Format("float8_e4m3", 4, -6, 7)
float8_e4m3fn = Format("float8_e4m3fn", 4, -6, 8, infinities=False, reserved=1)
float8_e4m3fnuz = Format("float8_e4m3fnuz", 4, -7, 7, infinities=False, negative_zero=False)
float8_e4m3b11fnuz = Format("float8_e4m3b11fnuz", 4, -10, 4, infinities=False, negative_zero=False)
float8_e5m2 = Format("float8_e5m2", 3, -14, 15)
float8_e5m2fnuz = Format("float8_e5m2fnuz", 3, -15, 15, infinities=False, negative_zero=False)
float8_e8m0fnu = Format(
    "float8_e8m0fnu",
    1,
    -127,
    127,
    subnormals=False,
    infinities=False,
    signed=False,
    negative_zero=False,
    zero=False,
)
float6_e2m3fn = Format("float6_e2m3fn", 4, 0, 2, infinities=False, nans=False)
float6_e3m2fn = Format("float6_e3m2fn", 3, -2, 4, infinities=False, nans=False)
float4_e2m1fn = Format("float4_e2m1fn", 2, 0, 2, infinities=False, nans=False)

NAMED: dict[str, Format] = {
    fmt.name: fmt
    for fmt in (
        bfloat16,
        float16,
        tensorfloat32,
        float32,
        float64,
        float8_e3m4,
        float8_e4m3,
        float8_e4m3fn,
        float8_e4m3fnuz,
        float8_e4m3b11fnuz,
        float8_e5m2,
        float8_e5m2fnuz,
        float8_e8m0fnu,
        float6_e2m3fn,
        float6_e3m2fn,
        float4_e2m1fn,
    )
}
"""The named formats, by name."""

_ALIASES = {
    "bf16": "bfloat16",
    "fp16": "float16",
    "half": "float16",
    "tf32": "tensorfloat32",
    "fp32": "float32",
    "single": "float32",
    "fp64": "float64",
    "double": "float64",
    "e8m0": "float8_e8m0fnu",
    "e4m3": "float8_e4m3fn",  # OFP8's E4M3 is the one without infinities
    "e4m3fn": "float8_e4m3fn",
    "e5m2": "float8_e5m2",
    "e2m3": "float6_e2m3fn",
    "e3m2": "float6_e3m2fn",
    "e2m1": "float4_e2m1fn",
}

_DTYPES: dict[Format, np.dtype] = {
    dataclasses.replace(fmt, name=""): np.dtype(getattr(ml_dtypes, name, None) or getattr(np, name))
    for name, fmt in NAMED.items()
    if name != "tensorfloat32"
}


def as_format(spec: Any) -> Format:
    """Turn a format, a name, an alias or a dtype into a :class:`Format`.

    Parameters
    ----------
    spec
        A :class:`Format`; a name such as ``"bfloat16"``, ``"float8_e4m3fn"``; an alias such as
        ``"bf16"``, ``"fp16"``, ``"tf32"``, ``"e4m3"`` (OFP8: no infinities); or anything that
        NumPy takes for a floating-point dtype, ``jnp.float16`` for example.

    Raises
    ------
    ValueError
        If nothing is known by that name or dtype.

    Examples
    --------
    >>> as_format("bf16").name, as_format(np.float32).precision
    ('bfloat16', 24)
    """
    if isinstance(spec, Format):
        return spec
    name = spec if isinstance(spec, str) else repr(spec)
    if not isinstance(spec, str) and spec is not None:  # np.dtype(None) would be float64
        with contextlib.suppress(TypeError):
            name = np.dtype(spec).name
    name = _ALIASES.get(name.lower(), name.lower())
    if name not in NAMED:
        raise ValueError(
            f"format: got {spec!r}, expected a Format, a floating-point dtype or one of "
            f"{', '.join([*NAMED, *_ALIASES])}"
        )
    return NAMED[name]
