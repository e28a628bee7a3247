"""The status page in Chromium: every state, narrow and wide, light and dark, by keyboard alone, and of a real fedfront."""

import json
import os
import re
import signal

import pytest
import requests

from conftest import need
from support import status, waiting
from support.browser import AXE, CHROMIUM, ELSEWHERE, StandIn, Tab, chromium
from support.fedfront import REPOSITORY, ldap
from support.people import ALICE, BOB, WRONG
from support.rst import Rst, send, sign_in, token

HTML = {"Accept": "text/html"}
# What a reader must find in each state.
TOLD = {
    "fresh": ["Starting", "Not used yet", "Has not been asked yet.", "no sign-in in 60 minutes"],
    "ready": ["Everything works", "Ready", "up 3 days 4 h", "68 days left", "fedfront token signing 2026", "RSA with SHA-1"],
    "directory_down": ["One thing does not work", "Not working", "Has not answered for 41 s: connection refused."],
    "idp_down": ["No server answers: what is forwarded fails.", "Did not answer when it was last asked."],
    "certificate_ending": ["12 days left", "Ends soon", "Ends in 12 days: renew it."],
    "certificate_ended": ["1 day over", "Not valid", "Has ended: renew it"],
    "reload_failed": ["is wrong: that of", "Waits for a restart: listen[1], limits.threads."],
    "draining": ["Draining: balancers send new requests elsewhere"],
    "redis_away": ["this replica goes on by itself"],
    "shadow": [
        "Answered by the identity provider, and compared (shadow). Since the start: 1,204 compared, 3 of them different; 17 not compared.",
        "Answered by the identity provider.",
    ],
    "audit_waits": ["Cannot be written: records wait, and those there is no room for are lost; the log says why."],
    "locked": ["Locked out now", "15", "11 of them from unknown places only", "2 sprays since the start"],
    "spraying": ["Password spraying", "Active", "Many names fail at once."],
    "many": ["153 of 153", "long-host-name-"],
}


@pytest.fixture(scope="module")
def browser():
    need(CHROMIUM)
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(launch_shared, slapd, nginx):
    """One of this file's own, which nobody else has troubled."""
    process = launch_shared(ldap(slapd), nginx.url)
    yield process
    process.finish()


@pytest.fixture(scope="module")
def served(proxy):
    """The page as a fedfront sends it."""
    return requests.get(proxy.admin + "/", headers=HTML, timeout=10)


@pytest.fixture
def show(browser, served):
    """`show(state)` opens the page of a fedfront in that state."""
    tabs = []

    def start(state="ready", url=ELSEWHERE, opened=True, **options):
        tab = Tab(browser, url, **options)
        tab.stand_in = StandIn(served)
        tab.stand_in.status = status.copied(state) if isinstance(state, str) else state
        tab.stand_in.serve(tab)
        tabs.append(tab)
        if opened:
            tab.open()
        return tab

    yield start
    for tab in tabs:
        tab.close()


def next_answer(tab):
    """Has the page ask again, and waits for what came of it."""
    before = tab.asked.count(tab.url + "status.json")
    tab.page.clock.run_for(5000)
    waiting.until(lambda: tab.page.evaluate("1") and tab.asked.count(tab.url + "status.json") > before, "another request")


def test_what_is_sent(proxy, served):
    assert served.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = served.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    for name, value in [
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Vary", "Accept"),
    ]:
        assert served.headers[name] == value
    assert "Set-Cookie" not in served.headers and "Access-Control-Allow-Origin" not in served.headers
    # A megabyte would be no page for a bad line.
    assert len(served.content) < 128 * 1024
    assert requests.get(proxy.admin + "/", timeout=10).text.startswith("fedfront ")
    told = requests.get(proxy.admin + "/status.json", timeout=10)
    assert (told.status_code, told.headers["Content-Type"], told.headers["Cache-Control"]) == (200, "application/json", "no-store")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        refused = requests.request(method, proxy.admin + "/status.json", timeout=10)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
    head = requests.head(proxy.admin + "/", headers=HTML, timeout=10)
    assert (head.status_code, head.content) == (200, b"")


@pytest.fixture(scope="module")
def sizes(browser, served):
    """A narrow page in the dark and a wide one in the light."""
    tabs = [Tab(browser, ELSEWHERE, width=width, scheme=scheme) for width, scheme in [(360, "dark"), (1600, "light")]]
    for tab in tabs:
        tab.stand_in = StandIn(served)
        tab.stand_in.serve(tab)
    yield tabs
    for tab in tabs:
        tab.close()


