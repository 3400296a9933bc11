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
    """Measures what was asked for; exit code 1 where `--short` finds a gross regression, twice."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    more_files()
    os.sched_setaffinity(0, {int(CORES[1])})  # what is measured here must not disturb what is measured
    faults = measure(options)
    if faults:
        print("once more, for a machine may be busy", file=sys.stderr)
        faults = measure(options)
    sys.exit(1 if faults else 0)


def measure(options):
    """Prints the table; what is grossly wrong with it, where `--short` asks for that."""
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
    parser.add_argument("--rounds", type=int, help="runs of each server, by turns; 5, with --short 3")
    parser.add_argument("--seconds", type=int, help="of each run; 5, with --short 2")
    parser.add_argument("--only", type=lambda text: text.split(","), help="a comma list of " + ",".join(WORKS))
    parser.add_argument("--gateway", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--backends", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.short else 5)
    options.seconds = options.seconds or (2 if options.short else 5)
    options.only = options.only or (["hot", "cold"] if options.short else list(WORKS))
    options.delays = [0] if options.short else [0, 20]
    unknown = [name for name in options.only if name not in WORKS]
    if unknown:
        parser.error(f"--only: there is no {unknown[0]}; there are {', '.join(WORKS)}")
    return options


def legend(options):
    """When and where that was, and how it is to be read."""
    day = datetime.datetime.now(datetime.timezone.utc).date()
    of_two = "server on one core, load and backends on another" if len(set(CORES)) == 2 else "everything on ONE core: there is no other"
    return (
        f"{day}, {processor()}, {os.cpu_count()} cores, Linux {platform.release()}; {', '.join(servers.versions())}. {of_two}, "
        f"{options.rounds} rounds by turns of {options.seconds} s, {works.load.CONNECTIONS} connections; medians. "
        "In brackets: how many times ours, the median of the rounds."
    )


def processor():
    """What the kernel calls it."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
