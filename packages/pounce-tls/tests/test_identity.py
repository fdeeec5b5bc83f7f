"""What can be wrong with the files of a certificate, and what a person is told then."""

import os
import re
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from pounce.protocol.errors import ConfigError
from pounce_tls.identity import read_identity
from pounce_tls.issuing import issue, make_authority
from pounce_tls.kinds import KeyPair, Secret

if TYPE_CHECKING:
    from datetime import datetime

    from tests.conftest import Folder


def refusal(files: KeyPair, password: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read_identity(files, None if password is None else Secret(password))
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.fixture
def encrypted(folder: Folder, now: datetime) -> KeyPair:
    """A certificate whose key needs a password, "hunter2"."""
    made = issue(folder.authority, "a", now, timedelta(days=1), names=("a",))
    key = made.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2")
    )
    return KeyPair(str(folder.write("c.pem", made.pem)), str(folder.write("k.pem", key)))


def test_reads(folder: Folder) -> None:
    files = folder.server("a.example", "*.B.example")
    identity = read_identity(files, None)
    assert identity.names == ("a.example", "*.b.example")
    assert identity.files == files
    assert identity.pem.startswith("-----BEGIN CERTIFICATE-----")
    assert identity.expires > identity.starts


def test_both_in_one_file(folder: Folder) -> None:
    assert read_identity(folder.client(), None).names == ()


def test_the_chain_counts_for_the_end(folder: Folder, now: datetime) -> None:
    authority = make_authority("b", now, timedelta(days=1))
    made = issue(authority, "a", now, timedelta(days=9))
    path = folder.write("all.pem", made.pem + authority.pem + made.key_pem)
    identity = read_identity(KeyPair(str(path)), None)
    assert identity.expires == authority.certificate.not_valid_after_utc


def test_opens_an_encrypted_key(encrypted: KeyPair) -> None:
    assert read_identity(encrypted, Secret("hunter2")).names == ("a",)


def test_opens_a_key_in_openssls_older_form(folder: Folder, encrypted: KeyPair) -> None:
    made = issue(folder.authority, "a", folder.now, timedelta(days=1))
    key = made.key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"hunter2")
    )
    path = str(folder.write("old.pem", made.pem + key))
    assert read_identity(KeyPair(path), Secret("hunter2")).names == ()
    assert "is encrypted" in refusal(KeyPair(path))


def test_a_password_that_is_not_needed(folder: Folder) -> None:
    assert read_identity(folder.server(), Secret("hunter2")).names == ("localhost",)


def test_no_password(encrypted: KeyPair) -> None:
    assert refusal(encrypted) == (
        f"the key in {encrypted.keyfile} is encrypted: set its password as"
        " POUNCE_SSL_KEYFILE_PASSWORD"
    )


def test_the_wrong_password(encrypted: KeyPair) -> None:
    text = refusal(encrypted, "hunter3")
    assert text.startswith(f"the password does not open the key in {encrypted.keyfile}: ")
    assert "hunter" not in text


def test_a_password_that_is_no_text(encrypted: KeyPair) -> None:
    assert refusal(encrypted, "\udcff").startswith("the password does not open the key")


def test_no_such_file(folder: Folder) -> None:
    assert refusal(KeyPair("/nowhere/c.pem")) == (
        "the certificate file /nowhere/c.pem cannot be read (No such file or directory): check its"
        " path and permissions"
    )
    assert refusal(KeyPair(folder.server().certfile, "/nowhere/k.pem")).startswith("the key file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(folder: Folder) -> None:
    path = folder.write("c.pem", b"")
    path.chmod(0)
    assert "Permission denied" in refusal(KeyPair(str(path)))


def test_a_folder(folder: Folder) -> None:
    assert "Is a directory" in refusal(KeyPair(str(folder.path)))


def test_no_pem(folder: Folder) -> None:
    path = str(folder.write("c.pem", b"garbage"))
    assert f"the certificate file {path} holds no certificate in PEM" in refusal(KeyPair(path))


def test_der_is_recognised(folder: Folder) -> None:
    der = folder.authority.certificate.public_bytes(Encoding.DER)
    path = str(folder.write("c.der", der))
    assert f"openssl x509 -inform der -in {path}" in refusal(KeyPair(path))


def test_a_damaged_certificate(folder: Folder) -> None:
    pem = folder.authority.pem.replace(b"MII", b"AAA", 1)
    path = str(folder.write("c.pem", pem))
    assert "holds a damaged certificate" in refusal(KeyPair(path))


def test_the_two_files_the_wrong_way_round(folder: Folder) -> None:
    files = folder.server()
    assert files.keyfile is not None
    assert "name the certificate's file there, and this one as --ssl-keyfile" in refusal(
        KeyPair(files.keyfile, files.certfile)
    )


def test_no_key_in_the_same_file(folder: Folder) -> None:
    assert "name the key's file with --ssl-keyfile" in refusal(KeyPair(folder.server().certfile))


def test_no_key_in_the_key_file(folder: Folder) -> None:
    path = folder.server().certfile
    assert refusal(KeyPair(path, path)).startswith(f"the key file {path} holds no private key")


def test_a_damaged_key(folder: Folder) -> None:
    files = folder.server()
    key = str(
        folder.write("k.pem", b"-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n")
    )
    assert refusal(KeyPair(files.certfile, key)).startswith(f"the key in {key} is damaged")


def test_anothers_key(folder: Folder) -> None:
    mine, others = folder.server(file="mine"), folder.server(file="others")
    assert refusal(KeyPair(mine.certfile, others.keyfile)) == (
        f"the key in {others.keyfile} does not belong to the certificate in {mine.certfile}: name"
        " the key that the certificate was requested with"
    )


def test_an_authority_whose_key_is_of_an_unknown_kind(folder: Folder, now: datetime) -> None:
    made = issue(folder.authority, "a", now, timedelta(days=1), names=("a",))
    curve = bytes.fromhex("06072a8648ce3d0201")
    der = ssl.PEM_cert_to_DER_cert(folder.authority.pem.decode())
    strange = ssl.DER_cert_to_PEM_cert(der.replace(curve, curve[:-1] + b"\x7f")).encode()
    path = folder.write("all.pem", made.pem + strange + made.key_pem)
    assert read_identity(KeyPair(str(path)), None).names == ("a",)


def test_the_authority_first(folder: Folder, now: datetime) -> None:
    made = issue(folder.authority, "a", now, timedelta(days=1))
    path = str(folder.write("c.pem", folder.authority.pem + made.pem + made.key_pem))
    assert re.search(r"does not begin with the server's own certificate", refusal(KeyPair(path)))
