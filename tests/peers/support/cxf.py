"""Apache CXF's client of a security token service."""

from .certificates import keystore
from .described import SERVICE
from .fedfront import OFFICE
from .java import java
from .people import ALICE
from .rst import SAML1, TRUST13, TRUST2005, WSO2

AXIS2 = "{http://ws.apache.org/axis2}"
ADFS = "{http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice}"
BEARER = {TRUST13: f"{TRUST13}/Bearer", TRUST2005: "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"}
# Of CXF's own client, to know by whether it was installed.
JAR = "cxf-rt-ws-security-3.6.6.jar"


class Cxf:
    """`STSClient`, made from a description of a fedfront's."""

    def __init__(self, proxy, jars, trust_store):
        self.proxy = proxy
        self.jars = jars
        self.options = [f"-Djavax.net.ssl.trustStore={trust_store}", "-Djavax.net.ssl.trustStorePassword=changeit"]

    def with_key(self, file, pair):
        """Has it also sign, and show in TLS, by a pair that is written to `file`."""
        file.write_bytes(keystore(pair, b"changeit"))
        options = {"user.keystore": file, "javax.net.ssl.keyStore": file, "javax.net.ssl.keyStoreType": "PKCS12"}
        options |= {"user.keystore.password": "changeit", "javax.net.ssl.keyStorePassword": "changeit"}
        self.options += [f"-D{name}={value}" for name, value in options.items()]
        return self

    def from_wsdl(self, soap, trust, *operations, **options):
        """By a port of the STS's own description, of one version of WS-Trust: CXF takes operations by their Action's end."""
        port = f"{'WSTrust13' if trust == TRUST13 else 'WSTrustFeb2005'}Https{soap}Endpoint"
        return self._run(f"{WSO2}?wsdl", AXIS2 + SERVICE, AXIS2 + port, trust, *operations, **options)

    def from_mex(self, port, trust, **options):
        """By a port of the MEX document."""
        return self._run("/mex", f"{ADFS}SecurityTokenService", ADFS + port, trust, **options)

    def _run(self, wsdl, service, port, trust, *operations, token_type=SAML1, password=ALICE.password):
        """The result of Issue, and of each operation after it."""
        arguments = [self.proxy.url + wsdl, service, port, trust, token_type, BEARER[trust], OFFICE, ALICE.upn, password]
        lines = java("cxf/StsClient.java", [f"{self.jars}/*"], *arguments, *operations, options=self.options)
        return [tuple(line.split("\t", 1)) for line in lines]
