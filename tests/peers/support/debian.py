"""A root with little but dpkg in it, to install the Debian package in."""

import os
import pathlib
import re
import shutil
import subprocess

# What dpkg and the maintainer's scripts run.
PROGRAMS = (
    "sh dpkg dpkg-deb dpkg-split dpkg-query tar rm chmod chgrp diff ldconfig start-stop-daemon systemd-sysusers".split()
)
# What they tell, and nobody does: their arguments are written down.
TOLD = ["deb-systemd-helper", "deb-systemd-invoke", "systemctl"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def program(name):
    return shutil.which(name, path=PATH)


class Root:
    def __init__(self, folder):
        self.folder = folder
        for place in ("bin", "sbin", "lib", "lib64"):
            (folder / "usr" / place).mkdir(parents=True)
            (folder / place).symlink_to(f"usr/{place}")
        for name in PROGRAMS:
            self.bring(program(name))
        for name in TOLD:
            # Nobody has enabled it.
            answer = 'case "$*" in *was-enabled*|debian-installed*) exit 1;; esac'
            self.script(f"usr/bin/{name}", f'#!/bin/sh\necho "{name} $*" >> /told\n{answer}\n')
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        self.write("etc/group", "root:x:0:\n")
        for file in ("etc/shadow", "var/lib/dpkg/status", "var/lib/dpkg/available", "dev/null"):
            self.write(file, "")
        for place in (
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "var/lib/dpkg/triggers",
            "tmp",
            "dev",
            "run/systemd/system",
        ):
            (folder / place).mkdir(parents=True, exist_ok=True)

    def bring(self, path):
        """A program with its libraries."""
        needed = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        for file in [path, *re.findall(r"(/\S+\.so\S*) \(", needed)]:
            target = self.folder / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy(os.path.realpath(file), target)

    def write(self, path, text):
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def script(self, path, text):
        self.write(path, text)
        (self.folder / path).chmod(0o755)

    def run(self, *argv, user=None):
        confine = ["/usr/sbin/chroot", *([f"--userspec={user}"] if user else []), str(self.folder)]
        environment = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}
        argv = [*confine, *map(str, argv)]
        return subprocess.run(
            argv, capture_output=True, text=True, timeout=60, env=environment, stdin=subprocess.DEVNULL
        )

    def dpkg(self, *arguments):
        # Its dependencies are not there, of which systemd is the one that matters.
        ran = self.run("dpkg", "--force-depends", "--force-confold", "--force-unsafe-io", *arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran

    def told(self):
        """What was told to systemd since this was asked last."""
        file = self.folder / "told"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def owned(self, path):
        """Owner, group and mode, by name."""
        status = (self.folder / path).stat()
        names = [
            {int(line.split(":")[2]): line.split(":")[0] for line in (self.folder / file).read_text().splitlines()}
            for file in ("etc/passwd", "etc/group")
        ]
        return names[0][status.st_uid], names[1][status.st_gid], oct(status.st_mode & 0o7777)

    def has(self, path):
        return pathlib.Path(self.folder, path).exists()
