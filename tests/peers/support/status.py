"""Stand-in answers of `/status.json`: a fedfront in whatever state a test wants to look at."""

import copy
import datetime
import math

NOW = datetime.datetime(2026, 11, 22, 14, 3, 22, tzinfo=datetime.timezone.utc)
SERIES = ("signed_in", "refused", "locked", "unavailable", "tokens", "forwarded", "forward_errors")


def iso(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def later(**delta):
    return iso(NOW + datetime.timedelta(**delta))


def part(kind, name, level="ok", says="Answers.", *members):
    members = [dict(zip(("name", "level", "says"), member)) for member in members]
    return {"kind": kind, "name": name, "level": level, "says": says, "members": members}


def certificate(purpose, slot, subject, days, level="ok", says=None, names=(), digest="3F"):
    return {
        "purpose": purpose,
        "slot": slot,
        "names": list(names),
        "subject": subject,
        "key": "RSA, 2048 bits" if purpose == "signing" else "ECDSA, P-256",
        "sha256": ":".join(f"{(int(digest, 16) * (at + 7) + at * at) % 256:02X}" for at in range(32)),
        "starts": later(days=days - 365),
        "ends": later(days=days, hours=3),
        "days_left": days,
        "level": level,
        "says": says or f"Ends in {days} days.",
    }


def course(step, count, load):
    """`load(at)` is how many sign in within a period, or `None` before the start."""
    counts = [load(at) for at in range(count)]
    known = lambda of: [None if count is None else of(count, at) for at, count in enumerate(counts)]
    lists = {
        "signed_in": known(lambda count, _: count),
        "refused": known(lambda count, at: count // 9 + (at % 7 == 3)),
        "locked": known(lambda count, at: int(at % 17 == 5)),
        "unavailable": known(lambda count, at: 0),
        "tokens": known(lambda count, _: count),
        "forwarded": known(lambda count, at: count * 11 + at % 5),
        "forward_errors": known(lambda count, at: int(at % 29 == 11)),
        "forward_ms_95": known(lambda count, at: round(38 + 14 * math.sin(at / 5) + at % 3, 1) if count else None),
    }
    start = (NOW.replace(second=0, minute=NOW.minute // (step // 60) * (step // 60)) if step >= 60 else NOW) - datetime.timedelta(
        seconds=step * (count - 1)
    )
    made = {"start": iso(start), "step_seconds": step, **lists}
    return total(made)


def total(made):
    whole = {name: sum(value or 0 for value in made[name]) for name in SERIES}
    lookups = whole["signed_in"] + whole["refused"]
    any_forwarded = whole["forwarded"] > 0
    made["total"] = {
        **whole,
        "forward_ms_50": 12.4 if any_forwarded else None,
        "forward_ms_95": 46.8 if any_forwarded else None,
        "cache_hits": lookups * 7 // 10,
        "cache_lookups": lookups,
    }
    return made


def federation(domain, base="https://sts.example.com", saml=False):
    passive = f"{base}/samlsso" if saml else f"{base}/passivests"
    made = {
        "preferredAuthenticationProtocol": "saml" if saml else "wsFed",
        "issuerUri": f"http://{domain}/adfs/services/trust/",
        "passiveSignInUri": passive,
        "activeSignInUri": f"{base}/oamfed/idp/soap" if saml else f"{base}/adfs/services/trust/2005/usernamemixed",
        "signOutUri": passive,
        "metadataExchangeUri": f"{base}/adfs/services/trust/mex",
        "signingCertificate": "MIIDFzCCAf+gAwIBAgIQ" + "Zm9yIGEgdGVzdCBvbmx5" * 54 + "A=",
        "nextSigningCertificate": "MIIDGTCCAgGgAwIBAgIR" + "dGhlIG5leHQgb25lIG5v" * 54 + "w=",
    }
    if saml:
        del made["metadataExchangeUri"]
    return {"domain": domain, "federation": made}


def incomplete(domain):
    """Where nobody has told fedfront where browsers sign in."""
    made = federation(domain)
    del made["federation"]["passiveSignInUri"], made["federation"]["signOutUri"]
    return made


def party(name, protocols=("ws_trust",), issuer=None, signature="rsa-sha256"):
    used = {"ws_trust": ["mex", "sts", "federation_metadata"], "ecp": ["ecp", "metadata"]}
    return {
        "name": name,
        "protocols": list(protocols),
        "endpoints": [key for protocol in protocols for key in used[protocol]],
        "issuer": issuer,
        "signature": signature,
        "weak_signature": signature == "rsa-sha1",
    }


def endpoints(base="https://sts.example.com"):
    paths = {
        "mex": ["/adfs/services/trust/mex", "/mex", "/services/mex-ut"],
        "sts": [
            "/adfs/services/trust/2005/usernamemixed",
            "/adfs/services/trust/13/usernamemixed",
            "/services/wso2carbon-sts",
            "/services/wso2carbon-sts.wso2carbon-stsHttpsSoap12Endpoint",
            "/services/wso2carbon-sts.wso2carbon-stsHttpsSoap11Endpoint",
        ],
        "ecp": ["/oamfed/idp/soap"],
        "metadata": ["/oamfed/idp/metadata"],
        "certificate": [],
        "federation_metadata": ["/FederationMetadata/2007-06/FederationMetadata.xml"],
    }
    return [
        {"key": key, "own": bool(found), "shadow": None, "addresses": [base + path for path in found]}
        for key, found in paths.items()
    ]


def ready():
    """A fedfront at work for some days, in front of WSO2."""
    busy = lambda scale: lambda at: max(0, round(scale * (5 + 3 * math.sin(at / 6) + 2 * math.sin(at / 2.3) + at % 3)))
    return {
        "format": 1,
        "version": "0.1.0",
        "time": iso(NOW),
        "uptime_seconds": 3 * 86400 + 4 * 3600 + 51 * 60,
        "phase": "ready",
        "level": "ok",
        "headline": "Everything works",
        "problems": [],
        "public_url": "https://sts.example.com",
        "parts": [
            part(
                "listeners",
                "Listeners",
                "ok",
                "214 of 8,000 connections are open.",
                ("0.0.0.0:443", "ok", "HTTPS: accepts connections"),
                ("0.0.0.0:49443", "ok", "HTTPS: accepts connections"),
            ),
            part(
                "upstream",
                "Identity provider",
                "ok",
                "Answers.",
                ("https://wso2-1.internal:9443", "ok", "Answers."),
                ("https://wso2-2.internal:9443", "ok", "Answers."),
            ),
            part(
                "directory",
                "Directory example",
                "ok",
                "Answers.",
                ("ldaps://dc1.example.com:636", "ok", "Answers."),
                ("ldaps://dc2.example.com:636", "unknown", "Not asked yet."),
            ),
            part("directory", "Directory partners", "ok", "Answers.", ("ldaps://ldap.partners.example.org:636", "ok", "Answers.")),
            part(
                "signing",
                "Signing",
                "ok",
                "Signs tokens.",
                ("current", "ok", "Signs tokens."),
                ("next", "ok", f"Takes over at {later(days=9)}."),
            ),
            part("state", "Shared state", "ok", "Shared with other replicas."),
            part("metadata", "SAML metadata", "ok", f"The identity provider's, kept here until {later(days=6)}."),
            part("metadata_source", "Metadata source federation", "ok", f"7,412 service providers, valid until {later(days=5)}."),
            part("configuration", "Configuration", "ok", f"Read at {later(hours=-5)}."),
            part("audit", "Audit log", "ok", "Every record was written."),
        ],
        "certificates": [
            certificate("tls", "0.0.0.0:443", "sts.example.com", 68, names=["sts.example.com", "sso.example.com"]),
            certificate("signing", "current", "fedfront token signing 2024", 214, digest="A7"),
            certificate("signing", "next", "fedfront token signing 2026", 1022, digest="5C"),
            certificate("signing", "previous", "WSO2 Carbon", -120, "ok", "No longer signs; what it signed still counts.", digest="91"),
        ],
        "endpoints": endpoints(),
        "relying_parties": [
            party("office365", ("ws_trust", "ecp")),
            party("cluster", ("ecp",), "https://sts.example.com/passive"),
            party("payroll", ("ws_trust",), "https://sts.example.com/passive", "rsa-sha1"),
        ],
        "entra": [federation("example.com"), federation("example.com", saml=True), incomplete("subsidiary.example")],
        "activity": {
            "since": later(days=-3, hours=-4, minutes=-51),
            "hour": course(60, 60, busy(1)),
            "day": course(1800, 48, busy(27)),
        },
        "guard": {"locked": 0, "locked_from_unknown_places": 0, "spraying": False, "sprays": 0},
    }


def troubled(level, headline, *problems):
    """`ready`, with that headline and these problems; each is (level, what, says, section)."""
    made = ready()
    keys = ("level", "what", "says", "section")
    made.update(level=level, headline=headline, problems=[dict(zip(keys, problem)) for problem in problems])
    return made


def replace(status, kind, **changes):
    for found in status["parts"]:
        if found["kind"] == kind:
            found.update(changes)
            return status
    raise AssertionError(kind)


def members(*rows):
    return [dict(zip(("name", "level", "says"), row)) for row in rows]


def fresh():
    made = ready()
    never = lambda at: None if at < 59 else 0
    made.update(phase="starting", level="unknown", headline="Starting", uptime_seconds=2, guard=ready()["guard"])
    made["activity"] = {"since": iso(NOW), "hour": course(60, 60, never), "day": course(1800, 48, lambda at: None if at < 47 else 0)}
    for name in SERIES:
        for ring in ("hour", "day"):
            made["activity"][ring][name] = [value if value is None else 0 for value in made["activity"][ring][name]]
            total(made["activity"][ring])
    for found in made["parts"]:
        if found["kind"] in ("upstream", "directory"):
            found.update(level="unknown", says="Has not been asked yet.")
            for member in found["members"]:
                member.update(level="unknown", says="Not asked yet.")
    return made


def directory_down():
    says = "No server answers: its users cannot sign in. Forwarding goes on."
    made = troubled("failed", "One thing does not work", ("failed", "Directory example", says, "health"))
    away = "Has not answered for 41 s: connection refused."
    rows = members(("ldaps://dc1.example.com:636", "failed", away), ("ldaps://dc2.example.com:636", "failed", away))
    for at in range(-12, 0):
        hour = made["activity"]["hour"]
        hour["unavailable"][at], hour["signed_in"][at] = hour["signed_in"][at], 0
    total(made["activity"]["hour"])
    return replace(made, "directory", level="failed", says=says, members=rows)


def idp_down():
    says = "No server answers: what is forwarded fails. Sign-ins by fedfront go on."
    made = troubled("failed", "One thing does not work", ("failed", "Identity provider", says, "health"))
    away = "Did not answer when it was last asked."
    rows = members(("https://wso2-1.internal:9443", "failed", away), ("https://wso2-2.internal:9443", "failed", away))
    return replace(made, "upstream", level="failed", says=says, members=rows)


def certificate_ending():
    says = "Ends in 12 days: renew it."
    made = troubled("warning", "Everything works; one thing needs attention", ("warning", "TLS certificate sts.example.com", says, "certificates"))
    made["certificates"][0].update(days_left=12, ends=later(days=12), level="warning", says=says)
    return made


def certificate_ended():
    says = "Has ended: renew it, and register the new one with every relying party."
    made = troubled("failed", "One thing does not work", ("failed", "Signing certificate (current)", says, "certificates"))
    made["certificates"][1].update(days_left=-1, ends=later(hours=-20), level="failed", says=says)
    return made


def reload_failed():
    says = f"What was read at {later(minutes=-3)} is wrong: that of {later(hours=-5)} is in use. The log says what is wrong. Waits for a restart: listen[1], limits.threads."
    made = troubled("warning", "Everything works; one thing needs attention", ("warning", "Configuration", says, "health"))
    return replace(made, "configuration", level="warning", says=says)


def draining():
    made = troubled("warning", "Draining: balancers send new requests elsewhere")
    made["phase"] = "draining"
    return made


def redis_away():
    says = f"The store of shared state is not reached since {later(minutes=-7)}: this replica goes on by itself. The log says why."
    made = troubled("warning", "Everything works; one thing needs attention", ("warning", "Shared state", says, "health"))
    return replace(made, "state", level="warning", says=says)


def shadow():
    """The identity provider answers the STS still, and fedfront says what it would have."""
    made = ready()
    for found in made["endpoints"]:
        if found["key"] == "sts":
            counts = {"compared": 1204, "different": 3, "not_compared": 17}
            found.update(own=False, addresses=[], shadow=counts)
        elif found["key"] == "ecp":
            found.update(own=False, addresses=[])
    return made


def audit_waits():
    says = "Cannot be written: records wait, and those there is no room for are lost; the log says why."
    made = troubled("failed", "One thing does not work", ("failed", "Audit log", says, "health"))
    return replace(made, "audit", level="failed", says=says)


def locked():
    made = ready()
    made["guard"] = {"locked": 4, "locked_from_unknown_places": 11, "spraying": False, "sprays": 2}
    return made


def spraying():
    says = "Many names fail at once. The audit log says from where."
    made = troubled("warning", "Everything works; one thing needs attention", ("warning", "Password spraying", says, "activity"))
    made["guard"] = {"locked": 37, "locked_from_unknown_places": 412, "spraying": True, "sprays": 3}
    hour = made["activity"]["hour"]
    for at in range(-20, 0):
        hour["refused"][at] += 140 + 13 * (at % 4)
        hour["locked"][at] += 60 + 7 * (at % 5)
    total(hour)
    return made


def many():
    """Names as long as somebody may write them, and more of them than fit."""
    made = ready()
    long = "urn:application:" + "a-name-without-any-place-to-break-it" * 4
    issuer = "https://a-very-long-host-name-of-an-issuer.subsidiary.of.example.com/services/trust/" + "x" * 120
    made["relying_parties"] += [party(f"{long}-{at}", ("ws_trust", "ecp")[: 1 + at % 2], issuer) for at in range(150)]
    made["certificates"][0]["names"] = [f"{'long-host-name-' * 4}{at}.example.com" for at in range(30)]
    made["certificates"][0]["subject"] = "long-host-name-" * 5 + "0.example.com"
    made["parts"].append(part("directory", "Directory " + "longname" * 12, "ok", "Answers.", (f"ldaps://{'dc' * 60}.example.com:636", "ok", "Answers.")))
    made["entra"] = [federation(f"{'sub.' * at}example.com") for at in range(1, 25)]
    return made


def worst():
    """Every level, and all that is coloured."""
    made, down = spraying(), directory_down()
    made.update(level="failed", headline=down["headline"], problems=down["problems"] + made["problems"])
    made["parts"] = down["parts"]
    made["endpoints"] = shadow()["endpoints"]
    replace(made, "configuration", level="warning", says="Waits for a restart: limits.threads.")
    made["certificates"] = certificate_ended()["certificates"]
    made["certificates"][0].update(level="warning", says="Ends in 12 days: renew it.", days_left=12)
    return made


STATES = {
    made.__name__: made
    for made in (
        fresh, ready, directory_down, idp_down, certificate_ending, certificate_ended, reload_failed, draining, redis_away,
        shadow, audit_waits, locked, spraying, many,
    )
}  # fmt: skip


def copied(name):
    return copy.deepcopy(STATES[name]())
