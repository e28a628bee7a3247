"""A child process whose output is kept line by line."""

import os
import pathlib
import re
import signal
import subprocess
import threading

from . import waiting


class Process:
    """Started at once; `stop` ends it and returns its exit status."""

    def __init__(self, name, argv, cwd=None, env=None, own_session=False, stdin=subprocess.DEVNULL, pass_fds=()):
        """`own_session` is for who signals its whole process group."""
        self.name = name
        self.stdout = []
        self.stderr = []
        self._child = subprocess.Popen(
            [str(word) for word in argv],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=own_session,
            pass_fds=pass_fds,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(pipe, lines), daemon=True)
            for pipe, lines in ((self._child.stdout, self.stdout), (self._child.stderr, self.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(pipe, lines):
        for line in pipe:
            lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    @property
    def pid(self):
        return self._child.pid

    def alive(self):
        return self._child.poll() is None

    def freeze(self):
        """It hangs from here on: its sockets take connections, and nobody answers."""
        self.send(signal.SIGSTOP)
        waiting.until(self._is_stopped, f"{self.name} stopping")

    def _is_stopped(self):
        """The signal is delivered in its own time, to each thread."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").glob("*/stat")
        return all(stat.read_text().rsplit(") ", 1)[1].startswith("T") for stat in tasks)

    def thaw(self):
        self.send(signal.SIGCONT)

    def output(self):
        """Everything it has written, for messages and for searching."""
        return "\n".join([*self.stdout, *self.stderr])

    def wait_for_line(self, pattern, timeout=30.0):
        """The first match of `pattern` in a line of either stream; fails at once if the process ends without it."""
        expression = re.compile(pattern)

        def found():
            ended = not self.alive()
            if ended:
                self._drain()
            for line in [*self.stdout, *self.stderr]:
                match = expression.search(line)
                if match:
                    return match
            assert not ended, f"{self.name} ended with {self._child.returncode} before {pattern!r}:\n{self.output()}"
            return None

        try:
            return waiting.until(found, f"{self.name} printing {pattern!r}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()}") from None

    def ended(self, timeout=30.0):
        """Its exit status, once it has ended by itself, though another process may still write to where it wrote."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout} s:\n{self.output()}") from None

    def wait(self, timeout=30.0):
        """Its exit status, once it has ended by itself."""
        try:
            status = self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout} s:\n{self.output()}") from None
        self._drain()
        return status

    def _drain(self):
        for reader in self._readers:
            reader.join(5)

    def send(self, number):
        self._child.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=15.0):
        """Ends it, by force after `timeout`; its exit status."""
        if self.alive():
            self.send(signal.SIGCONT)
            self.send(number)
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._drain()
        return self._child.returncode

    def cpu_seconds(self):
        """What it has computed so far."""
        with open(f"/proc/{self.pid}/stat") as stat:
            user, system = stat.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def memory(self, field="VmRSS"):
        """A memory figure of the running process in bytes: `VmRSS` now, `VmHWM` at its highest."""
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field}")

    def forget_peak_memory(self):
        """Lets `VmHWM` begin again at what is used now."""
        with open(f"/proc/{self.pid}/clear_refs", "w") as refs:
            refs.write("5")


class Restartable:
    """A peer that tests stop and start again at will, by the process that its own `start` keeps in `_process`."""

    _process = None

    def stop(self):
        if self._process:
            self._process.stop(signal.SIGTERM)
            self._process = None

    def kill(self):
        """As the machine under it would."""
        self._process.send(signal.SIGKILL)
        self.stop()

    def freeze(self):
        """Accepts connections, answers nothing: a server that hangs."""
        self._process.freeze()

    def thaw(self):
        self._process.thaw()
