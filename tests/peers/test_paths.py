"""A path that a lenient server behind would read as one of our endpoints never gets there."""

import pytest

from support import waiting
from support.fedfront import ldap

WSO2 = "/services/wso2carbon-sts"
ECP = "/oamfed/idp/soap"

DISGUISES = [
    # Slashes and dots.
    "//adfs/services/trust/13/usernamemixed",
    "/adfs//services/trust/13/usernamemixed",
    "/adfs/services/trust/13//usernamemixed",
    "/adfs/./services/trust/13/usernamemixed",
    "/x/../adfs/services/trust/13/usernamemixed",
    "/adfs/services/trust/x/../13/usernamemixed",
    "/../adfs/services/trust/13/usernamemixed",
    "/services/../services/wso2carbon-sts",
    "/services/x/..//wso2carbon-sts",
    "/services/wso2carbon-sts//",
    "/services/wso2carbon-sts/.",
    "/services/wso2carbon-sts/x/..",
    "///services///wso2carbon-sts",
    # Encoded once, twice, thrice; upper and lower case; overlong; %u.
    "/%61dfs/services/trust/13/usernamemixed",
    "/services/wso2carbon%2Dsts",
    "/services/wso2carbon%2dsts",
    "/services%2Fwso2carbon-sts",
    "/services%2fwso2carbon-sts",
    "/services%252Fwso2carbon-sts",
    "/services%25252Fwso2carbon-sts",
    "/%2573ervices/wso2carbon-sts",
    "/x/%2e%2e/services/wso2carbon-sts",
    "/x/%2E%2E/services/wso2carbon-sts",
    "/x/.%2e/services/wso2carbon-sts",
    "/x/%252e%252e/services/wso2carbon-sts",
    "/x/..%2Fservices/wso2carbon-sts",
    "/x%2F..%2Fservices%2Fwso2carbon-sts",
    "/services/%2E/wso2carbon-sts",
    "/services/wso2carbon-sts%2F",
    "/services/wso2carbon-sts%00",
    "/services/wso2carbon-sts%00.html",
    "/services/wso2carbon-sts%20",
    "/services/wso2carbon-sts%09",
    "/services/wso2carbon-sts%0d%0a",
    "/services/%c0%afwso2carbon-sts",
    "/services%c0%afwso2carbon-sts",
    "/x/%c0%ae%c0%ae/services/wso2carbon-sts",
    "/services%u002fwso2carbon-sts",
    # Backslashes.
    "/services\\wso2carbon-sts",
    "/services%5Cwso2carbon-sts",
    "/services%5cwso2carbon-sts",
    "/x\\..\\services\\wso2carbon-sts",
    "/x/..\\services/wso2carbon-sts",
    "/services%255cwso2carbon-sts",
    # Path parameters, as servlet containers strip them.
    "/services;x=1/wso2carbon-sts",
    "/services/wso2carbon-sts;jsessionid=1",
    "/services/wso2carbon-sts;",
    "/;/services/wso2carbon-sts",
    "/services/;a=b/wso2carbon-sts",
    "/x/..;/services/wso2carbon-sts",
    "/x/..;a=b/services/wso2carbon-sts",
    "/services%3Bx/wso2carbon-sts",
    "/services/wso2carbon-sts%3Bjsessionid=1",
    "/.;/services/wso2carbon-sts",
    "/x/%2e%2e;/services/wso2carbon-sts",
    # WSO2's other names of the same service.
    "/services/wso2carbon-sts.wso2carbon-stsHttpSoap12Endpoint",
    "/services/wso2carbon-sts.anything",
    "/services/t/example.com/wso2carbon-sts",
    "/services/t/example.com/wso2carbon-sts.wso2carbon-stsHttpsSoap11Endpoint",
    "/services/t/example.com//wso2carbon-sts;x",
    "/services/t/%65xample.com/wso2carbon-sts",
    # ECP, so that passwords cannot be tried on Oracle Access Manager directly.
    "//oamfed/idp/soap",
    "/oamfed/idp/./soap",
    "/oamfed/idp/soap/",
    "/oamfed/idp/soap;x",
    "/oamfed/idp/%73oap",
    "/oamfed\\idp\\soap",
    # Axis2 skips any one character after the last /services, and reads on in the query.
    "/services;wso2carbon-sts",
    "/services%3Bwso2carbon-sts",
    "/services/servicesXwso2carbon-sts",
    "/services/servicesXwso2carbon-sts/RequestSecurityToken",
    "/services/x/services-wso2carbon-sts.wso2carbon-stsHttpsSoap12Endpoint",
    "/services/Version?/services/wso2carbon-sts",
    "/services/Version?/servicesXwso2carbon-sts",
    "/services/Version?wsdl&x=/services/t/example.com/wso2carbon-sts.anything",
    # With a query or what looks like one.
    "//services/wso2carbon-sts?",
    "/services/wso2carbon-sts%3Fwsdl",
    "/services/wso2carbon-sts%23x",
]


