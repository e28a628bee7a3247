"""What is generated of the commands: completions that shells take, and a man page that renders."""

import shutil
import subprocess

import pytest

from conftest import need
from support.fedfront import binary

COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_fedfront fedfront "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
echo "${COMPREPLY[@]}"
"""


def printed(*arguments):
    ran = subprocess.run([binary(), *arguments], capture_output=True, timeout=60)
    assert ran.returncode == 0 and not ran.stderr, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def bash(tmp_path_factory, binary_built):
    script = tmp_path_factory.mktemp("completions") / "fedfront.bash"
    script.write_bytes(printed("completions", "bash"))
    return script


def test_bash_takes_the_completions(bash):
    subprocess.run(["bash", "-n", bash], check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize(
    "typed, completed",
    [
        (["fedfront", "gu"], "guard"),
        (["fedfront", "com"], "completions"),
        (["fedfront", "guard", "unl"], "unlock"),
        (["fedfront", "entra", "--proto"], "--protocol"),
        (["fedfront", "entra", "--protocol", "ws"], "ws-fed"),
        (["fedfront", "entra", "diff", "--js"], "--json"),
        (["fedfront", "config", "ref"], "reference"),
    ],
)
def test_a_tab_completes(bash, typed, completed):
    ran = subprocess.run(["bash", "-c", COMPLETE, "bash", bash, *typed], capture_output=True, text=True, timeout=30)
    assert (ran.stdout.split(), ran.stderr) == ([completed], ""), ran


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_theirs(shell, tmp_path, binary_built):
    script = tmp_path / "script"
    script.write_bytes(printed("completions", shell))
    assert b"entra" in script.read_bytes() and b"unlock" in script.read_bytes()
    if shutil.which(shell):
        subprocess.run([shell, "-n", script], check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize("shell", ["elvish", "powershell"])
def test_there_are_completions_for_shells_that_are_not_here(shell, binary_built):
    assert b"entra" in printed("completions", shell)


def test_the_man_page_renders_without_warnings_and_has_every_command(tmp_path, binary_built):
    need("groff")
    assert printed("man", "--dir", tmp_path / "man1") == b""
    page = tmp_path / "man1" / "fedfront.1"
    assert page.read_bytes() == printed("man")
    # Plain text, without overstriking and hyphenation.
    command = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rHY=0", page]
    rendered = subprocess.run(command, capture_output=True, timeout=60)
    assert rendered.returncode == 0 and rendered.stderr == b"", rendered.stderr
    text = " ".join(rendered.stdout.decode().split())
    help_text = printed("--help").decode().split("Commands:\n")[1].split("\n\n")[0]
    commands = [line.split()[0] for line in help_text.splitlines() if line[2:3].strip()]
    assert len(commands) > 8
    for one in [*commands, "guard unlock", "cache flush", "config reference", "entra diff"]:
        assert f"fedfront {one}" in text, one
    for part in ("EXIT STATUS", "SIGNALS", "FILES", "ENVIRONMENT", "SIGHUP", "SIGUSR1", "SIGTERM", "78", "NOTIFY_SOCKET", "--protocol"):
        assert part in text, part
