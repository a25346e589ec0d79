"""The counters behind :mod:`jaxlab.regions.plane`."""
