"""deploy/systemd: a unit that systemd understands, that is confined, and that goes with the configuration."""

import re
import subprocess

import pytest
import yaml

from conftest import need
from support import fedfront
from support.fedfront import REPOSITORY
from support.kubernetes import duration

UNIT = REPOSITORY / "deploy/systemd/fedfront.service"
SOCKET = REPOSITORY / "deploy/systemd/fedfront.socket"
INSTALLED = "/usr/local/bin/fedfront"
# `systemd-analyze security` counts from 0 to 10; what is left is the network and the port below 1024. Its versions
# differ by some tenths.
EXPOSURE = 2.0


def settings(unit=UNIT):
    """Every value of every key of the unit, in order."""
    found = {}
    for key, value in re.findall(r"^([A-Za-z]+)=(.*)$", unit.read_text(), re.M):
        found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def unit(tmp_path, binary_built):
    """The unit, with the binary where it is now."""
    need("systemd-analyze", "/bin/kill")
    text = UNIT.read_text()
    assert INSTALLED in text
    file = tmp_path / "fedfront.service"
    file.write_text(text.replace(INSTALLED, str(fedfront.binary())))
    return file


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def test_systemd_understands_every_line(unit):
    verified = analyze("verify", "--man=no", unit)
    # Other units of this machine may have something to say, too.
    assert verified.returncode == 0 and "fedfront.service" not in verified.stderr, verified.stderr
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in analyze("verify", "--man=no", unit).stderr


def test_systemd_understands_the_socket_and_leads_it_to_the_service(unit):
    socket = unit.with_suffix(".socket")
    socket.write_text(SOCKET.read_text())
    verified = analyze("verify", "--man=no", socket, unit)
    assert verified.returncode == 0 and "fedfront." not in verified.stderr, verified.stderr
    # By its name alone it belongs to the service, which is given it at its start.
    assert SOCKET.stem == UNIT.stem and "Service" not in settings(SOCKET) and "Accept" not in settings(SOCKET)
    socket.write_text(SOCKET.read_text().replace("Backlog=", "Backlogs="))
    assert "Backlogs" in analyze("verify", "--man=no", socket, unit).stderr


@pytest.mark.parametrize("example", ["wso2", "oam"])
def test_the_socket_is_where_the_examples_listen(example):
    proxy = yaml.safe_load((REPOSITORY / f"deploy/examples/{example}.yaml").read_text())
    assert settings(SOCKET)["ListenStream"] == [listen["address"] for listen in proxy["listen"]]


# What an upgrade does besides serving: a process is started, told by a socket of its own, and waited for.
UPGRADE = {"execve", "clone", "vfork", "wait4", "kill", "socketpair", "sendmsg", "recvmsg", "shutdown", "dup2", "dup3"}


def test_its_filter_lets_it_start_its_successor():
    found = settings()
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged"]

    def calls(group):
        listed = analyze("syscall-filter", group).stdout.split("\n")[2:]
        names = {line.strip() for line in listed if line.strip()}
        return {name for each in names for name in (calls(each) if each.startswith("@") else {each})}

    assert UPGRADE <= calls("@system-service") - calls("@privileged")
    # What it may do at ports below 1024 its successor may, too: nothing is in the file of the program.
    assert found["AmbientCapabilities"] == found["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]


def test_it_is_confined(unit):
    def exposed():
        return analyze("security", "--offline=yes", "--no-pager", f"--threshold={round(EXPOSURE * 10)}", unit)

    confined = exposed()
    assert confined.returncode == 0, confined.stdout
    unit.write_text(re.sub(r"^(SystemCall|Protect)\w+=.*\n", "", unit.read_text(), flags=re.M))
    assert exposed().returncode != 0


def test_it_is_told_of_the_start_and_reloads_only_what_is_right():
    found = settings()
    assert (found["Type"], found["NotifyAccess"]) == (["notify"], ["all"])
    (start,) = found["ExecStart"]
    assert found["ExecReload"] == [start.replace(" run ", " check "), "/bin/kill -HUP $MAINPID"]
    # Usage and configuration: to try again would change nothing.
    assert found["RestartPreventExitStatus"] == ["64 78"]


def test_it_has_time_to_end():
    limits = yaml.safe_load((REPOSITORY / "proxy.yaml").read_text())["limits"]
    (stop,) = settings()["TimeoutStopSec"]
    assert duration(stop) >= duration(limits["lame_duck"]) + duration(limits["drain"]) + 5


@pytest.mark.parametrize("example", ["wso2", "oam"])
def test_its_folders_are_those_of_the_examples(example):
    found = settings()
    proxy = yaml.safe_load((REPOSITORY / f"deploy/examples/{example}.yaml").read_text())
    assert proxy["admin"]["socket"].rsplit("/", 1)[0] == f"/run/{found['RuntimeDirectory'][0]}"
    audit = proxy["telemetry"]["audit_file"]
    assert audit.rsplit("/", 1)[0] == f"/var/log/{found['LogsDirectory'][0]}"
    rotated = (REPOSITORY / "deploy/systemd/fedfront.logrotate").read_text()
    assert f"\n{audit} {{\n" in rotated and f" {UNIT.name}\n" in rotated
    assert re.search(r"^ +systemctl kill --kill-who=main --signal=USR1 ", rotated, re.M)
    assert f"su {found['User'][0]} {found['Group'][0]}\n" in rotated
