"""Failures whose message is one line for a person; the command line prints it and nothing else."""


class StoreError(Exception):
    """Something about a run's directory is not as it should be."""
