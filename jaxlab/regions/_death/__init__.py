"""The tests and counts behind :mod:`jaxlab.regions.death`."""
