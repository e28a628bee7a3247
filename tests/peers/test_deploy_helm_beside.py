"""deploy/helm beside an identity provider: the patch, the parts for a chart of one's own, and the manifests' twin."""

import pytest
import yaml

from conftest import need
from support import helm
from support.fedfront import REPOSITORY
from support.helm import CHART, render
from support.kubernetes import VERSIONS, Variant, believed_ready, kustomize, program, run, validate, violations


@pytest.fixture(scope="module", autouse=True)
def programs():
    need(program("helm"), program("kubectl"))


WSO2 = """
apiVersion: apps/v1
kind: {kind}
metadata: {{ name: wso2is }}
spec:
  {extra}
  selector: {{ matchLabels: {{ app.kubernetes.io/name: wso2is }} }}
  template:
    metadata: {{ labels: {{ app.kubernetes.io/name: wso2is }} }}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 30
      securityContext: {{ runAsNonRoot: true, seccompProfile: {{ type: RuntimeDefault }} }}
      initContainers:
        - name: migrate
          image: docker.io/wso2/wso2is:7.0.0
          securityContext: &own {{ runAsUser: 802, allowPrivilegeEscalation: false, capabilities: {{ drop: [ALL] }} }}
      containers:
        - name: wso2is
          image: docker.io/wso2/wso2is:7.0.0
          securityContext: *own
          ports: [{{ containerPort: 9443 }}]
      volumes: [{{ name: data, emptyDir: {{}} }}]
"""


@pytest.mark.parametrize(
    "way, kind, sleep_by, version",
    [
        ("kubectl", "Deployment", "exec", VERSIONS[0]),
        ("kustomize", "Deployment", "exec", VERSIONS[0]),
        ("kustomize", "StatefulSet", "exec", VERSIONS[0]),
        # From Kubernetes 1.30 on.
        ("kubectl", "Deployment", "kubelet", VERSIONS[1]),
        ("kustomize", "StatefulSet", "kubelet", VERSIONS[1]),
    ],
)
def test_the_patch_puts_fedfront_beside_an_identity_provider(way, kind, sleep_by, version, tmp_path):
    values = "secrets: [fedfront]\nimagePullSecrets: [{ name: registry }]\n"
    values += f"sidecar: {{ kind: {kind}, sleepBy: {sleep_by} }}"
    extra = "serviceName: wso2is" if kind == "StatefulSet" else "replicas: 2"
    patched = apply(way, WSO2.format(kind=kind, extra=extra), render(values, "patch").text, tmp_path)
    (object,) = patched
    validate(object, version)
    pod = object["spec"]["template"]["spec"]
    assert violations(pod) == []
    containers = {each["name"]: each for each in pod["initContainers"] + pod["containers"]}
    assert containers.keys() == {"migrate", "fedfront", "wso2is"}
    sidecar = containers["fedfront"]
    assert sidecar["restartPolicy"] == "Always" and sidecar["securityContext"]["runAsUser"] == 65532
    assert sidecar["lifecycle"]["preStop"]["exec"]["command"] == ["/fedfront", "drain", *sidecar["args"][1:]]
    sleeps = {"exec": {"exec": {"command": ["sleep", "30"]}}, "kubelet": {"sleep": {"seconds": 30}}}
    assert containers["wso2is"]["lifecycle"]["preStop"] == sleeps[sleep_by]
    assert containers["wso2is"]["ports"] and containers["wso2is"]["image"].startswith("docker.io/")
    # Its sleep, its end, the drain of fedfront, and some.
    assert pod["terminationGracePeriodSeconds"] == 30 + 30 + 20 + 10
    assert believed_ready(sidecar) >= 30
    assert [volume["name"] for volume in pod["volumes"] if volume["name"] == "data"] == ["data"]
    configured = render(values, "sidecar").one("ConfigMap")["metadata"]["name"]
    assert {"configMap": {"name": configured}} in [
        source for volume in pod["volumes"] for source in volume.get("projected", {}).get("sources", [])
    ]
    selector = render(values, "sidecar").one("Service")["spec"]["selector"]
    assert selector.items() <= object["spec"]["template"]["metadata"]["labels"].items()


