"""The Hub's way into the engine: a listener on loopback and a certificate for one project."""

import base64
import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .account import get_group
from .api import EngineAPI
from .errors import SetupError
from .plan import Plan
from .secret_file import get_secret, write_secret

YEARS = 10


def ensure_listener(api: EngineAPI, plan: Plan) -> str:
    """Let the engine listen on loopback, unless it already listens there. Returns the URL."""
    listening = api.get("")["config"].get("core.https_address", "")
    if not listening:
        listening = f"127.0.0.1:{plan.engine.port}"
        api.patch("", {"config": {"core.https_address": listening}})
    return get_url(listening)


def remove_listener(api: EngineAPI, plan: Plan) -> bool:
    """Take our listener away; one that somebody else chose stays."""
    if api.get("")["config"].get("core.https_address", "") != f"127.0.0.1:{plan.engine.port}":
        return False
    api.patch("", {"config": {"core.https_address": ""}})
    return True


def get_url(listening: str) -> str:
    """Return the loopback URL of a `core.https_address`. Raises SetupError if it has none."""
    host, _, port = listening.rpartition(":")
    if not host and not port.isdigit():
        host, port = listening, "8443"
    if host.strip("[]") not in ("", "::", "0.0.0.0", "127.0.0.1", "localhost"):
        raise SetupError(
            f"The engine listens on {listening}, where the Hub does not look for it.",
            "Set core.https_address to 127.0.0.1:8443 or to :8443.",
        )
    return f"https://127.0.0.1:{port}"


def ensure_certificate(api: EngineAPI, plan: Plan) -> str:
    """Make the Hub's key and certificate, trusted for our project alone."""
    folder = plan.credentials
    # Root's folder, which the Hub may only read: whoever takes the Hub over cannot lead root
    # astray with links in it.
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    os.chown(folder, 0, get_group(), follow_symlinks=False)
    folder.chmod(0o750)
    certificate, key = folder / "client.crt", folder / "client.key"
    if not (get_secret(certificate) and get_secret(key)):
        make_certificate(certificate, key)
    theirs = api.get("")["environment"]["certificate"]
    if get_secret(folder / "server.crt") != theirs.strip():
        write_secret(folder / "server.crt", theirs)
    for path in (certificate, key, folder / "server.crt"):
        os.chown(path, 0, get_group(), follow_symlinks=False)
        path.chmod(0o640)
    return _ensure_trusted(api, plan, certificate)


def _ensure_trusted(api: EngineAPI, plan: Plan, file: Path) -> str:
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    rules = {
        "name": plan.certificate_name,
        "type": "client",
        "restricted": True,
        "projects": [plan.project],
    }
    trusted = api.get(f"certificates/{fingerprint}")
    if trusted is None:
        text = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
        api.post("certificates", {**rules, "certificate": text})
        return f"made, for project {plan.project} only"
    if any(trusted.get(name) != value for name, value in rules.items()):
        api.put(f"certificates/{fingerprint}", rules)
        return "updated"
    return "there"


def make_certificate(certificate: Path, key: Path) -> None:
    """Write a self-signed client certificate and its key (0600), the key last."""
    secret = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "coyotelab")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .sign(secret, hashes.SHA384())
    )
    key.unlink(missing_ok=True)  # an old key beside a new certificate would look complete
    write_secret(certificate, built.public_bytes(serialization.Encoding.PEM).decode())
    private = secret.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_secret(key, private.decode())


def remove_certificate(api: EngineAPI, plan: Plan) -> bool:
    """Take the Hub's certificate out of the trust store; returns whether it was there."""
    file = plan.credentials / "client.crt"
    if not file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return api.delete(f"certificates/{certificate.fingerprint(hashes.SHA256()).hex()}")
