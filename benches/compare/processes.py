"""Programs under test: pinned to a core, watched through /proc, ended by their process id."""

import contextlib
import os
import resource
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
"""Ticks per second in /proc/PID/stat."""


ALLOWED = sorted(os.sched_getaffinity(0))

CORES = str(ALLOWED[0]), str(ALLOWED[min(1, len(ALLOWED) - 1)])
"""The core of the server under test, and that of the load and the backends."""


def free_port():
    """A free port of 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def more_files():
    """Raises the limit of open files as far as possible, and returns it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


class Program:
    """A program that runs until the end of the `with` block."""

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
        """The first line that it prints."""
        return self.process.stdout.readline().decode().strip()

    def until(self, is_ready, limit=30):
        """Waits until it is ready, polling often enough to resolve milliseconds."""
        end = time.monotonic() + limit
        while not is_ready(self.port):
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise SystemExit(f"{self.process.args[3]} does not answer:\n{self.said()}")
            time.sleep(0.0005)
        return self

    def said(self):
        """The end of its standard error output."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def cpu(self):
        """CPU seconds so far, user and system, of it and its descendants."""
        return sum(times(pid) for pid in family(self.process.pid)) / TICKS

    def resident(self):
        """Resident memory in bytes of it and its descendants."""
        return sum(status(pid, "VmRSS") for pid in family(self.process.pid))

    def largest(self):
        """Peak resident memory in bytes, summed over it and its descendants."""
        return sum(status(pid, "VmHWM") for pid in family(self.process.pid))


def listens(port):
    """Whether the port accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def fields(pid):
    """The fields of /proc/PID/stat after the name, which may contain blanks."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()


def times(pid):
    """User plus system time, in ticks."""
    return sum(int(ticks) for ticks in fields(pid)[11:13])


def status(pid, name):
    """A size from /proc/PID/status, in bytes."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":")]
    return sum(sizes)


def family(pid):
    """The ids of a process and all its descendants."""
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # the process has ended
            parents.setdefault(int(fields(entry)[1]), []).append(int(entry))
    found = [pid]
    for one in found:
        found.extend(parents.get(one, []))
    return found
