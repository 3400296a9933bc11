"""The table: rows of figures, each beside ours, and the bar that it must clear."""

from dataclasses import dataclass
from statistics import median

HEAD = ["work", "server", "CPU per request", "requests/s", "p50", "p99", "memory", "bar (required, aim)"]


@dataclass
class Bar:
    """What a figure must reach; `least` above `aim` means that less is better."""

    what: str
    least: float
    aim: float
    unit: str = "x"

    def verdict(self, value):
        """How the figure compares with the bar, in words.

        >>> Bar("CPU", 2, 1.2).verdict(1.2)
        'CPU 1.20 x (2, 1.2): aim reached'
        >>> Bar("CPU", 2, 1.2).verdict(1.3)
        'CPU 1.30 x (2, 1.2): met'
        >>> Bar("CPU", 4, 6).verdict(3.9)
        'CPU 3.90 x (4, 6): **missed**'
        >>> Bar("CPU", 4, 6).verdict(6.1)
        'CPU 6.10 x (4, 6): aim reached'
        """
        less = self.least > self.aim
        reaches = [value <= bar if less else value >= bar for bar in (self.aim, self.least)]
        word = "aim reached" if reaches[0] else "met" if reaches[1] else "**missed**"
        return f"{self.what} {number(value)} {self.unit} ({self.least:g}, {self.aim:g}): {word}"


def times_ours(theirs, ours, field):
    """A peer's figure as a multiple of ours: the median of the ratios of the rounds.

    >>> from types import SimpleNamespace as Run
    >>> times_ours([Run(cpu=8), Run(cpu=20)], [Run(cpu=4), Run(cpu=4)], "cpu")
    3.5
    """
    return median(getattr(a, field) / max(getattr(b, field), 1e-9) for a, b in zip(theirs, ours))


def middle(runs, field):
    """The median of a figure."""
    return median(getattr(run, field) for run in runs)


def row(work, name, runs, ours, bars=()):
    """A server's row; `ours` is None for our own."""

    def cell(field, write):
        beside = f" ({number(times_ours(runs, ours, field))} x)" if ours else ""
        return write(middle(runs, field)) + beside

    shown = [cell("cpu", micros), cell("per_second", "{:,.0f}".format), cell("p50", micros), cell("p99", micros), cell("memory", mebibytes)]
    return [work, name, *shown, "; ".join(bars)]


def plain(work, name, bars=(), **cells):
    """A row with only some cells, by the names of the columns: cpu, rate, p50, p99, memory."""
    return [work, name, *(cells.get(column, "") for column in ("cpu", "rate", "p50", "p99", "memory")), "; ".join(bars)]


def markdown(rows):
    """The table as Markdown."""
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value):
    """About three significant digits.

    >>> [number(value) for value in (0.0421, 0.421, 4.21, 42.1, 421.4)]
    ['0.04', '0.42', '4.21', '42.1', '421']
    """
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def micros(value):
    """A time, given in microseconds.

    >>> micros(7.25), micros(2345)
    ('7.25 us', '2.35 ms')
    """
    return f"{number(value)} us" if value < 1000 else f"{number(value / 1000)} ms"


def mebibytes(value):
    """A size, given in bytes."""
    return f"{number(value / 2**20)} MiB"
