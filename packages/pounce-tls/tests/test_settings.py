import dataclasses
import pickle
import ssl

import pytest

from pounce.protocol.setting import Protocol, settings_of
from pounce_tls.kinds import KeyPair, Secret
from pounce_tls.settings import INTERMEDIATE, Settings, wanted

SETTINGS = settings_of(Settings, Protocol("tls", "ssl"))


def test_has_a_default_for_everything() -> None:
    assert Settings() == Settings()


def test_is_frozen() -> None:
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        Settings().dev = True  # type: ignore[misc]


@pytest.mark.parametrize(
    "flag",
    [
        "--ssl-certfile",
        "--ssl-keyfile",
        "--ssl-keyfile-password",
        "--ssl-ca-certs",
        "--ssl-cert-reqs",
        "--ssl-ciphers",
    ],
)
def test_has_the_options_of_uvicorn(flag: str) -> None:
    assert flag in {setting.flag for setting in SETTINGS.values()}


def test_says_what_each_is_for() -> None:
    assert all(setting.help and setting.reason for setting in SETTINGS.values())


def test_numbers_have_units() -> None:
    numbers = [each for each in SETTINGS.values() if isinstance(each.default, int | float)]
    assert [each.name for each in numbers if each.unit is None] == ["ssl_dev"]


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (Settings(), False),
        (Settings(ciphers="ALL", version_min="1.3", handshake_limit=1), False),
        (Settings(certfile="a"), True),
        (Settings(keyfile="a"), True),
        (Settings(sni=(KeyPair("a"),)), True),
        (Settings(ca_certs="a"), True),
        (Settings(crl_file="a"), True),
        (Settings(cert_reqs="required"), True),
        (Settings(dev=True), True),
    ],
)
def test_what_asks_for_tls(settings: Settings, asked: bool) -> None:
    assert wanted(settings) is asked


def test_refuses_what_is_no_value() -> None:
    with pytest.raises(ValueError, match=r"^version_min must be one of 1\.2, 1\.3"):
        Settings(version_min="1.1")  # type: ignore[arg-type]


def test_its_text_has_no_secrets() -> None:
    settings = Settings(keyfile_password=Secret("hunter2"))
    assert "hunter2" not in repr(settings)
    assert "ticket_secret" not in repr(settings)


def test_the_ticket_secret_travels_with_it() -> None:
    settings = dataclasses.replace(Settings(), ticket_secret=b"x" * 32)
    assert pickle.loads(pickle.dumps(settings)).ticket_secret == b"x" * 32


def test_the_usual_suites_have_a_word() -> None:
    assert Settings(ciphers="intermediate").ciphers == INTERMEDIATE
    assert SETTINGS["ssl_ciphers"].kind.show(INTERMEDIATE) == "intermediate"


def test_openssl_has_every_suite() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(INTERMEDIATE)
    older = [each["name"] for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"]
    assert ":".join(older) == INTERMEDIATE
