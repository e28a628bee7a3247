"""Lasso as the ECP client of any service provider, with the distribution's Python, which is the one that has Lasso.

`lasso_client.py PAGE IDP_METADATA ENDPOINT USER PASSWORD CA`; prints the page that the service provider protects.
"""

import base64
import http.cookiejar
import ssl
import sys
import urllib.request

import lasso

page, idp_metadata, endpoint, user, password, ca = sys.argv[1:]
PAOS = "application/vnd.paos+xml"

opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
)


def read(url, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body.encode() if body else None
    return opener.open(urllib.request.Request(url, data, headers), timeout=30).read().decode()


server = lasso.Server()
server.addProvider(lasso.PROVIDER_ROLE_IDP, idp_metadata, None, None)
client = lasso.Ecp(server)
paos = 'ver="urn:liberty:paos:2003-08";"urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"'
client.processAuthnRequestMsg(read(page, Accept=f"text/html, {PAOS}", PAOS=paos))
# The service provider leaves the choice of the identity provider to its client.
assert client.msgUrl is None
basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
client.processResponseMsg(read(endpoint, client.msgBody, Content_Type="text/xml", Authorization=basic))
print(read(client.msgUrl, client.msgBody, Content_Type=PAOS))
