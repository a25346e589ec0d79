"""Runs on disk: created whole, advanced cell by cell, resumed bitwise equal after any kill."""

from jaxlab.store._errors import StoreError as StoreError
from jaxlab.store._manifest import Run as Run
from jaxlab.store._run import advance as advance
from jaxlab.store._run import config_of as config_of
from jaxlab.store._run import create as create
from jaxlab.store._run import drift as drift
from jaxlab.store._run import finished as finished
from jaxlab.store._run import load as load
from jaxlab.store._run import markers as markers
from jaxlab.store._run import open as open
