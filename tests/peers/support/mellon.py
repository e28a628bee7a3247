"""mod_auth_mellon in Apache as a service provider: a page that only who signed in sees, and what it learned of them."""

import os
import pathlib
import re
import shutil
import signal
import tempfile

from . import certificates, waiting
from .process import Process
from .slapd import binary

MODULE = "/usr/lib/apache2/modules/mod_auth_mellon.so"
_MODULES = ("mpm_prefork", "alias", "authz_core", "authn_core", "authz_user", "cgi", "dir", "headers", "auth_mellon")

_CONFIGURATION = """\
ServerName 127.0.0.1
ServerRoot {directory}
DefaultRuntimeDir {directory}
Listen 127.0.0.1:{port}
PidFile {directory}/apache.pid
ErrorLog /dev/stderr
LogLevel warn core:notice mpm_prefork:notice auth_mellon:info
{modules}
{user}
StartServers 2
# requests-ecp and pysaml2 write a `;` between media types, of which the module then sees the first only.
RequestHeader edit Accept "; *application/vnd" ", application/vnd" early
ScriptAlias /page {directory}/page
ScriptAlias /v3 {directory}/keystone
<Directory {directory}>
  Require all granted
</Directory>
<Location />
  MellonEnable info
  MellonEndpointPath /mellon
  MellonSecureCookie off
  MellonCookieSameSite lax
  MellonSPMetadataFile {directory}/sp.xml
  MellonSPPrivateKeyFile {directory}/sp.key
  MellonSPCertFile {directory}/sp.crt
  MellonIdPMetadataFile {directory}/idp.xml
  MellonMergeEnvVars On ";"
  MellonUser NAME_ID
  MellonIdP IDP
{directives}
</Location>
<LocationMatch "^/(page|v3)">
  MellonEnable auth
  AuthType Mellon
  Require valid-user
</LocationMatch>
"""

# What the module tells an application is in its environment.
_PAGE = """\
#!/bin/sh
printf 'Content-Type: text/plain; charset=utf-8\\r\\n\\r\\n'
env | grep -E '^(MELLON_|REMOTE_USER=)'
"""

# As keystone answers a federated sign-in.
_KEYSTONE = """\
#!/bin/sh
printf 'Content-Type: application/json\\r\\nX-Subject-Token: token-of-the-session\\r\\n\\r\\n'
printf '{"token": {"methods": ["saml2"], "user": {"id": "%s", "name": "%s"}, "expires_at": "2999-01-01T00:00:00Z"}}' \\
  "$REMOTE_USER" "$MELLON_openstack_user"
"""

_METADATA = """\
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{entity_id}">
{extensions}<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" AuthnRequestsSigned="{signed}" WantAssertionsSigned="true">
{keys}
{formats}
<md:AssertionConsumerService index="0" isDefault="true" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{url}/mellon/postResponse"/>
<md:AssertionConsumerService index="1" Binding="urn:oasis:names:tc:SAML:2.0:bindings:PAOS" Location="{url}/mellon/paosResponse"/>
{requested}</md:SPSSODescriptor>
</md:EntityDescriptor>
"""
_KEY = """\
<md:KeyDescriptor use="{use}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"""


class Mellon:
    """Its metadata is there at once, `start` needs the identity provider's. The page is at `page`."""

    def __init__(self, formats=(), extensions="", requested="", signed=False, encrypted=False, directives=()):
        """`formats` are the name identifiers it takes, `extensions` and `requested` go into its metadata as they are;
        `encrypted`: it has a key to encrypt for."""
        # Apache gives up root, and then may not look into the tests' own folders.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="mellon-"))
        self.directory.chmod(0o755)
        self.port = waiting.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.entity_id = self.url + "/mellon/metadata"
        self.acs = self.url + "/mellon/paosResponse"
        self.page = self.url + "/page"
        self._directives = directives
        certificate, self.key = certificates.signing(self.directory, "sp")
        uses = ["signing", *(["encryption"] if encrypted else [])]
        keys = [_KEY.format(use=use, certificate=certificates.base64_of(certificate)) for use in uses]
        self.metadata_file = self.directory / "sp.xml"
        self.metadata_file.write_text(
            _METADATA.format(
                entity_id=self.entity_id,
                url=self.url,
                extensions=extensions,
                requested=requested,
                signed=str(signed).lower(),
                keys="\n".join(keys),
                formats="\n".join(f"<md:NameIDFormat>{format}</md:NameIDFormat>" for format in formats),
            )
        )
        for name, script in (("page", _PAGE), ("keystone", _KEYSTONE)):
            (self.directory / name).write_text(script)
            (self.directory / name).chmod(0o755)
        self._process = None

    def start(self, idp_metadata):
        """Serves, and believes the identity provider whose metadata these bytes are."""
        (self.directory / "idp.xml").write_bytes(idp_metadata)
        root = os.geteuid() == 0
        modules = pathlib.Path(MODULE).parent
        configuration = self.directory / "apache.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                directory=self.directory,
                port=self.port,
                modules="\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in _MODULES),
                user="User nobody\nGroup nogroup" if root else "",
                directives="\n".join(f"  {directive}" for directive in self._directives),
            )
        )
        if root:
            shutil.chown(self.directory, "nobody", "nogroup")
        self._process = Process("apache2", [binary("apache2"), "-f", configuration, "-DFOREGROUND"], own_session=True)
        self._process.wait_for_line("resuming normal operations")
        return self

    def stop(self):
        if self._process:
            self._process.stop(signal.SIGTERM)
            self._process = None
        shutil.rmtree(self.directory)

    def log(self):
        """What Apache has written."""
        return self._process.output()


def entity_attributes(**said):
    """What goes into the `extensions` of its metadata: values by the names below."""
    names = {
        "categories": "http://macedir.org/entity-category",
        "subject_id": "urn:oasis:names:tc:SAML:profiles:subject-id:req",
    }
    attributes = "".join(
        f'<saml:Attribute Name="{names[name]}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">'
        + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, values in said.items()
    )
    return (
        '<md:Extensions><mdattr:EntityAttributes xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute" '
        f'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{attributes}</mdattr:EntityAttributes></md:Extensions>'
    )


def requested_attributes(*names):
    """What goes into the `requested` of its metadata."""
    requested = "".join(
        f'<md:RequestedAttribute Name="{name}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" isRequired="true"/>'
        for name in names
    )
    return (
        '<md:AttributeConsumingService index="0"><md:ServiceName xml:lang="en">page</md:ServiceName>'
        f"{requested}</md:AttributeConsumingService>"
    )


def learned(page):
    """The environment that the protected page shows, as a dictionary."""
    return dict(re.findall(r"^(\w+)=(.*)$", page, re.MULTILINE))
