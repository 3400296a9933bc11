"""Hot and cold: the everyday work of a gateway, beside its peers."""

import contextlib
import json
import os
import shutil
from statistics import median

import load
import servers
from answers import good, prove_joined, roll
from load import measure
from table import Bar, micros, plain, row, times_ours

FILE, KEPT = "nginx, a file", "nginx, `proxy_cache` hit"
LUA, FASTIFY, KRAKEND = "nginx with Lua", "Fastify with undici", "KrakenD (joins nothing)"
OURS = "**Rollcall**"

HOT_SHAPES = {"4_3_2": "hot, 5 users", "65_55_40": "hot, 80 users"}
"""The name of the work, by the shape of the customer."""

HOT_WORKS = list(HOT_SHAPES.values())

COLD = "50_40_30"

COLD_WORK = "cold, backends answer"
COLD_AT_ONCE = f"{COLD_WORK} at once"

COLD_BARS = {LUA: Bar("CPU, theirs/ours", 4, 6), FASTIFY: Bar("CPU, theirs/ours", 3, 6), KRAKEND: Bar("CPU, theirs/ours", 12, 20)}


class Runs:
    """The figures of several servers for one work, round by round."""

    def __init__(self, running, asked, options):
        self.figures = {name: [] for name in running}
        for server in running.values():
            measure(server, asked, 1)  # warms up: some compile while running, all open connections
        for _ in range(options.rounds):
            for name, server in running.items():
                self.figures[name].append(measure(server, asked, options.seconds))

    def ratio(self, name, field):
        """A peer's figure as a multiple of ours."""
        return times_ours(self.figures[name], self.figures[OURS], field)

    def rows(self, work, bars):
        """A row for each server; `bars` returns the verdicts for a name."""
        ours = self.figures[OURS]
        return [row(work, name, runs, None if name == OURS else ours, bars(name)) for name, runs in self.figures.items()]


def hot(place, options):
    """A cached roll, of few users and of many. Returns rows, and ratios by name."""
    rows, ratios = [], {}
    for shape, work in HOT_SHAPES.items():
        found, ratio = hot_roll(place, options, shape, work)
        rows += found
        ratios |= ratio
    return rows, ratios


def hot_roll(place, options, shape, work):
    """One cached roll, beside nginx with the same bytes."""
    path = roll(shape, 1)
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(place.rollcall(stack.enter_context(place.backends(0))))
        body = good(ours.port, path)
        prove_joined(OURS, body, shape)
        running = {OURS: ours}
        if servers.nginx():
            save(place, path, body)
            kinds = {FILE: "file"} if options.short else {FILE: "file", KEPT: "cache"}
            running |= {name: stack.enter_context(place.nginx(kind)) for name, kind in kinds.items()}
        for name, server in running.items():
            if good(server.port, path) != body:
                raise SystemExit(f"{name} returns other bytes")
        runs = Runs(running, path, options)
    missing = [] if servers.nginx() else [plain(work, "nginx", ["not installed"])]
    return runs.rows(work, lambda name: hot_bars(runs, name)) + missing, {(work, name): runs.ratio(name, "cpu") for name in running}


def hot_bars(runs, name):
    """The verdicts for a peer; only nginx with a file has bars."""
    if name != FILE:
        return []
    return [
        Bar("CPU, ours/theirs", 2, 1.2).verdict(1 / runs.ratio(name, "cpu")),
        Bar("p99, ours/theirs", 2, 1).verdict(1 / runs.ratio(name, "p99")),
    ]


def save(place, path, body):
    """Puts a roll where nginx looks for files."""
    file = os.path.join(place.folder, "files", path.lstrip("/"))
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as roll_file:
        roll_file.write(body)


def cold(place, options):
    """Every request asks for another customer. Returns rows, and ratios by name."""
    rows, ratios = [], {}
    for milliseconds in options.delays:
        work = f"{COLD_WORK} {late(milliseconds)}"
        with contextlib.ExitStack() as stack:
            backends = stack.enter_context(place.backends(milliseconds))
            running = gateways(place, stack, backends, options)
            runs = Runs(running, load.rolls(COLD), options)
            rows += runs.rows(work, lambda name, runs=runs: cold_bars(runs, name)) + missing_peers(work, peers(place, options))
            ratios |= {(work, name): runs.ratio(name, "cpu") for name in running}
            if not options.short:
                rows += alone(backends, running, options, milliseconds)
    return rows, ratios


def late(milliseconds):
    """When the backends answer, in words."""
    return f"after {milliseconds} ms" if milliseconds else "at once"


def gateways(place, stack, backends, options):
    """Starts every installed gateway, and proves that each joins correctly."""
    running = {OURS: stack.enter_context(place.rollcall(backends))}
    for name, is_there, start in peers(place, options):
        if is_there:
            running[name] = stack.enter_context(start(backends))
    for number, (name, server) in enumerate(running.items()):
        body = good(server.port, roll(COLD, number))
        (prove_both if name == KRAKEND else prove_joined)(name, body, COLD)
    return running


def peers(place, options):
    """Name, whether it is installed, and how it is started."""
    known = [
        (LUA, servers.has_lua(), lambda backends: place.nginx("lua", backends)),
        (FASTIFY, servers.has_fastify(), place.fastify),
        (KRAKEND, bool(shutil.which("krakend")), place.krakend),
    ]
    return known[:1] if options.short else known


def prove_both(name, body, shape):
    """Proves that both lists are present and complete: KrakenD has no join by key, and puts them side by side."""
    told = json.loads(body)
    counts = [len(told["advanced_automation"]["Clients"]), len(told["my_reports"]["data"])]
    if counts != [int(text) for text in shape.split("_")[:2]]:
        raise SystemExit(f"{name} returns {counts} rows")


def cold_bars(runs, name):
    """The bar of a peer."""
    return [COLD_BARS[name].verdict(runs.ratio(name, "cpu"))] if name in COLD_BARS else []


def missing_peers(work, wanted):
    """A row for each peer that is not installed."""
    return [plain(work, name, ["not installed"]) for name, is_there, _ in wanted if not is_there]


def alone(backends, running, options, milliseconds):
    """One request at a time: what a gateway adds to the slower backend."""
    persons = load.Customers(f"/api/advanced-automation/v1/Person?Page=1&PageSize=50&Customer={COLD}_", "", "POST")
    users = load.Customers(f"/api/v1.0/customers/{COLD}_", "/users")
    added = {name: [] for name in running}
    for _ in range(options.rounds):
        slower = max(measure(backends, asked, options.seconds, 1).p50 for asked in (persons, users))
        for name, server in running.items():
            added[name].append(measure(server, load.rolls(COLD), options.seconds, 1).p50 - slower)
    work = f"cold, one at a time, {late(milliseconds)}: added to the slower backend"
    bar = Bar("added", 0.4, 0.2, "ms").verdict(median(added[OURS]) / 1000)
    return [plain(work, name, [bar] if name == OURS else [], p50=micros(median(runs))) for name, runs in added.items()]
