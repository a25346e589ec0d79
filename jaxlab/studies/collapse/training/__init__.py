"""Training many random starts: runs, what became of them, the best of K, claims and pictures."""
