"""Strict mode: restart this command under the XLA flags of strict mode, once."""

import os
import sys
from collections.abc import Sequence

from jaxlab.arithmetic.probe import strict_flags
from jaxlab.cli._errors import UsageError


def ensure(words: Sequence[str]) -> None:
    """Return if this process has the flags of strict mode; else replace it by one that has.

    Must be called before JAX's backend starts. The new process gets the same command line; since
    extending its flags again changes nothing, it does not restart.

    Parameters
    ----------
    words
        The words after ``jaxlab`` of the present command.

    Raises
    ------
    UsageError
        If ``XLA_FLAGS`` names a file, or the flags are missing and the words are not the command
        line of this process, which then must not be replaced.
    """
    present = os.environ.get("XLA_FLAGS", "")
    try:
        wanted = strict_flags(present)
    except ValueError as error:
        raise UsageError(f"--strict: {error}") from None
    if wanted == present:
        return
    if list(words) != sys.argv[1:]:
        raise UsageError(
            f"--strict: this process has other work; start Python with XLA_FLAGS='{wanted}'"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, command, {**os.environ, "XLA_FLAGS": wanted})
