"""A volume as the kubelet lays out a ConfigMap or a Secret: every file is a link through `..data`, and all change at once."""

import itertools
import os
import shutil


class Mounted:
    """`put` swaps all of its files for others."""

    def __init__(self, folder, files):
        self.folder = folder
        self._numbers = itertools.count(1)
        folder.mkdir(exist_ok=True)
        self.put(files)

    def put(self, files):
        """Names to octets."""
        data = self.folder / "..data"
        before = self.folder / os.readlink(data) if data.is_symlink() else None
        now = self.folder / f"..2026_11_22_{next(self._numbers)}"
        now.mkdir()
        for name, octets in files.items():
            (now / name).write_bytes(octets)
            (now / name).chmod(0o640)
        temporary = self.folder / "..data_tmp"
        temporary.symlink_to(now.name)
        temporary.rename(data)
        for name in files:
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        if before:
            shutil.rmtree(before)
