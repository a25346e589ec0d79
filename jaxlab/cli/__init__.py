"""The command line: ``jaxlab list | run | resume | report | probe | shadow``."""

from jaxlab.cli._main import main as main
