"""The walk behind :mod:`jaxlab.regions.function`."""
