"""Works with a bar but no peer: a big customer, many customers, idle connections, the start."""

import contextlib
import json
import socket
import time
from statistics import median

from answers import fetch, good, misjoined, roll
from processes import more_files
from table import Bar, mebibytes, number, plain

OURS = "**Rollcall**"

BIG = "100000_100000_60000"
BIG_SETTINGS = ["sources.advanced_automation.page_size=1000", "cache.max_bytes=4GiB", "server.deadline=2m"]

MANY = "70_60_30"
CUSTOMERS = 1000

FEW = "4_3_2"
CONNECTIONS = 10_000
SPARE_FILES = 100

STARTS = 10


def big(place, options):
    """A customer of 100,000 + 100,000 users: all of them as JSON lines with an empty cache, then page by page."""
    rounds = [big_round(place) for _ in range(options.rounds)]
    cpu, per_user, memory, encoded = (median(values) for values in zip(*rounds))
    bars = [Bar("CPU per source user", 3, 1.5, "us").verdict(cpu), Bar("memory / encoded roll", 4, 2.5).verdict(memory / encoded)]
    words = {"cpu": f"{number(cpu)} us per source user ({number(per_user)} us per user of the roll)"}
    return [plain(f"big: 200,000 users, {mebibytes(encoded)} encoded", OURS, bars, memory=f"{mebibytes(memory)} peak", **words)], {}


def big_round(place):
    """CPU per source user and per user of the roll in microseconds, memory above idle and size of the encoded roll in bytes."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(place.rollcall(stack.enter_context(place.backends(0)), *BIG_SETTINGS))
        idle, before, path = settled(server), server.cpu(), roll(BIG, 1)
        body = good(server.port, path, {"Accept": "application/x-ndjson"}, 150)
        spent = (server.cpu() - before) * 1e6
        users = [json.loads(line) for line in body.splitlines()]
        fault = misjoined(users, BIG)
        pages = walk(server.port, path)
        if fault or pages != len(users):
            raise SystemExit(f"the big roll is wrong: {fault or f'{pages} users on its pages'}")
        return spent / 200_000, spent / len(users), server.largest() - idle, len(body)


def walk(port, path):
    """Users on all pages of a roll."""
    seen, more = 0, ""
    while more is not None:
        page = json.loads(good(port, f"{path}?page_size=1000{more}"))
        seen += len(page["data"])
        more = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    return seen


def many(place, options):
    """1,000 customers of 100 users, all in the cache."""
    rounds = [many_round(place) for _ in range(options.rounds)]
    grown, encoded = (median(values) for values in zip(*rounds))
    bar = Bar("memory / encoded rolls", 2, 1.4).verdict(grown / encoded)
    work = f"many: {CUSTOMERS:,} customers of 100 users, {mebibytes(encoded)} encoded"
    return [plain(work, OURS, [bar], memory=f"{mebibytes(grown)} more")], {}


def many_round(place):
    """Growth of memory and size of all rolls, in bytes."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(place.rollcall(stack.enter_context(place.backends(0))))
        idle = settled(server)
        encoded = sum(len(good(server.port, roll(MANY, number))) for number in range(CUSTOMERS))
        hits = sum("hit" in fetch(server.port, roll(MANY, number))[1]["Cache-Status"] for number in range(CUSTOMERS))
        if hits != CUSTOMERS:
            raise SystemExit(f"only {hits} of {CUSTOMERS} rolls were cached")
        return settled(server) - idle, encoded


def idle(place, options):
    """10,000 connections that stay open; each has received one cached roll."""
    most = min(CONNECTIONS, more_files() - SPARE_FILES)
    each = median(idle_round(place, most) for _ in range(options.rounds))
    bar = Bar("memory per connection", 16, 8, "KiB").verdict(each / 1024)
    return [plain(f"idle: {most:,} connections kept alive", OURS, [bar], memory=f"{number(each / 1024)} KiB each")], {}


def idle_round(place, most):
    """Memory per connection, in bytes."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(place.rollcall(stack.enter_context(place.backends(0))))
        good(server.port, roll(FEW, 1))
        before = settled(server)
        request = f"GET {roll(FEW, 1)} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode()
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30)) for _ in range(most)]
        for connection in connections:
            ask(connection, request)
        after = settled(server)
        for connection in connections[:: most // 100]:
            ask(connection, request)  # they are still open
        return (after - before) / most


def ask(connection, request):
    """One request and its whole answer on a connection that stays open."""
    connection.sendall(request)
    head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536) or exit_with("a connection was closed")
    if not head.startswith(b"HTTP/1.1 200"):
        exit_with(head.decode(errors="replace"))


def exit_with(why):
    """Ends the comparison."""
    raise SystemExit(why)


def start(place, options):
    """Time from the start of the process to /health/ready, and the memory of an idle gateway."""
    took, memory = zip(*(start_round(place) for _ in range(max(STARTS, options.rounds))))
    millis, resident = median(took) * 1000, median(memory)
    bars = [Bar("start to ready", 100, 30, "ms").verdict(millis), Bar("idle memory", 20, 10, "MiB").verdict(resident / 2**20)]
    return [plain("start", OURS, bars, p50=f"{number(millis)} ms", memory=mebibytes(resident))], {}


def start_round(place):
    """Seconds until it is ready, and bytes of memory a moment later. There are no backends."""

    class Nobody:
        port = 1

    started = time.perf_counter()
    with place.rollcall(Nobody) as server:
        return time.perf_counter() - started, settled(server)


def settled(server):
    """Memory in bytes once it no longer changes, or after ten seconds."""
    seen = [server.resident()]
    while len(seen) < 4 or (len(set(seen[-4:])) > 1 and len(seen) < 40):
        time.sleep(0.25)
        seen.append(server.resident())
    return seen[-1]
