"""Speed and accuracy against named peers, as ratios measured in one run.

Every module has ``main(..., repeats, dry) -> dict`` with a title and rows. Peers that are not
installed are listed as such. Compile time is reported apart from run time.
"""
