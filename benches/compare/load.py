"""The load: wrk on the second core, and its figures for a server."""

import itertools
import os
import subprocess
from dataclasses import dataclass

from processes import CORES

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "peers", "wrk.lua")

CONNECTIONS = 64

MOST_FAILED = 0.001
"""Tolerated share of failed requests: a connection that is closed while it is being reused is not a fault."""

NUMBERS = itertools.count(1)
"""Each run starts at another customer, ten million further on."""


@dataclass
class Figures:
    """The figures of one run: times in microseconds, memory in bytes."""

    cpu: float
    per_second: float
    p50: float
    p99: float
    memory: float


class Customers:
    """The path of a request, with another customer in it each time: `50_40_30_` and 27 digits."""

    def __init__(self, before, after, method="GET"):
        self.before, self.after, self.method = before, after, method

    def arguments(self):
        """The arguments of wrk.lua."""
        return ["--", self.before, str(next(NUMBERS) * 10_000_000), self.after, self.method]


def rolls(shape):
    """Requests for rolls of customers of this shape."""
    return Customers(f"/customers/{shape}_", "/users")


def wrk(port, asked, seconds, connections):
    """Requests, seconds, p50 and p99 in microseconds. Ends the comparison if more than a few requests failed."""
    path, arguments = (asked, []) if isinstance(asked, str) else ("/", asked.arguments())
    command = ["taskset", "-c", CORES[1], "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT]
    command += [f"http://127.0.0.1:{port}{path}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("FIGURES")), None)
    if line is None:
        raise SystemExit(f"wrk gave no figures:\n{done.stdout}{done.stderr}")
    requests, microseconds, p50, p99, failed = (int(word) for word in line.split()[1:])
    if failed > requests * MOST_FAILED or not requests:
        raise SystemExit(f"{failed} of {requests} requests failed: {' '.join(command)}\n{done.stdout}")
    return requests, microseconds / 1e6, p50, p99


def measure(server, asked, seconds, connections=CONNECTIONS):
    """Runs wrk against a server for some seconds."""
    before = server.cpu()
    requests, took, p50, p99 = wrk(server.port, asked, seconds, connections)
    return Figures((server.cpu() - before) / requests * 1e6, requests / took, p50, p99, server.resident())
