"""What `--short` fails on: ratios too far off to be noise."""

from works import COLD_AT_ONCE, FILE, HOT_WORKS, LUA

LARGEST_HOT = 4.0
"""Our CPU per hot request over that of nginx with a file; the bar is 2."""

LEAST_COLD = 0.8
"""The CPU per cold request of nginx with Lua over ours; the bar is 4."""


def regressions(ratios, works):
    """One sentence for each gross regression and each comparison that could not be made.

    `ratios` is a peer's CPU as a multiple of ours, by work and peer; `works` are the selected kinds of work.

    >>> good = {(HOT_WORKS[0], FILE): 0.5, (HOT_WORKS[1], FILE): 0.5, (COLD_AT_ONCE, LUA): 4.5}
    >>> regressions(good, ["hot", "cold"])
    []
    >>> regressions({**good, (HOT_WORKS[1], FILE): 0.2}, ["hot", "cold"])
    ['hot, 80 users: 5.0 times the CPU of nginx, a file, more than 4']
    >>> regressions({**good, (COLD_AT_ONCE, LUA): 0.5}, ["hot", "cold"])
    ['cold, backends answer at once: the CPU of nginx with Lua is 0.5 times ours, less than 0.8']
    >>> regressions({}, ["cold"])
    ['cold, backends answer at once: nginx with Lua is missing, so there is nothing to compare with']
    """
    wanted = [(work, FILE) for work in HOT_WORKS if "hot" in works] + [(COLD_AT_ONCE, LUA)] * ("cold" in works)
    return [fault for work, peer in wanted if (fault := regression(work, peer, ratios.get((work, peer))))]


def regression(work, peer, ratio):
    """What is wrong with one ratio, or None."""
    if ratio is None:
        return f"{work}: {peer} is missing, so there is nothing to compare with"
    if peer == FILE and 1 / ratio > LARGEST_HOT:
        return f"{work}: {1 / ratio:.1f} times the CPU of {peer}, more than {LARGEST_HOT:g}"
    if peer == LUA and ratio < LEAST_COLD:
        return f"{work}: the CPU of {peer} is {ratio:.1f} times ours, less than {LEAST_COLD:g}"
    return None
