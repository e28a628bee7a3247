"""Files that change are read again by themselves, however they are changed; what is wrong changes nothing, and nobody notices."""

import itertools
import os
import shutil
import subprocess
import threading
import time

import pytest
import requests
import yaml
from cryptography import x509

from conftest import cannot, need
from support import certificates, fedfront, waiting
from support.fedfront import ldap
from support.load import IDP, Load
from support.mounted import Mounted
from support.rst import sign_in

# How long certificates and configuration are changed under load: a minute if PEERS_LONG is set.
LOADED = 60 if os.environ.get("PEERS_LONG") else 15
# Between two certificates, and until when the next is served.
EACH = 2


@pytest.fixture
def run(launch_shared, site, slapd, nginx, tmp_path):
    """`run(tls, change, under)` starts one whose configuration and keys are in `tmp_path`; `tls` has `tls.crt` and `tls.key`."""
    running = []

    def start(tls=None, change=lambda whole: None, under=(), file=None, **sections):
        tls = tls or keys(tmp_path / "tls", site)
        port, admin_port = waiting.free_port(), waiting.free_port()
        signing = {"certificate_file": str(site.signing[0]), "private_key_file": str(site.signing[1])}
        pair = {"certificate_file": str(tls / "tls.crt"), "private_key_file": str(tls / "tls.key")}
        sections = {"admin": {"watch_files": True}, "issuer": {"signing": signing}, "listen": [{"tls": pair}], **sections}
        whole = fedfront.configuration(port, admin_port, site, ldap(slapd), nginx.url, **sections)
        change(whole)
        file = file or tmp_path / f"proxy-{len(running)}.yaml"
        fedfront.write(file, whole) if not file.is_symlink() else None
        running.append(fedfront.Fedfront(file, port, admin_port, site.ca, None, under))
        return running[-1]

    yield start
    for process in running:
        process.finish()


def keys(folder, site):
    """A folder with a TLS pair."""
    folder.mkdir()
    place(folder, made(site))
    return folder


def made(site, numbers=itertools.count()):
    """A new TLS pair, as octets by name."""
    files = site.authority.server(f"watched-{next(numbers)}", "localhost", "127.0.0.1")
    return {f"tls{file.suffix}": file.read_bytes() for file in files}


def place(folder, files):
    """Renames each over the one before."""
    for name, octets in files.items():
        (folder / f".{name}").write_bytes(octets)
        (folder / f".{name}").chmod(0o640)
        (folder / f".{name}").rename(folder / name)


def serial_of(files):
    return x509.load_pem_x509_certificate(files["tls.crt"]).serial_number


def serial(proxy):
    """Of the certificate that a new handshake sees."""
    with proxy.wire() as wire:
        return x509.load_der_x509_certificate(wire.socket.getpeercert(binary_form=True)).serial_number


def serves(proxy, files):
    waiting.until(lambda: serial(proxy) == serial_of(files), "the new certificate")


def edit(file, change):
    whole = yaml.safe_load(file.read_text())
    change(whole)
    return yaml.safe_dump(whole, sort_keys=False)


def forward_mex(whole):
    whole["endpoints"] = {"mex": "forward"}


def forwards_mex(proxy):
    return IDP in proxy.get("/mex").content


def noticed(proxy):
    """Which files have changed, each time."""
    return [line["files"] for line in proxy.told("files have changed")]


def reloads(proxy):
    """How often that was right, and wrong."""
    return tuple(proxy._reloads())


def verbose(proxy):
    return requests.get(proxy.admin + "/readyz?verbose", timeout=10).text


def fails(proxy, times):
    waiting.until(lambda: reloads(proxy)[1] == times, f"{times} failures")
    assert proxy.metric("config_last_reload_successful") == 0
    assert "by itself is wrong, and not in use" in verbose(proxy)


