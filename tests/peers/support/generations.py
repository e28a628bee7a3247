"""A fedfront whose place others take, one after the other; each is a process of its own that nobody here started."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal

from . import waiting
from .fedfront import binary
from .process import Process

_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def adopting():
    """Processes whose parent ends become this one's children meanwhile, so that it learns how they end."""
    prctl = ctypes.CDLL(None).prctl
    assert prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class Generations:
    """Of `proxy`, a Fedfront that was started here. `pid` is the process that serves, `number` which of them that is."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.pids = [proxy.pid]
        self._statuses = {}

    @property
    def pid(self):
        return self.pids[-1]

    @property
    def number(self):
        return len(self.pids)

    def command(self, name, *arguments):
        """Runs `fedfront NAME` against it, and returns it when it has ended."""
        command = Process(name, [binary(), name, *arguments, "-c", self.proxy.file])
        command.wait(timeout=70)
        return command

    def upgrade(self, *arguments):
        """Has another process take its place."""
        command = self.command("upgrade", *arguments)
        assert command.wait() == 0, command.output() + self.proxy.output()
        pid, before = re.fullmatch(r"process (\d+) serves now; process (\d+) ends once .*", command.stdout[0]).groups()
        assert int(before) == self.pid
        self.pids.append(int(pid))

    def signalled(self):
        """Has another process take its place by the signal."""
        self.send(signal.SIGUSR2)
        pattern = re.compile(rf"process (\d+) serves now; process {self.pid} ends once")

        def found():
            return next((match for line in self.proxy.stderr if (match := pattern.search(line))), None)

        self.pids.append(int(waiting.until(found, "another process").group(1)))

    def send(self, number):
        os.kill(self.pid, number)

    def freeze(self):
        """Stops the one that serves, all its threads, until SIGCONT: connections are the other one's."""
        self.send(signal.SIGSTOP)
        stats = list(pathlib.Path(f"/proc/{self.pid}/task").glob("*/stat"))
        waiting.until(lambda: all(stat.read_text().rpartition(") ")[2][0] == "T" for stat in stats), "being stopped")

    def children(self):
        """The processes that the one that serves has started and that are still there."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def descriptors(self):
        """What each open descriptor of the process that serves leads to, by number."""
        found = {}
        for link in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found[int(link.name)] = os.readlink(link)
        return found

    def ended(self, number, timeout=30):
        """The exit status of one of them, by its number, once it has ended."""
        pid = self.pids[number - 1]
        if number == 1:
            return self.proxy.ended(timeout)
        if pid not in self._statuses:
            self._statuses[pid] = waiting.until(lambda: _ended(pid), f"process {pid} ending", timeout)
        return os.waitstatus_to_exitcode(*self._statuses[pid])

    def finish(self):
        """Ends the last one, as all before it did."""
        if not self.pids:
            return
        if self.number > 1:
            self.send(signal.SIGINT)
        else:
            self.proxy.send(signal.SIGINT)
        statuses = [self.ended(number) for number in range(1, self.number + 1)]
        assert statuses == [0] * self.number, f"{statuses}\n{self.proxy.output()}"
        self.pids = []

    def kill(self):
        """Whatever is left of it."""
        for pid in self.pids[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _ended(pid):
    """How a process has ended, once it is a child of this one and has."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return (status,) if found else None
