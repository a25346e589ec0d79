"""Networks and neurons that are born dead: counts, what the laws say of them, and pictures."""
