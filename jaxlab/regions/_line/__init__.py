"""The counters behind :mod:`jaxlab.regions.line`."""
