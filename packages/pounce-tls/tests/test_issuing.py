from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from pounce_tls.issuing import SLACK, Issued, issue, make_authority

if TYPE_CHECKING:
    from datetime import datetime

LIFE = timedelta(days=10)


def test_what_it_signs_is_the_authoritys(authority: Issued, now: datetime) -> None:
    made = issue(authority, "a", now, LIFE)
    made.certificate.verify_directly_issued_by(authority.certificate)


def test_how_long_it_is_good(authority: Issued, now: datetime) -> None:
    made = issue(authority, "a", now.replace(microsecond=0), LIFE).certificate
    assert made.not_valid_after_utc - made.not_valid_before_utc == LIFE + SLACK


def test_names_and_addresses(authority: Issued, now: datetime) -> None:
    made = issue(authority, "a", now, LIFE, names=("a.b", "*.c"), addresses=("::1",))
    known = made.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert known.get_values_for_type(x509.DNSName) == ["a.b", "*.c"]
    assert [str(each) for each in known.get_values_for_type(x509.IPAddress)] == ["::1"]


def test_the_key_is_the_certificates(authority: Issued) -> None:
    assert authority.key.public_key() == authority.certificate.public_key()
    assert authority.key_pem.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_an_authority_may_vouch_for_some_names_only(now: datetime) -> None:
    made = make_authority("a", now, LIFE, ("localhost",), ("127.0.0.0/8",))
    limits = made.certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert [str(each.value) for each in limits.value.permitted_subtrees or ()] == [
        "localhost",
        "127.0.0.0/8",
    ]


def test_an_authority_signs_certificates_and_nothing_else(authority: Issued) -> None:
    usage = authority.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