@pytest.mark.parametrize("state", status.STATES)
def test_every_state(sizes, state):
    for tab in sizes:
        tab.stand_in.status = status.copied(state)
        tab.open()
        text = tab.page.inner_text("body")
        assert [told for told in TOLD[state] if told not in text] == [], text
        assert tab.overflow() == [0, []]
        assert (tab.complaints, tab.strangers()) == ([], [])
        # Every level that is shown by a colour has its word beside it, too.
        words = tab.page.eval_on_selector_all(".badge", "all => all.map((one) => one.textContent)")
        assert words and all(words), words


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_whom_axe_speaks_for_can_use_it(show, width, scheme):
    """WCAG 2 AA, with each level and its contrast."""
    need(str(AXE))
    assert show(status.worst(), width=width, scheme=scheme, bypass_csp=True).violations() == []


def test_by_keyboard_alone(show):
    tab = show("ready", url="http://localhost:9464/", permissions=["clipboard-read", "clipboard-write"])
    page, keys = tab.page, tab.page.keyboard
    keys.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the state"
    keys.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    reached = []
    page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    for _ in range(200):
        keys.press("Tab")
        now = page.evaluate(
            """() => {
                const one = document.activeElement;
                const shown = one.name === 'theme' ? one.nextElementSibling : one;
                return [one === document.body, one.localName, (one.getAttribute('aria-label') || one.textContent).trim(), getComputedStyle(shown).outlineStyle];
            }"""
        )
        if now[0]:
            break
        assert now[3] != "none", f"no focus is seen on {now}"
        reached.append(tuple(now[1:3]))
    names = [name for _, name in reached]
    for name in ("Health", "Copy Issuer", "As a table", "3 more addresses", "status.json"):
        assert any(name in other for other in names), (name, names)
    assert len(reached) == page.locator("a:visible, button:visible, summary:visible").count() + 1, "one radio stands for three"
    # A folded domain opens, and its issuer is copied.
    page.locator("details.domain summary").nth(2).focus()
    keys.press("Enter")
    page.wait_for_selector("details.domain:nth-of-type(3)[open]")
    keys.press("Tab")
    keys.press("Enter")
    page.wait_for_selector("button.done:focus")
    assert page.evaluate("navigator.clipboard.readText()") == "http://subsidiary.example/adfs/services/trust/"
    assert page.inner_text("#said") == "Copied."
    page.locator("input[name=theme]:checked").focus()
    keys.press("ArrowRight")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_what_is_copied_is_what_is_shown(show):
    tab = show("ready", url="http://localhost:9464/", permissions=["clipboard-read", "clipboard-write"])
    page, wanted = tab.page, tab.stand_in.status["entra"][:2]
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    read = lambda: page.evaluate("navigator.clipboard.readText()")
    for at, row in enumerate(wanted):
        domain = page.locator("details.domain").nth(at)
        assert row["domain"] in domain.locator("summary").inner_text()
        rows = domain.locator(".setting").evaluate_all(
            "all => all.map((one) => [one.querySelector('dt .code').textContent, one.querySelector('dd .code').textContent, one.querySelector('button').dataset.copy])"
        )
        assert {name: (shown, copied) for name, shown, copied in rows} == {
            name: (value, value) for name, value in row["federation"].items()
        }
        domain.locator(".setting button").first.click()
        page.wait_for_selector(f"button.done[data-copy-key=entra-{at}-issuerUri]")
        assert read() == row["federation"]["issuerUri"]
        domain.locator(".all button").click()
        page.wait_for_selector(f"button.done[data-copy-key=entra-{at}-all]")
        assert json.loads(read()) == row["federation"]
    unknown = page.locator("details.domain").nth(2).locator(".setting", has_text="Not known here")
    assert unknown.locator("dt .code").all_inner_texts() == ["passiveSignInUri", "signOutUri"]
    assert tab.complaints == []


def test_it_copies_where_browsers_keep_the_clipboard_from_pages(show):
    tab = show("many")
    page = tab.page
    assert page.evaluate("isSecureContext") is False
    page.locator("details.domain .setting button").first.click()
    page.wait_for_selector("button.done:focus")
    page.locator("#filter").focus()
    page.keyboard.press("Control+V")
    assert page.input_value("#filter") == tab.stand_in.status["entra"][0]["federation"]["issuerUri"]
    assert tab.complaints == []


