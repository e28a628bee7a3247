"""Peers that run on a Java virtual machine."""

import pathlib
import subprocess

CLIENTS = pathlib.Path(__file__).resolve().parents[1] / "clients"
# Debian's Apache Santuario, and what it logs with.
SANTUARIO = [pathlib.Path("/usr/share/java") / name for name in ("xmlsec.jar", "slf4j-api.jar", "commons-codec.jar")]


def java(source, classpath, *arguments, options=()):
    """What the one-file program prints, line by line; `(lines, what went wrong)`."""
    command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *options]
    command += ["-cp", ":".join(map(str, classpath)), str(CLIENTS / source), *map(str, arguments)]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.splitlines()


def santuario(folder, certificate, id_attribute, documents):
    """Apache Santuario's opinion of each document, by its key: `valid` with what is signed, or `invalid`."""
    files = []
    for name, content in documents.items():
        files.append(folder / f"{name}.xml")
        files[-1].write_bytes(content)
    lines = java("Verify.java", SANTUARIO, certificate, id_attribute, *files)
    return dict(zip(documents, lines, strict=True))
