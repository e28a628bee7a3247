"""The dashboard and the alerts, against a real Prometheus that scraped a fedfront under load."""

import itertools
import json
import math
import re
import subprocess

import pytest
import yaml

from conftest import need
from support import ecp, waiting
from support.ecp import AuthnRequest
from support.fedfront import REPOSITORY, ldap
from support.load import Load
from support.people import ALICE, BOB, WRONG
from support.prometheus import ALERTS, Prometheus
from support.rst import Rst, send, sign_in

DASHBOARD = REPOSITORY / "deploy/grafana/fedfront.json"
RUNBOOK = REPOSITORY / "deploy/prometheus/README.md"
VARIABLES = {"$job": ".+", "$instance": ".+", "$__rate_interval": "1m", "$datasource": "prometheus"}
METRIC = re.compile(r"\b(?:fedfront|process)_[a-z_]+\b")

# There is no `state`, no `directory.upstream`, no source of metadata that ends, and nothing is forwarded wrongly.
EMPTY = {
    "Days left: metadata": {"A", "B"},
    "Metadata sources": {"A", "B"},
}
# No operation was timed, so that there is no quantile.
NOTHING_TIMED = {"Shared state": {"C"}, "Passwords that it checks": {"B"}}


def dashboard():
    return json.loads(DASHBOARD.read_text())


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def targets():
    return [(panel, target) for panel in panels() for target in panel["targets"]]


def expression(target):
    text = target["expr"]
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    assert "$" not in text, text
    return text


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, launch_shared, slapd, nginx):
    need("prometheus")
    proxy = launch_shared(ldap(slapd), nginx.url, cache={"bind": {"ttl": "1s"}})
    server = Prometheus(tmp_path_factory.mktemp("prometheus"), proxy.admin.removeprefix("http://"))
    waiting.until(lambda: server.query("up == 1"), "the first scrape")

    def is_counted():
        sign_in(proxy, ALICE, password=WRONG)
        sign_in(proxy, BOB)
        send(proxy, Rst(user="nobody@example.com", password=WRONG))
        ecp.send(proxy, AuthnRequest(), (ALICE.upn, ALICE.password))
        proxy.get("/services/t/x/wso2carbon-sts")
        results = server.query("rate(fedfront_authentications_total[1m]) > 0")
        return len(results) >= 4 and server.query("rate(fedfront_cache_evictions_total[1m]) > 0")

    with Load(lambda: (proxy.port, "one"), proxy.ca) as load:
        waiting.until(is_counted, "sign-ins in prometheus", timeout=60)
        load.goes_on(requests=50)
    assert not load.failures, load.failures
    yield server
    server.stop()
    proxy.finish()


@pytest.mark.parametrize(
    "panel, target", targets(), ids=[f"{panel['title']} {target['refId']}" for panel, target in targets()]
)
def test_each_query_of_the_dashboard_has_data(prometheus, panel, target):
    found = prometheus.query(expression(target))
    name, ref = panel["title"], target["refId"]
    assert bool(found) != (ref in EMPTY.get(name, ())), (name, target["expr"])
    numbers = [float(sample["value"][1]) for sample in found]
    timed = any(not math.isnan(number) for number in numbers)
    assert not found or timed != (ref in NOTHING_TIMED.get(name, ())), (name, target["expr"], numbers)
    assert not re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"]) or all(
        label in sample["metric"] for sample in found for label in re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"])
    ), (name, target["legendFormat"], found[:1])


def test_every_metric_that_is_looked_at_exists(prometheus):
    alerts = [rule["expr"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    expressions = [target["expr"] for _, target in targets()] + alerts
    expressions += [note["expr"] for note in dashboard()["annotations"]["list"]]
    used = set(itertools.chain.from_iterable(METRIC.findall(text) for text in expressions))
    # Those of sources of metadata are there once there is a source.
    there = prometheus.names() | {name for name in used if name.startswith("fedfront_metadata_source_")}
    assert used - there == set()
    assert len(used) > 40


def test_the_annotation_can_be_evaluated(prometheus):
    for note in dashboard()["annotations"]["list"]:
        prometheus.query(expression(note))


def test_every_alert_is_evaluated_and_none_fires_without_cause(prometheus):
    rules = waiting.until(
        lambda: (all(rule["health"] == "ok" for rule in prometheus.rules()) and prometheus.rules()), "every rule"
    )
    assert len(rules) == len(yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"])
    # Certificates of tests do not last.
    firing = {rule["name"] for rule in rules if rule["state"] == "firing"} - {"FedfrontTlsCertificateEnds"}
    assert firing == set()


def test_promtool_takes_the_metrics_of_a_loaded_fedfront(prometheus, launch, slapd, nginx):
    need("promtool")
    proxy = launch(ldap(slapd), nginx.url)
    sign_in(proxy, ALICE)
    proxy.metrics()
    checked = subprocess.run(["promtool", "check", "metrics"], input=proxy.last_metrics, capture_output=True, text=True)
    assert checked.returncode == 0 and not checked.stderr, checked.stdout + checked.stderr


def test_the_dashboard_is_one_that_grafana_imports():
    whole = dashboard()
    assert whole["schemaVersion"] >= 39 and whole["uid"] and whole["title"] == "fedfront"
    assert [variable["name"] for variable in whole["templating"]["list"]] == ["datasource", "job", "instance"]
    ids = [panel["id"] for panel in whole["panels"]]
    assert len(ids) == len(set(ids))
    taken = set()
    for panel in whole["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or (panel["description"] and panel["targets"]), panel["title"]
    for _, target in targets():
        assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        selectors = re.findall(r"(?:fedfront|process)_[a-z_]+(\{[^}]*\})?", target["expr"])
        assert all('job=~"$job",instance=~"$instance"' in selector for selector in selectors), target["expr"]


def test_each_alert_says_what_to_do_and_is_proved():
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    proved = (REPOSITORY / "tests/peers/data/alerts_test.yaml").read_text()
    headings = {line[4:].strip() for line in RUNBOOK.read_text().splitlines() if line.startswith("### ")}
    for rule in rules:
        name, notes = rule["alert"], rule["annotations"]
        assert notes["summary"] and notes["description"], name
        assert notes["runbook"] == f"deploy/prometheus/README.md#{name.lower()}"
        assert name in headings
        assert f'alertname="{name}"' in proved or f"alertname: {name}" in proved, f"{name} is not tested to fire"
    assert headings == {rule["alert"] for rule in rules}
