"""The command line: ``jaxlab list | run | resume | report | probe``."""

from jaxlab.cli._main import main as main
