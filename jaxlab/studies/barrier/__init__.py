"""Study `barrier`."""