def test_volumes_of_kubernetes_are_taken_over(run, site, tmp_path):
    files = made(site)
    secret = Mounted(tmp_path / "secret", files)
    (tmp_path / "ldap-password").write_text("x")
    volume = Mounted(tmp_path / "config", {"proxy.yaml": b""})
    file = volume.folder / "proxy.yaml"

    def mount(whole):
        whole["directory"]["ldap"]["bind_password_file"] = str(tmp_path / "ldap-password")
        volume.put({"proxy.yaml": yaml.safe_dump(whole).encode()})

    (tmp_path / "ldap-password").write_text(fedfront.people.SERVICE_PASSWORD + "\n")
    proxy = run(tls=secret.folder, change=mount, file=file)
    assert "configuration: read 20" in verbose(proxy) and " at the start\n" in verbose(proxy)
    assert serial(proxy) == serial_of(files)
    for number in range(1, 4):
        files = made(site)
        secret.put(files)
        serves(proxy, files)
        waiting.until(lambda: reloads(proxy) == (number, 0), "one reload each")
        assert noticed(proxy)[-1] == f"{secret.folder}/tls.crt, {secret.folder}/tls.key"
    volume.put({"proxy.yaml": edit(file, forward_mex).encode()})
    waiting.until(lambda: forwards_mex(proxy), "the new configuration")
    waiting.until(lambda: reloads(proxy) == (4, 0), "one reload")
    assert noticed(proxy)[-1] == "proxy.yaml"
    assert proxy.told("the configuration was read again")[-1]["cause"] == "by itself"
    assert " by itself\n" in verbose(proxy)
    # What is the same in another folder is no change.
    secret.put(files)
    volume.put({"proxy.yaml": edit(file, lambda whole: whole.pop("endpoints")).encode()})
    waiting.until(lambda: not forwards_mex(proxy), "the configuration of before")
    assert (reloads(proxy), noticed(proxy)[-1]) == ((5, 0), "proxy.yaml")


