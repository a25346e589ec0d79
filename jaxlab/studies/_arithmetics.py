"""Names of arithmetics: ``float32``, ... is what a device does, ``p=8`` is emulated with 8 bits."""

from jaxlab.arithmetic import Format, as_format, float32

_EMULATED = "p="


def is_emulated(name: str) -> bool:
    """Whether an arithmetic is emulated.

    Examples
    --------
    >>> is_emulated("p=8"), is_emulated("bfloat16")
    (True, False)
    """
    return name.startswith(_EMULATED)


def format_of(name: str, exponents: Format = float32) -> Format:
    """The number format of an arithmetic.

    Parameters
    ----------
    name
        Of a format, or ``p=`` and a number of bits.
    exponents
        The format whose exponents an emulated one has.

    Raises
    ------
    ValueError
        If the name is that of no format.

    Examples
    --------
    >>> format_of("p=8").unit_roundoff == format_of("bfloat16").unit_roundoff
    True
    """
    if is_emulated(name):
        precision = int(name.removeprefix(_EMULATED))
        return Format(name, precision, exponents.emin, exponents.emax)
    return as_format(name)
