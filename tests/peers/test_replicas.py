"""Two replicas that share their state through Redis: what one knows the other knows, and without Redis each goes on by itself."""

import base64
import os
import subprocess
import time

import pytest
import requests
import yaml

from support import certificates, fedfront, people, waiting
from support.fedfront import ldap
from support.operations import by_reference, cancel, id_of, renew, subcode, validate, whole
from support.people import ALICE
from support.redis import Redis
from support.rst import SAML1, SAML2, instant, sign_in, token

PARTIES = [{"name": "app", "applies_to": ["urn:app"], "longest_lifetime": "8h"}]
AWAY = "in this process alone since 20"


@pytest.fixture(scope="module")
def redis(own_redis):
    """After everything, neither keys nor values tell a password, its hash, or who signed in."""
    yield own_redis
    kept = own_redis.everything()
    assert kept and all(key.startswith(b"fedfront:") for key in kept)
    everything = b"\n".join(part for pair in kept.items() for part in pair)
    for secret in people.secrets():
        assert secret.encode() not in everything, secret
    for person in people.EVERYONE:
        assert person.upn.encode() not in everything and person.dn.encode() not in everything
        assert person.immutable_id.encode() not in everything
        assert not any(person.login.encode() in key for key in kept)


@pytest.fixture(scope="module")
def replicas(launch_shared, slapd, nginx, redis):
    """Two of them."""
    running = [launch(launch_shared, slapd, nginx, redis) for _ in range(2)]
    for replica in running:
        joined(replica)
    yield running
    for replica in running:
        replica.finish()


def launch(launch_shared, slapd, nginx, redis, **state):
    return launch_shared(ldap(slapd), nginx.url, relying_parties=PARTIES, state=redis.state(**state))


def joined(replica):
    waiting.until(lambda: replica.metric("state_shared") == 1, "state is shared")
    assert "state: shared through rediss://localhost" in details(replica)


def alone(replica):
    waiting.until(lambda: replica.metric("state_shared") == 0, "state is not shared")
    return details(replica)


def details(replica):
    answer = requests.get(f"{replica.admin}/readyz?verbose", timeout=10)
    assert answer.status_code == 200, "readiness does not depend on it"
    return answer.text


def told(replica):
    """What the log says of outages."""
    return [line for line in [*replica.stdout, *replica.stderr] if "state is not shared" in line]


def with_nonce(replica, nonce):
    extra = f"<o:Nonce>{nonce}</o:Nonce><u:Created>{instant()}</u:Created>"
    return sign_in(replica, ALICE, applies_to="urn:app", token_extra=extra)


def drawn():
    return base64.b64encode(os.urandom(16)).decode()


def issue(replica, saml=SAML1):
    return token(sign_in(replica, ALICE, applies_to="urn:app", token_type=saml))


def test_a_message_is_good_at_one_replica_only(replicas):
    one, two = replicas
    nonce = drawn()
    assert with_nonce(one, nonce).status_code == 200
    for replica in (two, one):
        assert subcode(with_nonce(replica, nonce)) == "wsse:InvalidSecurity"


@pytest.mark.parametrize("saml", [SAML1, SAML2])
def test_a_token_of_one_replica_is_known_to_the_other(replicas, saml):
    one, two = replicas
    issued = issue(one, saml)
    assert validate(two, ALICE, by_reference(issued))[0] is True
    renewed = renew(two, ALICE, by_reference(issued), token_type=saml)
    assert id_of(renewed) != id_of(issued)
    assert validate(one, ALICE, by_reference(renewed))[0] is True
    assert cancel(two, ALICE, by_reference(issued)) is True
    for replica in replicas:
        for way in (by_reference, whole):
            assert validate(replica, ALICE, way(issued)) == (False, "The token has been cancelled.")
        assert renew(replica, ALICE, by_reference(issued), token_type=saml) == "wst:InvalidSecurityToken"
        assert validate(replica, ALICE, by_reference(renewed))[0] is True


def test_what_others_write_to_redis_makes_no_token(replicas, redis):
    """Nor what they copy from one key to another."""
    one, two = replicas
    before = set(redis.everything())
    first, second = issue(one), issue(one)
    keys = [key for key in redis.everything() if key not in before and key.startswith(b"fedfront:token:")]
    assert len(keys) == 2
    values = [redis.ask("GET", key) for key in keys]
    redis.ask("SET", keys[0], values[1], "EX", 600)
    redis.ask("SET", keys[1], values[1][:-1] + bytes([values[1][-1] ^ 1]), "EX", 600)
    for issued in (first, second):
        assert validate(two, ALICE, by_reference(issued)) == (False, "This service knows no such token.")
        assert renew(two, ALICE, by_reference(issued)) == "wst:UnableToRenew"
        assert validate(one, ALICE, by_reference(issued))[0] is True


def paused(redis):
    redis.ask("CLIENT", "PAUSE", 600_000, "WRITE")
    return lambda: redis.ask("CLIENT", "UNPAUSE")


def frozen(redis):
    redis.freeze()
    return redis.thaw


def killed(redis):
    redis.kill()
    return redis.start


def replica_of_another(redis):
    redis.ask("REPLICAOF", "127.0.0.1", waiting.free_port())
    return lambda: redis.ask("REPLICAOF", "NO", "ONE")


def full(redis):
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    return lambda: redis.ask("CONFIG", "SET", "maxmemory", "0")


OUTAGES = [(killed, "connection"), (frozen, "in time"), (paused, "in time"), (replica_of_another, "READONLY"), (full, "OOM")]