# What is no request target at all, or for another host.
MALFORMED = [
    "\\services\\wso2carbon-sts",
    "/services/services\xe9wso2carbon-sts",
    "https://elsewhere.example//services/wso2carbon-sts",
    "/services/wso2carbon-sts#x",
    "/services/wso2carbon-sts x",
    "//services/wso2carbon-sts x",
]

OURS = [
    ("/SERVICES/WSO2CARBON-STS", 500),
    ("/Services/Wso2carbon-Sts", 500),
    ("/ADFS/Services/Trust/13/UserNameMixed", 500),
    ("/OAMFED/idp/SOAP", 401),
    ("http://localhost/services/wso2carbon-sts", 500),
    ("/services/wso2carbon-sts?wsdl", 500),
    ("/services/wso2carbon-sts?x=/../y", 500),
]


@pytest.mark.parametrize("target", DISGUISES)
def test_disguised_endpoint_is_refused(proxy, nginx, target):
    assert ask(proxy, nginx, target)[0] == 404


@pytest.mark.parametrize("target", MALFORMED)
def test_malformed_target_is_refused(proxy, nginx, target):
    assert ask(proxy, nginx, target)[0] == 400


@pytest.mark.parametrize(("target", "expected"), OURS)
def test_another_spelling_of_an_endpoint_is_answered_by_it(proxy, nginx, target, expected):
    status, body = ask(proxy, nginx, target)
    assert status == expected
    assert status == 401 or b":Fault>" in body, "a SOAP fault, which only an endpoint writes"


def ask(proxy, nginx, target):
    """(status, body) of the answer to a POST, which the identity provider must not have seen."""
    before = len(nginx.requests())
    with proxy.wire() as wire:
        # Latin-1 keeps every byte as it is written above.
        wire.send(f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        status, headers = wire.head()
        body = wire.body(headers)
    seen = after_sentinel(proxy, nginx)[before:]
    assert not seen, (status, seen)
    return status, body


def after_sentinel(proxy, nginx):
    """nginx's log before a request that was sent later: nothing earlier can still be on its way."""
    marker = f"/sentinel-{len(nginx.requests())}"
    proxy.get(marker)
    waiting.until(lambda: any(marker in line for line in nginx.requests()), marker)
    lines = nginx.requests()
    return lines[: next(index for index, line in enumerate(lines) if marker in line)]


INNOCENT = [
    "/",
    "/services",
    "/services/",
    "/services/other",
    "/services/wso2carbon-stsx",
    "/services/wso2carbon-st",
    "/services/RemoteUserStoreManagerService",
    "/adfs/ls/",
    "/adfs/services/trust",
    "/oamfed/idp/samlv20",
    "/oamfed/idp/soapbox",
    "/mex/get1",
    "/mexut/mex/get1",
    "/passivests",
    "/samlsso",
    "/x?path=/services/wso2carbon-sts",
    "/services/Version?wsdl",
    "/services/Version?x=wso2carbon-sts",
    "/carbon/admin/../images/logo.png",
    "/a%20b",
]


@pytest.mark.parametrize("target", INNOCENT)
def test_everything_else_reaches_it(proxy, nginx, target):
    before = nginx.requests().count(f"GET {target}")
    with proxy.wire() as wire:
        wire.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert wire.head()[0] == 200
    waiting.until(lambda: nginx.requests().count(f"GET {target}") == before + 1, target)


def test_endpoint_given_back_is_forwarded_and_the_others_are_not(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, endpoints={"ecp": "forward"})
    assert "the identity provider at" in proxy.post(ECP, "x").text
    assert proxy.post(WSO2, "x").status_code >= 400
