"""A pod as the kubelet runs it, with processes for containers: fedfront is a native sidecar, started before the identity
provider and ended after it, and clients of the Service lose no request whichever pod comes or goes."""

import os
import signal
import threading

import pytest
import requests

from support import waiting
from support.fedfront import binary, ldap
from support.kubernetes import REPOSITORY, Manifests
from support.load import Load
from support.nginx import Nginx
from support.process import Process

MANIFEST = Manifests((REPOSITORY / "deploy/kubernetes/sidecar/deployment.yaml").read_text())
SIDECAR = MANIFEST.container("fedfront")
ROUNDS = 4 if os.environ.get("PEERS_LONG") else 2


class Service:
    """What leads clients to pods: those that are ready, until it has heard that they end."""

    def __init__(self):
        self._pods = []
        self._turn = 0

    def add(self, pod):
        self._pods = [*self._pods, pod]

    def remove(self, pod):
        self._pods = [each for each in self._pods if each is not pod]

    def target(self):
        pods = self._pods
        self._turn += 1
        pod = pods[self._turn % len(pods)]
        return pod.proxy.port, pod.name


class Pod:
    """fedfront and an identity provider, started and ended in the order of KEP 753."""

    def __init__(self, name, start, directory):
        self.name = name
        self.events = []
        self._start = start
        (directory / name).mkdir()
        self.idp = Nginx(directory / name)
        self.proxy = None

    def start(self):
        """Containers that are restarted always first, each until its startup probe has passed; then the others."""
        assert SIDECAR["restartPolicy"] == "Always" and SIDECAR in MANIFEST.pod["initContainers"]
        self.proxy = self._start(self.idp.url)
        self._passes("startupProbe")
        # The identity provider is not there yet, and nobody is restarted or held up for that.
        self._passes("livenessProbe")
        self._passes("readinessProbe")
        assert self.proxy.get("/page").status_code in (502, 503)
        assert self.proxy.get("/mex").status_code == 200
        self.idp.start()
        self.events.append("idp started")

    def ready(self):
        """Whether every container is: the identity provider accepts by now."""
        return self._passes("readinessProbe")

    def begin_end(self):
        """The preStop hooks of all containers begin at once; that of the identity provider sleeps."""
        program, *arguments = SIDECAR["lifecycle"]["preStop"]["exec"]["command"]
        assert program == "/fedfront"
        arguments = [self.proxy.file if word == "/etc/fedfront/proxy.yaml" else word for word in arguments]
        hook = Process("preStop", [binary(), *arguments])
        assert hook.wait() == 0, hook.output()
        assert MANIFEST.container("wso2is")["lifecycle"]["preStop"]["exec"]["command"][0] == "sleep"
        self.events.append("drained")

    def end(self, signal_number):
        """The sleep is over: the main container is ended, and when it has gone the sidecar gets its SIGTERM."""
        # A client that came last may ask for a second more, which is long over before that sleep is.
        quiet = waiting.Quiet(lambda: self.proxy.metric("http_requests_total"), seconds=3)
        waiting.until(quiet, "requests that came before being answered")
        self.idp.stop()
        self.events.append("idp ended")
        # Alone, it still answers what it answers itself.
        assert self.proxy.alive() and self.proxy.get("/mex").status_code == 200
        self.proxy.send(signal_number)
        assert self.proxy.wait(timeout=MANIFEST.pod["terminationGracePeriodSeconds"]) == 0, self.proxy.output()
        self.events.append("fedfront ended")

    def _passes(self, probe):
        path = SIDECAR[probe]["httpGet"]["path"]
        assert requests.get(self.proxy.admin + path, timeout=5).status_code == 200, (probe, self.name)
        return True


@pytest.fixture
def pods(launch, slapd, tmp_path):
    """`pods(name)` is a pod that is not started."""
    made = []

    def make(name):
        def start(behind):
            admin = {"socket": str(tmp_path / f"{name}.sock")}
            limits = {"lame_duck": "1s", "drain": "20s"}
            return launch(ldap(slapd), behind, admin=admin, limits=limits)

        made.append(Pod(name, start, tmp_path))
        return made[-1]

    yield make
    for pod in made:
        pod.idp.stop()


def test_pods_are_replaced_one_by_one_under_load(pods):
    service = Service()
    current = [pods("pod-0"), pods("pod-1")]
    for pod in current:
        pod.start()
        assert pod.ready()
        service.add(pod)
    with Load(service.target, current[0].proxy.ca) as load:
        for number in range(ROUNDS):
            load.goes_on(requests=10)
            fresh, old = pods(f"pod-{number + 2}"), current.pop(0)
            fresh.start()
            assert fresh.ready()
            service.add(fresh)
            current.append(fresh)
            load.goes_on(fresh.name)
            # What the kubelet does and what the Service hears are two things: requests still come meanwhile.
            old.begin_end()
            load.goes_on(old.name)
            service.remove(old)
            ending = threading.Thread(target=old.end, args=(signal.SIGTERM,))
            ending.start()
            load.goes_on(fresh.name)
            ending.join(60)
            assert old.events == ["idp started", "drained", "idp ended", "fedfront ended"], old.events
    assert not load.failures, load.failures[:5]
