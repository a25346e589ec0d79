"""How far a run is: a bar on a terminal, a line per tenth in a log."""

import contextlib
from collections.abc import Callable, Iterator

import tqdm.auto

Progress = bool | Callable[[int, int], None]


@contextlib.contextmanager
def reporting(done: int, total: int, progress: Progress) -> Iterator[Callable[[], None]]:
    """Report progress for the duration of a ``with`` block.

    Parameters
    ----------
    done, total
        How many cells are finished at the start, and how many there are.
    progress
        True for a tqdm bar with the time left; False for nothing; or a function that is called
        with ``(done, total)`` at the start and after each cell.

    Yields
    ------
    A function to call after each cell.

    Examples
    --------
    >>> with reporting(0, 2, lambda done, total: print(f"{done}/{total}")) as tick:
    ...     tick()
    0/2
    1/2
    """
    if callable(progress):
        counts = iter(range(done, total + 1))
        progress(next(counts), total)
        yield lambda: progress(next(counts), total)
    else:
        with tqdm.auto.tqdm(total=total, initial=done, unit="cell", disable=not progress) as bar:

            def tick() -> None:
                bar.update()

            yield tick


def in_tenths(write: Callable[[str], object]) -> Callable[[int, int], None]:
    """A progress function that writes a line about every tenth of the way.

    Examples
    --------
    >>> report = in_tenths(print)
    >>> for done in range(41):
    ...     report(done, 40) if done in (0, 1, 4, 5, 40) else None
    0/40 cells
    4/40 cells
    40/40 cells
    """
    last = -1

    def report(done: int, total: int) -> None:
        nonlocal last
        tenth = 10 * done // max(total, 1)
        if tenth > last:
            last = tenth
            write(f"{done}/{total} cells")

    return report
