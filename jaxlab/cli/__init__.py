"""The command line: ``jaxlab list | run | resume | report``."""

from jaxlab.cli._main import main as main
