"""Measures Rollcall beside its peers and prints one Markdown table. Started by `benches/compare.sh`."""

import argparse
import datetime
import os
import platform
import signal
import sys
import tempfile

import gross
import servers
import singles
import works
from processes import CORES, more_files
from table import markdown

WORKS = {"hot": works.hot, "cold": works.cold, "big": singles.big, "many": singles.many, "idle": singles.idle, "start": singles.start}


def main():
    """Measures the selected works. Exits with 1 if `--short` finds a gross regression twice."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that started programs are ended
    more_files()
    os.sched_setaffinity(0, {int(CORES[1])})  # the measuring must not disturb the measured server
    faults = measure(options)
    if faults:
        print("measuring again, because the machine may have been busy", file=sys.stderr)
        faults = measure(options)
    sys.exit(1 if faults else 0)


def measure(options):
    """Prints the table. Returns the gross regressions in it if `--short` asks for them."""
    rows, ratios = [], {}
    with tempfile.TemporaryDirectory(prefix="rollcall-compare-") as folder:
        place = servers.Place(folder, options.gateway, options.backends)
        for name in options.only:
            print(f"measuring: {name}", file=sys.stderr)
            found, ratio = WORKS[name](place, options)
            rows += found
            ratios |= ratio
    print(f"{markdown(rows)}\n\n{legend(options)}", flush=True)
    faults = gross.regressions(ratios, options.only) if options.short else []
    for fault in faults:
        print(f"gross regression: {fault}", file=sys.stderr)
    return faults


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(prog="benches/compare.sh", description=__doc__)
    parser.add_argument("--short", action="store_true", help="hot and cold beside nginx only; fails on a gross regression")
    parser.add_argument("--rounds", type=int, help="rounds, in which the servers take turns; default 5, with --short 3")
    parser.add_argument("--seconds", type=int, help="length of each run; default 5, with --short 2")
    parser.add_argument("--only", type=lambda text: text.split(","), help="comma-separated list of " + ",".join(WORKS))
    parser.add_argument("--gateway", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--backends", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.short else 5)
    options.seconds = options.seconds or (2 if options.short else 5)
    options.only = options.only or (["hot", "cold"] if options.short else list(WORKS))
    options.delays = [0] if options.short else [0, 20]
    unknown = [name for name in options.only if name not in WORKS]
    if unknown:
        parser.error(f"--only: unknown work {unknown[0]}; choose from {', '.join(WORKS)}")
    return options


def legend(options):
    """When and where it was measured, and how to read the table."""
    day = datetime.datetime.now(datetime.timezone.utc).date()
    of_two = "server on one core, load and backends on another" if len(set(CORES)) == 2 else "everything on ONE core, because there is no other"
    return (
        f"{day}, {processor()}, {os.cpu_count()} cores, Linux {platform.release()}; {', '.join(servers.versions())}. {of_two}, "
        f"{options.rounds} interleaved rounds of {options.seconds} s, {works.load.CONNECTIONS} connections; medians. "
        "In brackets: the peer's figure as a multiple of ours, the median of the rounds."
    )


def processor():
    """The processor's name, as the kernel reports it."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
