"""Failures of the command line whose message is one line for a person."""


class UsageError(Exception):
    """The words on the command line do not make sense."""
