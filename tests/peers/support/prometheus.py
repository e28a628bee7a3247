"""A Prometheus that scrapes one fedfront several times a second, with the alerts that are shipped."""

import requests
import yaml

from . import waiting
from .fedfront import REPOSITORY
from .process import Process

ALERTS = REPOSITORY / "deploy/prometheus/alerts.yaml"


class Prometheus:
    def __init__(self, directory, target):
        self.port = waiting.free_port()
        file = directory / "prometheus.yml"
        scrape = {
            "job_name": "fedfront",
            "scrape_interval": "500ms",
            "scrape_timeout": "500ms",
            "static_configs": [{"targets": [target]}],
        }
        alerts = {"evaluation_interval": "1s"}
        whole = {"global": alerts, "rule_files": [str(ALERTS)], "scrape_configs": [scrape]}
        file.write_text(yaml.safe_dump(whole))
        argv = [
            "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        self.process = Process("prometheus", argv, cwd=directory)
        waiting.until(self._is_ready, "prometheus being ready")

    def _is_ready(self):
        assert self.process.alive(), self.process.output()
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).ok
        except requests.ConnectionError:
            return False

    def query(self, expression):
        """The samples of an instant query; what cannot be parsed fails."""
        answer = requests.post(
            f"http://127.0.0.1:{self.port}/api/v1/query", data={"query": expression}, timeout=30
        ).json()
        assert answer["status"] == "success", (expression, answer)
        return answer["data"]["result"]

    def names(self):
        """Every metric that it has."""
        url = f"http://127.0.0.1:{self.port}/api/v1/label/__name__/values"
        return set(requests.get(url, timeout=30).json()["data"])

    def rules(self):
        """Every alert, with whether it could be evaluated."""
        groups = requests.get(f"http://127.0.0.1:{self.port}/api/v1/rules", timeout=30).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def stop(self):
        self.process.stop()
