"""The chart in deploy/helm/fedfront, rendered by helm."""

import functools
import re
import shlex

import yaml

from .fedfront import REPOSITORY
from .kubernetes import FOLDER, Manifests, run

CHART = REPOSITORY / "deploy/helm/fedfront"
README = CHART / "README.md"
# Beside what the release is called.
NAMES = ("--namespace", "sso")


def proxy_file(mode):
    return FOLDER / ("standalone" if mode == "standalone" else "sidecar") / "proxy.yaml"


@functools.cache
def render(values="", mode="standalone", chart=CHART, proxy=True):
    """What `helm install fedfront` would apply, given more values as YAML."""
    told = template(values, mode, chart, proxy)
    assert told.returncode == 0, told.stderr
    return Manifests(told.stdout)


def template(values="", mode="standalone", chart=CHART, proxy=True):
    given = ["--set-file", f"proxy={proxy_file(mode)}"] if proxy else []
    argv = ["template", "fedfront", chart, *NAMES, "--set", f"mode={mode}", *given, "--values", "-"]
    return run("helm", *argv, input=values or "{}")


def blocks(language, document=README):
    """The blocks of a document in one language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", document.read_text(), re.M | re.S)


def commands(text):
    """Each command of a block of shell, as words."""
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def values():
    return yaml.safe_load((CHART / "values.yaml").read_text())
