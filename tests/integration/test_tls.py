"""TLS: spoken with the certificate that was given, renewed on SIGHUP without a restart."""

import http.client
import shutil
import signal
import socket
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from trustme import KeyType

from tests.harness.process import SECONDS, ServerProcess, run_wayvo


class Authority:
    """A certificate authority of the test's own, and the pair of files that a server is given."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"
        self.client = ssl.create_default_context()
        self._ca.configure_trust(self.client)
        self.issue()

    def issue(self, key_type: KeyType = KeyType.ECDSA) -> bytes:
        """Write a fresh pair to the files; return the certificate as a client sees it."""
        issued = self._ca.issue_cert("127.0.0.1", key_type=key_type)
        issued.private_key_pem.write_to_path(self.key)
        chain = issued.cert_chain_pems
        self.cert.write_bytes(b"".join(part.bytes() for part in chain))
        return ssl.PEM_cert_to_DER_cert(chain[0].bytes().decode())

    @property
    def files(self) -> dict[str, str]:
        """The variables that name them."""
        return {"WAYVO_TLS_CERT": str(self.cert), "WAYVO_TLS_KEY": str(self.key)}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


class KeptAlive:
    """A connection that stays open over several requests."""

    def __init__(self, server: ServerProcess, tls: ssl.SSLContext) -> None:
        self._connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=tls, timeout=SECONDS)
        self._connection.auto_open = 0
        self._connection.connect()

    @property
    def certificate(self) -> bytes:
        """The server's certificate."""
        assert isinstance(self._connection.sock, ssl.SSLSocket)
        presented = self._connection.sock.getpeercert(binary_form=True)
        assert presented is not None
        return presented

    def get(self, path: str) -> int:
        """Return the status of an answer; the same connection serves the next."""
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def close(self) -> None:
        """End it."""
        self._connection.close()


def presented(server: ServerProcess, tls: ssl.SSLContext) -> bytes:
    """Return the certificate that a new connection gets."""
    connection = KeptAlive(server, tls)
    try:
        assert connection.get("/healthz") == 200
        return connection.certificate
    finally:
        connection.close()


def test_with_a_certificate_every_address_may_be_served_and_only_tls_is(tmp_path: Path, authority: Authority) -> None:
    server = ServerProcess(tmp_path, tls=authority.client)
    flags = ("--tls-cert", authority.cert, "--tls-key", authority.key, "--bind", f"0.0.0.0:{server.port}")
    with ServerProcess(tmp_path, *flags, port=server.port, tls=authority.client) as server:
        key = server.found()["api_key"]
        answer = server.client(key).get("/v1/whoami")
        assert (answer.status_code, answer.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
        assert answer.json()["organization"]["name"] == "Acme"
        with socket.create_connection(("127.0.0.1", server.port), SECONDS) as plain:
            plain.sendall(f"GET /v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
            assert b"HTTP/" not in plain.makefile("rb").read()


def test_versions_of_tls_before_1_2_are_not_spoken(tmp_path: Path, authority: Authority) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with ServerProcess(tmp_path, variables=authority.files, tls=authority.client) as server:
        with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", server.port), SECONDS) as plain, pytest.raises(ssl.SSLError):
            old.wrap_socket(plain)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with old.wrap_socket(socket.create_connection(("127.0.0.1", server.port), SECONDS)) as spoken:
            assert spoken.version() == "TLSv1.2"


@pytest.mark.parametrize("then", [KeyType.ECDSA, KeyType.RSA])
@pytest.mark.parametrize("first", [KeyType.ECDSA, KeyType.RSA])
def test_a_renewed_certificate_is_for_new_connections_and_old_ones_go_on(
    tmp_path: Path, authority: Authority, first: KeyType, then: KeyType
) -> None:
    old = authority.issue(first)
    with ServerProcess(tmp_path, variables=authority.files, tls=authority.client) as server:
        kept = KeptAlive(server, authority.client)
        assert (kept.get("/healthz"), kept.certificate) == (200, old)
        for renewal in (1, 2):
            new = authority.issue(then)
            assert presented(server, authority.client) != new  # not before it is asked for
            server.send_signal(signal.SIGHUP)
            server.log.wait_for("certificate renewed", renewal)
            assert presented(server, authority.client) == new
        assert (kept.get("/healthz"), kept.certificate) == (200, old)
        kept.close()
        assert server.stop() == 0


def test_a_pair_that_is_broken_replaces_nothing_and_is_told_in_the_log(tmp_path: Path, authority: Authority) -> None:
    with ServerProcess(tmp_path, variables=authority.files, tls=authority.client) as server:
        good = presented(server, authority.client)
        key = authority.key.read_bytes()
        (tmp_path / "other").mkdir()
        another = Authority(tmp_path / "other").key.read_bytes()
        for count, broken in enumerate((another, key[:80], encrypted(key), b""), start=1):
            authority.key.write_bytes(broken)
            server.send_signal(signal.SIGHUP)
            server.log.wait_for("certificate not renewed, the old one stays", count)
            assert presented(server, authority.client) == good
        renewed = authority.issue()
        server.send_signal(signal.SIGHUP)
        server.log.wait_for("certificate renewed")
        assert presented(server, authority.client) == renewed
        assert "PRIVATE KEY" not in server.log.text


def encrypted(key: bytes) -> bytes:
    private = load_pem_private_key(key, password=None)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a passphrase"))


@pytest.mark.parametrize("broken", ["another key", "an encrypted key", "no certificate"])
def test_a_pair_that_cannot_be_served_is_told_at_the_start(tmp_path: Path, authority: Authority, broken: str) -> None:
    match broken:
        case "another key":
            (tmp_path / "other").mkdir()
            shutil.copy(Authority(tmp_path / "other").key, authority.key)
        case "an encrypted key":
            authority.key.write_bytes(encrypted(authority.key.read_bytes()))
        case "no certificate":
            authority.cert.write_text("nothing of the kind")
    run = run_wayvo("serve", folder=tmp_path, variables={**authority.files, "WAYVO_DATA_DIR": "data"})
    assert run.returncode == 2
    assert run.stderr.startswith(
        f"Error: WAYVO_TLS_CERT ({authority.cert}) and WAYVO_TLS_KEY ({authority.key}) can't be"
    )
    assert "the key not encrypted" in run.stderr
    assert not (tmp_path / "data").exists()


def test_half_a_pair_is_refused(tmp_path: Path, authority: Authority) -> None:
    run = run_wayvo("serve", "--tls-cert", authority.cert, folder=tmp_path)
    assert (run.returncode, run.stderr.startswith("Error: WAYVO_TLS_KEY is missing.")) == (2, True)
    run = run_wayvo("serve", "--tls-key", authority.key, folder=tmp_path)
    assert (run.returncode, run.stderr.startswith("Error: WAYVO_TLS_CERT is missing.")) == (2, True)
    run = run_wayvo("serve", "--tls-cert", "nowhere.pem", "--tls-key", authority.key, folder=tmp_path)
    assert run.returncode == 2
    assert run.stderr == "Error: WAYVO_TLS_CERT names 'nowhere.pem', which is no file. Give the path of a PEM file.\n"
