"""The manifests of deploy/kubernetes: what the API server gets, and which part of it is fedfront's."""

import re

import yaml

from .fedfront import REPOSITORY

FOLDER = REPOSITORY / "deploy/kubernetes"
# Where deploy/README.md tells of each directory.
HEADINGS = {"sidecar": "Beside WSO2", "standalone": "Standing alone"}


def load(path):
    return yaml.safe_load(path.read_text())


class Variant:
    """One of the directories, `sidecar` or `standalone`."""

    def __init__(self, name):
        self.name = name
        self.folder = FOLDER / name
        self.kustomization = load(self.folder / "kustomization.yaml")
        self.objects = [load(self.folder / file) for file in self.kustomization["resources"]]
        self.proxy_file = self.folder / "proxy.yaml"
        self.proxy = load(self.proxy_file)

    def one(self, kind):
        (found,) = [each for each in self.objects if each["kind"] == kind]
        return found

    @property
    def deployment(self):
        return self.one("Deployment")

    @property
    def pod(self):
        return self.deployment["spec"]["template"]["spec"]

    @property
    def containers(self):
        return self.pod.get("initContainers", []) + self.pod["containers"]

    def container(self, name):
        (found,) = [each for each in self.containers if each["name"] == name]
        return found

    def volume(self, path):
        """The volume that fedfront has at a path."""
        (mount,) = [each for each in self.container("fedfront")["volumeMounts"] if each["mountPath"] == path]
        (volume,) = [each for each in self.pod["volumes"] if each["name"] == mount["name"]]
        return volume, mount

    def secrets(self):
        """The files of the Secrets that deploy/README.md makes for it, by Secret."""
        readme = (REPOSITORY / "deploy/README.md").read_text().replace("\\\n", " ")
        (section,) = [part for part in re.split("^##+ ", readme, flags=re.M) if part.startswith(HEADINGS[self.name])]
        (created,) = re.findall(r"create secret generic (\S+)(.*)", section)
        assert "create secret tls fedfront-tls " in readme
        return {created[0]: re.findall(r"--from-file=(\S+)", created[1]), "fedfront-tls": ["tls.crt", "tls.key"]}

    def mounted(self):
        """The files of /etc/fedfront in the pod."""
        volume, _ = self.volume("/etc/fedfront")
        (generated,) = self.kustomization["configMapGenerator"]
        contents = {"configMap": {generated["name"]: generated["files"]}, "secret": self.secrets()}
        files = []
        for source in volume["projected"]["sources"]:
            ((kind, projection),) = source.items()
            keys = contents[kind][projection["name"]]
            items = projection.get("items", [{"key": key, "path": key} for key in keys])
            assert {item["key"] for item in items} <= set(keys), projection
            files += [item["path"] for item in items]
        assert len(files) == len(set(files)), files
        return set(files)


def duration(text):
    """Seconds of a duration in a proxy.yaml."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]
