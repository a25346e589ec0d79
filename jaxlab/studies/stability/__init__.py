"""Study `stability`."""
