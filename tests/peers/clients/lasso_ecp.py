"""Lasso as service provider and as ECP client, with the distribution's Python, which is the one that has Lasso.

`lasso_ecp.py SP_METADATA SP_KEY IDP_METADATA IDP_ENTITY_ID USER PASSWORD CA`; prints what the provider learned, as JSON.
"""

import base64
import json
import ssl
import sys
import urllib.request

import lasso

sp_metadata, sp_key, idp_metadata, idp_entity_id, user, password, ca = sys.argv[1:]


def server():
    made = lasso.Server(sp_metadata, sp_key, None, None)
    made.addProvider(lasso.PROVIDER_ROLE_IDP, idp_metadata, None, None)
    return made


provider = lasso.Login(server())
provider.setSignatureHint(lasso.PROFILE_SIGNATURE_HINT_FORBID)
provider.initAuthnRequest(idp_entity_id, lasso.HTTP_METHOD_PAOS)
provider.request.nameIdPolicy.format = None
provider.request.protocolBinding = lasso.SAML2_METADATA_BINDING_PAOS
provider.msgRelayState = "relay"
provider.buildAuthnRequestMsg()

client = lasso.Ecp(server())
client.processAuthnRequestMsg(provider.msgBody)
request = urllib.request.Request(client.msgUrl, client.msgBody.encode(), {"Content-Type": "text/xml"})
request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
answer = urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca), timeout=30).read().decode()
client.processResponseMsg(answer)

result = {"consumer": client.msgUrl}
try:
    provider.processPaosResponseMsg(client.msgBody)
    provider.acceptSso()
    assertion = provider.response.assertion[0]
    result.update(
        name=assertion.subject.nameID.content,
        audience=assertion.conditions.audienceRestriction[0].audience,
        verified=provider.response.signatureVerified if hasattr(provider.response, "signatureVerified") else True,
    )
except lasso.Error as error:
    result["error"] = f"{type(error).__name__}: {error}"
print(json.dumps(result))
