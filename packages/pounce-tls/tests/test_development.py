"""Certificates for localhost, in a folder of their own."""

import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from pounce.protocol.errors import ConfigError
from pounce_tls.development import (
    AUTHORITY_LIFE,
    LIFE,
    RENEWAL,
    DevelopmentCertificate,
    development_certificate,
    development_files,
    state_folder,
)
from pounce_tls.identity import read_identity
from pounce_tls.kinds import KeyPair

NOW = datetime.now(UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "dev-cert"


def made(folder: Path, now: datetime = NOW) -> DevelopmentCertificate:
    return development_certificate(folder, now)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_can_be_served(folder: Path) -> None:
    identity = read_identity(KeyPair(str(made(folder).file)), None)
    assert identity.names == ("localhost",)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_is_believed_by_who_trusts_the_authority(folder: Path, name: str) -> None:
    certificate = made(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.file)
    client = ssl.create_default_context(cafile=str(certificate.authority))
    a, b, c, d = (ssl.MemoryBIO() for _ in range(4))
    serving = server.wrap_bio(a, b, server_side=True)
    asking = client.wrap_bio(c, d, server_hostname=name)
    for _ in range(2):
        try:
            asking.do_handshake()
        except ssl.SSLWantReadError:
            a.write(d.read())
        try:
            serving.do_handshake()
        except ssl.SSLWantReadError:
            c.write(b.read())
    assert asking.version() is not None


def test_the_authority_vouches_for_nothing_else(folder: Path) -> None:
    pem = made(folder).authority.read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    limits = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert {str(each.value) for each in limits.value.permitted_subtrees or ()} == {
        "localhost",
        "127.0.0.0/8",
        "::1/128",
    }


def test_keys_are_the_users_alone(folder: Path) -> None:
    made(folder)
    assert mode(folder) == 0o700
    assert mode(folder / "ca-key.pem") == mode(folder / "localhost.pem") == 0o600


def test_is_made_once(folder: Path) -> None:
    first = made(folder).file.read_bytes()
    assert made(folder, NOW + timedelta(days=100)).file.read_bytes() == first


def test_is_renewed_before_its_end(folder: Path) -> None:
    authority = made(folder).authority.read_bytes()
    later = NOW + LIFE - RENEWAL + timedelta(days=1)
    renewed = made(folder, later)
    assert renewed.expires > later + LIFE - timedelta(days=1)
    assert renewed.authority.read_bytes() == authority


def test_the_authority_is_renewed_too(folder: Path) -> None:
    authority = made(folder).authority.read_bytes()
    renewed = made(folder, NOW + AUTHORITY_LIFE - timedelta(days=1))
    assert renewed.authority.read_bytes() != authority


@pytest.mark.parametrize("file", ["ca.pem", "ca-key.pem", "localhost.pem"])
@pytest.mark.parametrize("damage", [None, b"", b"garbage"])
def test_what_is_damaged_is_made_again(folder: Path, file: str, damage: bytes | None) -> None:
    made(folder)
    if damage is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(damage)
    again = made(folder)
    authority = x509.load_pem_x509_certificate(again.authority.read_bytes())
    own = x509.load_pem_x509_certificate(again.file.read_bytes())
    own.verify_directly_issued_by(authority)


def test_many_at_once_make_one(folder: Path) -> None:
    found: list[bytes] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        found.append(made(folder).file.read_bytes())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_where_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert state_folder() == Path("/state/pounce/dev-cert")


@pytest.mark.parametrize("value", ["", "relative"])
def test_by_default_it_is_kept_at_home(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", value)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert state_folder() == Path("/home/somebody/.local/state/pounce/dev-cert")


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="set XDG_STATE_HOME to a folder that you may write to"):
        made(tmp_path / "file" / "dev-cert")


def test_the_files_of_this_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert development_files() == KeyPair(str(tmp_path / "pounce" / "dev-cert" / "localhost.pem"))