def test_parties_are_found_among_many(show):
    page = show("many").page
    page.fill("#filter", "CLUSTER")
    assert page.locator(".parties tbody tr").count() == 1
    assert "1 of 153" in page.inner_text("#parties")
    page.fill("#filter", "nobody at all")
    assert page.locator(".parties tbody tr").count() == 0


def test_it_follows_in_place(show):
    tab = show("ready", opened=False)
    tab.page.clock.install(time=status.NOW)
    page = tab.open()
    page.locator("#endpoint-sts summary").click()
    page.locator("#endpoint-sts details button").first.focus()
    page.evaluate("window.kept = document.activeElement")
    tab.stand_in.status = status.copied("directory_down")
    next_answer(tab)
    page.wait_for_selector("text=One thing does not work")
    assert page.evaluate("document.activeElement === window.kept && document.contains(window.kept)"), "the focus stays"
    assert page.locator("#endpoint-sts details").evaluate("one => one.open"), "what is open stays open"
    assert page.title() == "One thing does not work – fedfront"
    assert page.text_content("#said") == "One thing does not work"
    tab.stand_in.status = status.copied("ready")
    next_answer(tab)
    page.wait_for_selector("text=Everything works")
    assert page.locator(".problems").count() == 0
    tab.stand_in.status = {**status.copied("ready"), "version": "9.9.9"}
    next_answer(tab)
    page.wait_for_selector("text=fedfront 9.9.9 answers now")
    assert tab.complaints == []


def test_who_does_not_look_asks_nothing(show):
    tab = show("ready", opened=False)
    tab.page.clock.install(time=status.NOW)
    page = tab.open()
    hide = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')) }"
    page.evaluate(hide, True)
    page.clock.run_for(60_000)
    assert tab.asked.count(tab.url + "status.json") == 0
    page.evaluate(hide, False)
    waiting.until(lambda: page.evaluate("1") and tab.asked.count(tab.url + "status.json") == 1, "a request at once")
    next_answer(tab)


def test_a_fedfront_that_is_gone_is_told_until_it_is_back(show):
    tab = show("ready", opened=False, width=360)
    tab.page.clock.install(time=status.NOW)
    page = tab.open()
    tab.stand_in.gone = True
    next_answer(tab)
    page.wait_for_selector("[role=alert] >> text=fedfront no longer answers.")
    assert page.title() == "No answer – fedfront" and tab.overflow() == [0, []]
    assert "https://sts.example.com" in page.inner_text("#entra"), "the last state stays"
    tab.stand_in.gone = False
    next_answer(tab)
    page.wait_for_selector("text=Everything works")
    assert page.locator("[role=alert]").count() == 0
    assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in tab.complaints), tab.complaints


def test_colours_are_the_readers_choice(show):
    tab = show("ready", scheme="dark")
    page = tab.page
    ground = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")
    dark = ground()
    page.get_by_text("Light", exact=True).click()
    light = ground()
    assert light != dark
    page.reload()
    page.wait_for_selector("h1")
    assert ground() == light and page.is_checked("input[value=light]")
    page.get_by_text("Auto", exact=True).click()
    assert ground() == dark
    page.emulate_media(color_scheme="light")
    assert ground() == light
    assert (tab.context.cookies(), tab.complaints) == ([], [])


def test_charts_have_a_text_and_a_table(show):
    tab = show("spraying")
    page, hour = tab.page, tab.stand_in.status["activity"]["hour"]
    pictures = page.locator(".plot svg").evaluate_all("all => all.map((one) => [one.getAttribute('role'), one.getAttribute('aria-label')])")
    assert len(pictures) == 5 and all(role == "img" and label for role, label in pictures)
    assert f"refused {hour['total']['refused']:,}" in pictures[0][1]
    page.locator(".as-table summary").first.click()
    rows = page.locator(".as-table").first.locator("tbody tr")
    assert rows.count() == sum(1 for at in range(60) if any(hour[name][at] for name in ("signed_in", "refused", "locked")))
    assert rows.last.locator("td").nth(1).inner_text() == f"{hour['refused'][-1]:,}"


def test_on_paper_and_without_motion(show):
    page = show("ready", reduced_motion="reduce").page
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not page.is_visible("nav") and not page.is_visible("button")
    assert page.locator("details.domain:not([open])").count() == 0, "each domain is on the paper"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.domain:not([open])").count() == 2


