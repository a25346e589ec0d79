"""The face lattice behind :mod:`jaxlab.regions.cells`."""
