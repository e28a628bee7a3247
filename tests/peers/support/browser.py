"""Chromium, and one page of it at a time."""

import contextlib
import json
import os
import pathlib
import re

from playwright.sync_api import sync_playwright

from . import status
from .fedfront import REPOSITORY

CHROMIUM = "/usr/bin/chromium"
# An origin that is neither HTTPS nor this machine's own: browsers keep the clipboard from its pages.
ELSEWHERE = "http://fedfront.test:9464/"
AXE = pathlib.Path(os.environ.get("PEERS_NODE", REPOSITORY / "target/peers/node")) / "node_modules/axe-core/axe.min.js"


@contextlib.contextmanager
def chromium():
    with sync_playwright() as playwright:
        # Tests may run as root, whom its sandbox does not serve.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """A page at `url`, with all that it asked for and complained of."""

    def __init__(self, browser, url, width=1280, height=900, scheme="light", **options):
        self.url = url
        self.asked = []
        self.complaints = []
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            locale="en-GB",
            timezone_id="UTC",
            **options,
        )
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self):
        self.page.goto(self.url)
        self.page.wait_for_selector("h1")
        return self.page

    def strangers(self):
        """Whom it asked besides its own origin."""
        return [url for url in self.asked if not url.startswith((self.url, "data:"))]

    def overflow(self):
        """By how many pixels it is too wide, and what sticks out."""
        return self.page.evaluate(
            """() => {
                const wide = document.documentElement.scrollWidth - innerWidth;
                const out = [...document.querySelectorAll('main *')].filter((one) => {
                    const { right, left } = one.getBoundingClientRect();
                    return (right > innerWidth + 1 || left < -1) && !one.closest('.scroll, .unseen, .hit, thead');
                });
                return [wide, out.map((one) => `${one.localName}.${one.getAttribute('class')}`)];
            }"""
        )

    def violations(self):
        """What axe-core finds against it."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]]

    def close(self):
        self.context.close()


class StandIn:
    """The page of a real fedfront, which is answered with a state of the test's choice. `gone`: with nothing."""

    def __init__(self, answer):
        self.headers = {name: value for name, value in answer.headers.items() if name not in ("content-length", "connection")}
        self.html = answer.text
        self.status = status.ready()
        self.gone = False

    def serve(self, tab):
        tab.page.route("**/*", self._answer)

    def _answer(self, route):
        path = "/" + route.request.url.split("/", 3)[3]
        if path == "/status.json" and self.gone:
            route.abort("connectionrefused")
        elif path == "/status.json":
            route.fulfill(json=self.status)
        elif path == "/":
            told = json.dumps(self.status).replace("<", "\\u003c")
            html = re.sub(r'(id="status">).*?(</script>)', lambda found: found[1] + told + found[2], self.html, flags=re.S)
            route.fulfill(body=html, headers=self.headers)
        else:
            route.abort()