def test_however_a_file_is_changed_it_is_noticed(run, site, tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to("through")
    (tmp_path / "through").symlink_to(real)
    place(real, made(site))
    proxy = run(tls=link)

    def in_place(folder, files):
        for name, octets in files.items():
            (folder / name).write_bytes(octets)

    def removed_first(folder, files):
        for name in files:
            (folder / name).unlink()
        in_place(folder, files)

    def moved(folder, files):
        """Another folder takes the place of the first."""
        (tmp_path / "new").mkdir()
        in_place(tmp_path / "new", files)
        folder.rename(tmp_path / "old")
        (tmp_path / "new").rename(folder)
        shutil.rmtree(tmp_path / "old")

    def linked(folder, files):
        """The link in the middle leads elsewhere."""
        elsewhere = tmp_path / f"elsewhere-{serial_of(files)}"
        elsewhere.mkdir()
        in_place(elsewhere, files)
        (tmp_path / "next").symlink_to(elsewhere)
        (tmp_path / "next").rename(tmp_path / "through")

    for change in (in_place, place, removed_first, moved, in_place, linked):
        files = made(site)
        change(link.resolve() if change is moved else link, files)
        serves(proxy, files)
        waiting.until(lambda: proxy.metric("config_last_reload_successful") == 1, "all being right")


def test_half_of_a_pair_and_of_a_configuration_wait_for_the_rest(run, site, tmp_path):
    proxy = run()
    before, files = serial(proxy), made(site)
    place(tmp_path / "tls", {"tls.crt": files["tls.crt"]})
    fails(proxy, 1)
    assert serial(proxy) == before
    (line,) = [line for line in proxy.told("listen[0].tls.private_key_file") if line["level"] == "ERROR"]
    assert line["line"] and line["help"], line
    place(tmp_path / "tls", {"tls.key": files["tls.key"]})
    serves(proxy, files)
    assert proxy.metric("config_last_reload_successful") == 1 and "is wrong" not in verbose(proxy)

    text = edit(proxy.file, forward_mex)
    with proxy.file.open("w") as written:
        written.write(text[: len(text) // 2])
        written.flush()
        fails(proxy, 2)
        assert not forwards_mex(proxy)
        written.write(text[len(text) // 2 :])
    waiting.until(lambda: forwards_mex(proxy), "the whole configuration")
    assert proxy.metric("config_last_reload_successful") == 1


def test_what_is_wrong_is_read_once_until_it_changes(run, tmp_path):
    proxy = run()
    right = proxy.file.read_text()
    proxy.file.write_text(right + "nonsense: 1\n")
    fails(proxy, 1)
    # Neither who writes the same again, nor who touches it, has it read again; another file with something else in it does.
    proxy.file.write_text(right + "nonsense: 1\n")
    os.utime(tmp_path / "tls" / "tls.crt")
    proxy.file.with_name("ldap-password").write_text("another\n")
    fails(proxy, 2)
    assert noticed(proxy) == [proxy.file.name, "ldap-password"]
    proxy.file.write_text(right + "nonsense: 2\n")
    fails(proxy, 3)
    assert len([line for line in proxy.told("nonsense") if line["level"] == "ERROR"]) == 3
    proxy.file.write_text(right)
    waiting.until(lambda: proxy.metric("config_last_reload_successful") == 1, "the configuration of before")
    assert reloads(proxy) == (1, 3)


def test_what_is_written_again_or_touched_is_no_change(run, site, tmp_path):
    """The other one, whose files change afterwards, shows when it would have been noticed."""
    same = made(site)
    for name in ("tls", "others"):
        (tmp_path / name).mkdir()
        place(tmp_path / name, same)
    one, other = run(tls=tmp_path / "tls"), run(tls=tmp_path / "others")
    place(tmp_path / "tls", same)
    os.utime(tmp_path / "tls" / "tls.key")
    one.file.write_text(one.file.read_text())
    files = made(site)
    place(tmp_path / "others", files)
    serves(other, files)
    assert (reloads(one), noticed(one)) == ((0, 0), [])


def test_what_a_wrong_configuration_names_mends_it_when_it_comes(run, site, tmp_path):
    proxy = run()
    files = made(site)
    new = tmp_path / "new"

    def rename(whole):
        whole["listen"][0]["tls"] = {"certificate_file": str(new / "tls.crt"), "private_key_file": str(new / "tls.key")}

    proxy.file.write_text(edit(proxy.file, rename))
    fails(proxy, 1)
    new.mkdir()
    place(new, files)
    serves(proxy, files)
    # And is followed from then on, while what it names no more is not.
    files = made(site)
    place(tmp_path / "tls", made(site))
    place(new, files)
    serves(proxy, files)
    assert not any(f"{tmp_path}/tls/" in line or "tls/tls.crt" in line for line in noticed(proxy))


def test_what_is_deleted_is_served_on_and_its_return_noticed(run, site, tmp_path):
    proxy = run()
    before, files = serial(proxy), made(site)
    (tmp_path / "tls" / "tls.key").unlink()
    fails(proxy, 1)
    shutil.rmtree(tmp_path / "tls")
    fails(proxy, 2)
    assert serial(proxy) == before and sign_in(proxy, fedfront.people.ALICE).status_code == 200
    (tmp_path / "tls").mkdir()
    place(tmp_path / "tls", files)
    serves(proxy, files)
    files = made(site)
    place(tmp_path / "tls", files)
    serves(proxy, files)
    right = proxy.file.read_text()
    failures = reloads(proxy)[1]
    proxy.file.unlink()
    fails(proxy, failures + 1)
    proxy.file.write_text(edit_text(right, forward_mex))
    waiting.until(lambda: forwards_mex(proxy), "the configuration that came back")


def edit_text(text, change):
    whole = yaml.safe_load(text)
    change(whole)
    return yaml.safe_dump(whole, sort_keys=False)


def test_who_may_not_read_a_file_any_more_keeps_what_was_in_it(run, tmp_path):
    under = ()
    if os.geteuid() == 0:
        need("setpriv")
        under = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
        if subprocess.run([*under, "true"], capture_output=True).returncode:
            cannot("root's right to read everything cannot be given up here")
    proxy = run(under=under)
    before, key = serial(proxy), tmp_path / "tls" / "tls.key"
    key.chmod(0)
    fails(proxy, 1)
    assert any("may not be read" in line["message"] for line in proxy.told("listen[0].tls.private_key_file"))
    assert serial(proxy) == before
    key.chmod(0o640)
    waiting.until(lambda: proxy.metric("config_last_reload_successful") == 1, "the key being readable again")
    assert serial(proxy) == before


def test_nothing_is_done_by_itself_where_that_is_off(run, site, tmp_path):
    """The other one, which reads the same files, shows when the change could have been noticed."""
    off, on = run(admin={"watch_files": False}), run(tls=tmp_path / "tls")
    before, files = serial(off), made(site)
    place(tmp_path / "tls", files)
    serves(on, files)
    assert (serial(off), reloads(off), noticed(off)) == (before, (0, 0), [])
    assert off.reload() and serial(off) == serial_of(files)
    assert " by SIGHUP\n" in verbose(off)
    # It is switched while it runs, and so is the other.
    off.file.write_text(edit(off.file, lambda whole: whole["admin"].update(watch_files=True)))
    assert off.reload()
    on.file.write_text(edit(on.file, lambda whole: whole["admin"].update(watch_files=False)))
    waiting.until(lambda: reloads(on)[0] == 2, "the switch")
    latest = made(site)
    place(tmp_path / "tls", latest)
    serves(off, latest)
    assert serial(on) == serial_of(files)


def inotify(proxy):
    """How many folders are watched, and how many descriptors and threads there are."""
    folder = f"/proc/{proxy.pid}"
    numbers = os.listdir(f"{folder}/fdinfo")

    def about(number):
        try:
            return open(f"{folder}/fdinfo/{number}").read()
        except OSError:
            return ""

    watched = sum(about(number).count("inotify wd:") for number in numbers)
    return watched, len(numbers), len(os.listdir(f"{folder}/task"))


def test_certificates_and_configurations_change_under_load(run, site, tmp_path):
    """Certificates every two seconds, configurations good and bad in turn, under load: no request fails, and each certificate is
    served within two seconds."""
    files = made(site)
    secret = Mounted(tmp_path / "secret", files)
    proxy = run(tls=secret.folder)
    right = proxy.file.read_text()
    wrong = [right + "nonsense: 1\n", right[: len(right) // 2], "", right.replace("office365", "office-366")]
    texts = itertools.chain.from_iterable((bad, edit_text(right, forward_mex), right) for bad in itertools.cycle(wrong))
    late, ended = [], threading.Event()

    def configurations():
        while not ended.wait(0.7):
            proxy.file.write_text(next(texts))

    configuring = threading.Thread(target=configurations)
    with Load(lambda: (proxy.port, 1), proxy.ca) as load:
        load.goes_on()
        most = None
        configuring.start()
        began = time.monotonic()
        swaps = 0
        while time.monotonic() < began + LOADED:
            files = made(site)
            secret.put(files)
            put = time.monotonic()
            waiting.until(lambda: serial(proxy) == serial_of(files), "the new certificate")
            late.append(time.monotonic() - put)
            swaps += 1
            time.sleep(max(0, put + EACH - time.monotonic()))
            most = most or inotify(proxy)
        ended.set()
        configuring.join()
        proxy.file.write_text(right)
        load.goes_on()
    print(f"{swaps} swaps, {load.answers.total()} answers, {reloads(proxy)} reloads, latest {max(late):.2f} s, {inotify(proxy)}")
    assert not load.failures, load.failures[:5]
    assert swaps >= LOADED // EACH // 2 and all(count > 2 for count in reloads(proxy)), reloads(proxy)
    waiting.until(lambda: proxy.metric("config_last_reload_successful") == 1, "the right configuration")
    # On a machine that is busy with other tests, one may be late.
    assert (max(late) if LOADED == 60 else sorted(late)[len(late) // 2]) < EACH, late
    watched, _, threads = inotify(proxy)
    assert watched <= most[0] + 2 and threads <= most[2] + 4, (most, inotify(proxy))