@pytest.mark.parametrize("outage, reason", OUTAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_without_redis_each_replica_goes_on_by_itself(replicas, redis, outage, reason):
    one, two = replicas
    issued, cancelled = issue(one), issue(one)
    # Bound once, so that what follows takes no longer for the directory.
    assert issue(two)
    earlier = len(told(one))
    end = outage(redis)
    try:
        longest = 0
        nonce = drawn()
        assert with_nonce(one, nonce).status_code == 200
        for _ in range(20):
            began = time.monotonic()
            assert issue(one)
            longest = max(longest, time.monotonic() - began)
        assert AWAY in alone(one) and AWAY in alone(two)
        waiting.until(lambda: reason in details(one), f"the reason {reason}: {details(one)}")
        # Twice state.timeout for those that it took to notice; each further one costs nothing.
        assert longest < 1.5, longest
        assert subcode(with_nonce(one, nonce)) == "wsse:InvalidSecurity"
        # The other has no means to know; it is good once there.
        assert with_nonce(two, nonce).status_code == 200
        assert validate(one, ALICE, by_reference(issued))[0] is True
        assert validate(two, ALICE, by_reference(issued)) == (False, "This service knows no such token.")
        assert cancel(one, ALICE, by_reference(cancelled)) is True
        assert one.metric("state_operations_total", result="away") > 0
    finally:
        end()
    for replica in replicas:
        joined(replica)
    assert 1 <= len(told(one)) - earlier <= 3, told(one)
    gone = lambda: validate(two, ALICE, whole(cancelled)) == (False, "The token has been cancelled.")  # noqa: E731
    waiting.until(gone, "the cancellation is known to the other")
    nonce = drawn()
    assert with_nonce(one, nonce).status_code == 200
    assert subcode(with_nonce(two, nonce)) == "wsse:InvalidSecurity"


def test_a_replica_starts_without_redis_and_joins_later(launch_shared, slapd, nginx, tmp_path_factory, site, replicas):
    server = Redis(tmp_path_factory.mktemp("later"), site.authority)
    replica = launch(launch_shared, slapd, nginx, server)
    assert issue(replica) and AWAY in details(replica)
    server.start()
    try:
        joined(replica)
        waiting.until(lambda: any("state is shared" in line for line in [*replica.stdout, *replica.stderr]), "told")
    finally:
        replica.finish()
        server.stop()


def test_another_prefix_is_taken_over(launch, slapd, nginx, redis):
    replica = launch(ldap(slapd), nginx.url, relying_parties=PARTIES, state=redis.state())
    joined(replica)
    whole = yaml.safe_load(replica.file.read_text())
    whole["state"]["prefix"] = "fedfront:other:"
    replica.file.write_text(yaml.safe_dump(whole))
    assert replica.reload()
    assert replica.metric("config_restart_pending") == 0
    joined(replica)
    assert issue(replica)
    assert any(key.startswith(b"fedfront:other:token:") for key in redis.everything())


def check(tmp_path, site, slapd, **state):
    """What `check --online` says of the state."""
    configuration = fedfront.configuration(
        waiting.free_port(), waiting.free_port(), site, ldap(slapd), "http://127.0.0.1:9", state=state
    )
    file = fedfront.write(tmp_path / "proxy.yaml", configuration)
    ended = subprocess.run(
        [fedfront.binary(), "check", "-c", file, "--online"], capture_output=True, text=True, timeout=120
    )
    fedfront.assert_no_secret(ended.stdout + ended.stderr, "check")
    lines = ended.stdout.replace("\n         help: ", " -- ").splitlines()
    return [line for line in lines if line[9:].startswith("state,")], ended.stdout + ended.stderr


def test_the_operator_is_told_what_is_wrong_with_redis(redis, tmp_path, site, slapd):
    wrong = tmp_path / "wrong"
    wrong.write_text(people.WRONG)
    wrong.chmod(0o600)
    foreign = certificates.Authority(tmp_path, "another authority").file
    closed = waiting.free_port()
    for changes, words in [
        ({}, ["ok ", "Redis 7", "took"]),
        ({"password_file": str(wrong)}, ["failed", "WRONGPASS", "state.username"]),
        ({"username": None, "password_file": None}, ["failed", "NOAUTH", "password"]),
        ({"prefix": "other:"}, ["failed", "NOPERM", "state.prefix"]),
        ({"ca_file": str(foreign)}, ["failed", "not trusted", "state.ca_file"]),
        ({"url": f"rediss://127.0.0.2:{redis.tls_port}"}, ["failed"]),
        ({"url": f"rediss://localhost:{redis.port}"}, ["failed", "TLS", "redis://"]),
        ({"url": f"redis://localhost:{redis.port}"}, ["ok ", "Redis 7"]),
        ({"url": f"redis://localhost:{redis.tls_port}"}, ["failed", "write rediss:// in state.url"]),
        ({"url": f"rediss://localhost:{closed}"}, ["failed", "connection refused"]),
        ({"url": "rediss://nowhere.invalid"}, ["failed", "cannot be resolved"]),
    ]:
        (line, *more), text = check(tmp_path, site, slapd, **redis.state(**changes))
        assert all(word in line for word in words) and not more, (changes, line, text)
    redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        (fine, warning), text = check(tmp_path, site, slapd, **redis.state())
        assert fine.startswith("ok") and warning.startswith("warning") and "noeviction" in warning, text
    finally:
        redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
