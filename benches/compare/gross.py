"""What `--short` fails on: ratios so far off that no noise of a machine makes them."""

from works import COLD_AT_ONCE, FILE, HOT_WORKS, LUA

LARGEST_HOT = 4.0
"""Our CPU of a hot request over that of nginx with a file; the bar is 2."""

LEAST_COLD = 2.0
"""The CPU of a cold request of nginx with Lua over ours; the bar is 4."""


def regressions(ratios):
    """Sentences, one for each gross regression. `ratios` has how many times ours a peer's CPU is, by work and peer.

    >>> regressions({(HOT_WORKS[1], FILE): 0.5, (COLD_AT_ONCE, LUA): 4.5})
    []
    >>> regressions({(HOT_WORKS[1], FILE): 0.2, (COLD_AT_ONCE, LUA): 1.5})
    ['hot, 80 users: 5.0 times the CPU of nginx, a file, more than 4', 'cold, backends answer at once: the CPU of nginx with Lua is 1.5 times ours, less than 2']
    """
    found = []
    for work in HOT_WORKS:
        ratio = 1 / ratios.get((work, FILE), 1)
        if ratio > LARGEST_HOT:
            found.append(f"{work}: {ratio:.1f} times the CPU of {FILE}, more than {LARGEST_HOT:g}")
    ratio = ratios.get((COLD_AT_ONCE, LUA), LEAST_COLD)
    if ratio < LEAST_COLD:
        found.append(f"{COLD_AT_ONCE}: the CPU of {LUA} is {ratio:.1f} times ours, less than {LEAST_COLD:g}")
    return found