def test_without_a_script(browser, proxy):
    tab = Tab(browser, proxy.admin + "/", java_script_enabled=False)
    page = tab.open()
    text = page.inner_text("body")
    for told in ("Health", "Listeners", "Working", "Certificates", "Days left", "issuerUri", "office365"):
        assert told in text, text
    assert (tab.strangers(), tab.complaints) == ([], [])
    tab.close()


def test_a_real_one_at_work(browser, proxy):
    before = requests.get(proxy.admin + "/status.json", timeout=10).json()["activity"]["day"]["total"]
    token(sign_in(proxy, ALICE))
    assert send(proxy, Rst(user=BOB.upn, password=WRONG)).status_code == 500
    proxy.get("/page")
    told = requests.get(proxy.admin + "/status.json", timeout=10).json()
    total = told["activity"]["day"]["total"]
    grown = {name: total[name] - before[name] for name in ("signed_in", "refused", "tokens", "forwarded")}
    assert grown == {"signed_in": 1, "refused": 1, "tokens": 1, "forwarded": 1}
    assert total["forward_ms_95"] > 0
    tab = Tab(browser, proxy.admin + "/")
    page = tab.open()
    assert page.inner_text("h1") == told["headline"] == "Everything works", told["problems"]
    assert page.locator(".bar.good").count() > 0
    page.wait_for_timeout(0)
    assert (tab.complaints, tab.strangers()) == ([], [])
    for hidden in (ALICE.login, BOB.login, "dc=example", "O365-Users", "127.0.0.1/", ".crt"):
        assert hidden not in json.dumps(told), hidden
    tab.close()


def test_a_real_one_in_trouble_and_then_gone(browser, launch, slapd):
    dead = waiting.free_port()
    directory = ldap(slapd)
    directory["ldap"]["urls"] = [f"ldaps://localhost:{dead}"]
    proxy = launch(directory, f"http://127.0.0.1:{dead}")
    told = lambda: requests.get(proxy.admin + "/status.json", timeout=10).json()
    assert told()["headline"] == "Everything works", told()["problems"]
    assert sign_in(proxy, ALICE).status_code == 503
    assert proxy.get("/page").status_code == 502
    waiting.until(lambda: told()["headline"] == "2 things do not work", "both are told")
    ready = requests.get(proxy.admin + "/readyz?verbose", timeout=10)
    assert ready.status_code == 200, "a sidecar starts first, and forwarding outlives a directory"
    behind = f"[i] upstream: http://127.0.0.1:{dead}: did not answer when it was last asked"
    assert {behind, "[i] audit: every record was written"} <= set(ready.text.splitlines()), ready.text
    proxy.file.write_text(proxy.file.read_text().replace("mode: own", "mode: another"))
    assert not proxy.reload()
    tab = Tab(browser, proxy.admin + "/", width=390)
    tab.page.clock.install()
    page = tab.open()
    text = page.inner_text(".problems")
    for name in ("Directory ldap", "Identity provider", "Configuration"):
        assert name in text, text
    # For 0 s it is not told.
    away = r"Not working: (Has not answered for [1-9]\d* s|Does not answer): "
    assert re.search(away, page.inner_text("#health")), page.inner_text("#health")
    assert (tab.overflow(), tab.complaints, tab.strangers()) == ([0, []], [], [])
    proxy.stop(signal.SIGTERM, timeout=10)
    tab.page.clock.run_for(5000)
    page.wait_for_selector("text=fedfront no longer answers.")
    tab.close()


@pytest.mark.skipif(not os.environ.get("FEDFRONT_SCREENSHOTS"), reason="written for the documentation only when FEDFRONT_SCREENSHOTS is set")
def test_pictures_for_the_documentation(show):
    folder = REPOSITORY / "deploy/docs/images"
    for name, state, width, height, scheme in [
        ("status-light", "ready", 1280, 1180, "light"),
        ("status-dark", "spraying", 1280, 1180, "dark"),
        ("status-narrow", "directory_down", 390, 1180, "light"),
    ]:
        tab = show(state, opened=False, width=width, height=height, scheme=scheme)
        tab.page.clock.set_fixed_time(status.NOW)
        tab.open().screenshot(path=folder / f"{name}.png")
    assert sum(file.stat().st_size for file in folder.glob("status-*.png")) < 400 * 1024
