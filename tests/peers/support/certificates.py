"""A certificate authority of the tests' own, and what it signs."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID


class Authority:
    """Writes `ca.pem` and, on demand, pairs of `NAME.crt` and `NAME.key` into one directory."""

    def __init__(self, directory, name="fedfront tests"):
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        certificate = (
            _builder(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = directory / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, name, *hosts):
        """A certificate for a TLS server; (certificate file, key file)."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [_general_name(host) for host in hosts]
        certificate = (
            _builder(_name(hosts[0]), self._name, key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _write(self.directory, name, certificate, key)

    def certify(self, name, public_key):
        """A certificate of a key that somebody else has; its file."""
        certificate = _builder(_name(name), self._name, public_key).sign(self._key, hashes.SHA256())
        file = self.directory / f"{name}-{certificate.serial_number}.crt"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def client(self, name, *, upn=None, email=None, key=None, usage=None, days=(-1, 30)):
        """A certificate for a user of that common name; (certificate file, key file). `upn` may be several."""
        key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
        now = datetime.datetime.now(datetime.timezone.utc)
        names = [x509.OtherName(UPN, der_utf8(each)) for each in ([upn] if isinstance(upn, str) else upn or [])]
        names += [x509.RFC822Name(email)] if email else []
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return _write(self.directory, f"client-{builder._serial_number}", builder.sign(self._key, hashes.SHA256()), key)

    def revocations(self, *pairs, days=(-1, 30)):
        """A revocation list with the certificates of those pairs; its file."""
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now + datetime.timedelta(days=days[0]))
            .next_update(now + datetime.timedelta(days=days[1]))
        )
        for certificate_file, _ in pairs:
            serial = x509.load_pem_x509_certificate(certificate_file.read_bytes()).serial_number
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
            builder = builder.add_revoked_certificate(revoked.build())
        file = self.directory / f"revoked-{x509.random_serial_number()}.crl"
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return file


# Microsoft's user principal name.
UPN = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


def der_utf8(text):
    """DER of a UTF8String of fewer than 128 octets."""
    octets = text.encode()
    assert len(octets) < 128
    return bytes([0x0C, len(octets)]) + octets


def signing(directory, name, bits=2048, curve=None, days=90):
    """A self-signed pair of RSA, or of a curve, as identity providers sign with; (certificate file, key file)."""
    key = ec.generate_private_key(curve) if curve else rsa.generate_private_key(public_exponent=65537, key_size=bits)
    subject = _name(name)
    certificate = (
        _builder(subject, subject, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _write(directory, name, certificate, key)


def keystore(pair, password):
    """A pair as the bytes of one PKCS#12 file."""
    certificate = x509.load_pem_x509_certificate(pair[0].read_bytes())
    key = serialization.load_pem_private_key(pair[1].read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"signing", key, certificate, None, encryption)


def base64_of(certificate_file):
    """The certificate as a KeyInfo writes it."""
    lines = certificate_file.read_text().splitlines()
    return "".join(line for line in lines if line and not line.startswith("-----"))


def _builder(subject, issuer, public_key, days=90):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(directory, name, certificate, key):
    certificate_file, key_file = directory / f"{name}.crt", directory / f"{name}.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    key_file.chmod(0o600)
    return certificate_file, key_file
