"""Programs under measurement: started on a core of their own, watched through /proc, ended by their id."""

import contextlib
import os
import resource
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
"""Ticks of /proc/PID/stat in a second."""


ALLOWED = sorted(os.sched_getaffinity(0))

CORES = str(ALLOWED[0]), str(ALLOWED[min(1, len(ALLOWED) - 1)])
"""The core of the server under measurement, and that of the load and the backends."""


def free_port():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def more_files():
    """Raises the limit of open files as far as it goes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Program:
    """A program that runs until the end of the `with`."""

    def __init__(self, command, core, log, environment=None, port=None):
        self.port = port
        self.log = log
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(
                ["taskset", "-c", core, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(environment or {})},
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def first_line(self):
        """What it prints first."""
        return self.process.stdout.readline().decode().strip()

    def until(self, is_ready, limit=30):
        """Waits until it is ready, looking often enough for milliseconds to be told."""
        end = time.monotonic() + limit
        while not is_ready(self.port):
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise SystemExit(f"{self.process.args[3]} does not answer:\n{self.said()}")
            time.sleep(0.0005)
        return self

    def said(self):
        """The end of what it wrote to its error output."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def cpu(self):
        """Seconds of CPU, of user and system, of it and its children so far."""
        return sum(times(pid) for pid in family(self.process.pid)) / TICKS

    def resident(self):
        """Bytes of memory that it and its children have now."""
        return sum(status(pid, "VmRSS") for pid in family(self.process.pid))

    def largest(self):
        """Bytes of memory that it had at most."""
        return sum(status(pid, "VmHWM") for pid in family(self.process.pid))


def listens(port):
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def fields(pid):
    """The fields of /proc/PID/stat behind the name, which may hold blanks."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()


def times(pid):
    """Ticks of user and system time."""
    return sum(int(ticks) for ticks in fields(pid)[11:13])


def status(pid, name):
    """A size of /proc/PID/status in bytes."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":")]
    return sum(sizes)


def family(pid):
    """A process and all below it."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has ended
            parents.setdefault(int(fields(entry)[1]), []).append(int(entry))
    found = [pid]
    for one in found:
        found.extend(parents.get(one, []))
    return found
