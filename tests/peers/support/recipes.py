"""What the pages have people write and run, as it stands there.

tests/readme.rs looks for the calls of `recipe` here: a block of shell that none takes must say what it needs."""

import os
import re
import subprocess
import textwrap

from conftest import need

from .fedfront import REPOSITORY, binary


def recipe(marker, language="sh", document="deploy/README.md"):
    """The one block in which `marker` occurs."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (REPOSITORY / document).read_text(), re.S)
    (found,) = [block for block in blocks if marker in block]
    return textwrap.dedent(found)


def shell(script, folder, standard_input="", fine=True, **environment):
    """What a script prints, run in a folder where programs of the test's own, in `bin`, come first, `fedfront` among them."""
    need("bash", "curl")
    (folder / "bin").mkdir(exist_ok=True)
    if not (folder / "bin/fedfront").exists():
        (folder / "bin/fedfront").symlink_to(binary())
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec" if fine else "-c", script],
        input=standard_input,
        cwd=folder,
        env={**os.environ, "PATH": path, "no_proxy": "localhost", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 or not fine, done.stdout + done.stderr
    return done.stdout


def stand_in(folder, name):
    """In the place of a program that needs what is not here: writes down how it was called, in the file that is returned."""
    told = folder / f"{name}.told"
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {told}\n')
    (folder / "bin" / name).chmod(0o755)
    return told