def apply(way, manifest, patch, folder):
    (folder / "wso2.yaml").write_text(manifest)
    (folder / "patch.yaml").write_text(patch)
    if way == "kustomize":
        kustomization = {"resources": ["wso2.yaml"], "patches": [{"path": "patch.yaml"}]}
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return kustomize(folder).objects
    argv = ["patch", "--local", "-f", folder / "wso2.yaml", "--patch-file", folder / "patch.yaml", "-o", "yaml"]
    patched = run("kubectl", *argv)
    assert patched.returncode == 0, patched.stderr
    return [yaml.safe_load(patched.stdout)]


def test_the_patch_and_the_manifests_have_the_same_sidecar():
    ours = Variant("sidecar").built
    patched = render("secrets: [fedfront]\nresources: { requests: { cpu: 100m } }", "patch")
    mine, theirs = ours.container("fedfront"), patched.container("fedfront")
    assert theirs.pop("imagePullPolicy") == "IfNotPresent"
    assert theirs == mine
    assert patched.pod["terminationGracePeriodSeconds"] == ours.pod["terminationGracePeriodSeconds"]
    replaced = render("rollOut: true", "patch").deployment["spec"]["template"]["metadata"]["annotations"]
    assert len(replaced["fedfront/configuration"]) == 64
    lifecycles = [each.container("wso2is")["lifecycle"] for each in (patched, ours)]
    assert lifecycles[0] == lifecycles[1]


def test_standing_alone_is_the_same_by_chart_and_by_manifests():
    ours, theirs = Variant("standalone").built, render("secrets: [fedfront]")
    container = theirs.container("fedfront")
    assert container.pop("imagePullPolicy") == "IfNotPresent"
    mine = ours.container("fedfront")
    for mount in mine["volumeMounts"]:
        mount["name"] = {"run": "fedfront-run"}.get(mount["name"], mount["name"])
    assert container == mine
    for key in ("securityContext", "terminationGracePeriodSeconds", "automountServiceAccountToken"):
        assert theirs.pod[key] == ours.pod[key]
    scaled = render("autoscaling: { enabled: true }").one("HorizontalPodAutoscaler")["spec"]
    by_hand = yaml.safe_load((REPOSITORY / "deploy/kubernetes/standalone/autoscaling/autoscaler.yaml").read_text())[
        "spec"
    ]
    assert scaled == by_hand


def test_a_chart_of_ones_own_includes_the_parts(tmp_path):
    (template_,) = [block for block in helm.blocks("yaml") if ".Subcharts" in block]
    parent = tmp_path / "wso2"
    (parent / "templates").mkdir(parents=True)
    (parent / "charts").mkdir()
    (parent / "charts/fedfront").symlink_to(CHART)
    dependency = {"name": "fedfront", "version": "0.1.0", "repository": ""}
    chart = {"apiVersion": "v2", "name": "wso2", "version": "1.0.0", "dependencies": [dependency]}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(chart))
    proxy = helm.proxy_file("sidecar").read_text()
    (parent / "values.yaml").write_text(
        yaml.safe_dump({"fedfront": {"mode": "sidecar", "proxy": proxy, "secrets": ["fedfront"]}})
    )
    (parent / "templates/pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: { name: wso2is }\n" + template_)
    made = run("helm", "template", "sso", parent)
    assert made.returncode == 0, made.stderr
    objects = {each["kind"]: each for each in yaml.safe_load_all(made.stdout) if each}
    assert objects.keys() == {"Pod", "ConfigMap", "Service", "NetworkPolicy"}
    patched = render("secrets: [fedfront]", "patch")
    (sidecar,) = objects["Pod"]["spec"]["initContainers"]
    assert sidecar == patched.container("fedfront")
    assert objects["Pod"]["spec"]["terminationGracePeriodSeconds"] == 90
    for each in objects.values():
        if each["kind"] == "Pod":
            each["spec"]["containers"][0]["image"] = "wso2is"
        validate(each, VERSIONS[0])
