"""Stable networks for inverse problems, and problems that no algorithm can solve to all digits."""
