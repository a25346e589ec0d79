"""What a number format adds to death before any training: counts, claims and a picture."""
