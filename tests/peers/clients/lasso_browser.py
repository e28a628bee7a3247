"""Lasso as a service provider that signs a browser's user on and off, with the distribution's Python.

`lasso_browser.py SP_METADATA SP_KEY IDP_METADATA IDP_ENTITY_ID`; prints where it would send the browser.
"""

import sys

import lasso

sp_metadata, sp_key, idp_metadata, idp_entity_id = sys.argv[1:]
server = lasso.Server(sp_metadata, sp_key, None, None)
server.addProvider(lasso.PROVIDER_ROLE_IDP, idp_metadata, None, None)
login = lasso.Login(server)
login.initAuthnRequest(idp_entity_id, lasso.HTTP_METHOD_REDIRECT)
login.request.nameIdPolicy.format = None
login.buildAuthnRequestMsg()
print(login.msgUrl)
