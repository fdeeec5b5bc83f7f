"""The errors: by which class each is caught, and what it tells."""

import pytest

from pounce.protocol.errors import (
    ApplicationLoadError,
    BindError,
    ClientDisconnected,
    ConfigError,
    NotAvailable,
    PounceError,
    ProtocolError,
    ResponseError,
    StartupError,
)


@pytest.mark.parametrize(
    "kind", [ConfigError, ApplicationLoadError, BindError, StartupError, NotAvailable]
)
def test_what_a_person_got_wrong_is_told_without_a_traceback(kind: type[Exception]) -> None:
    assert issubclass(kind, PounceError)


@pytest.mark.parametrize("kind", [ProtocolError, ClientDisconnected, ResponseError])
def test_what_goes_wrong_in_a_request_is_not_for_the_terminal(kind: type[Exception]) -> None:
    assert not issubclass(kind, PounceError)


def test_the_message_is_the_sentence_alone() -> None:
    assert str(ConfigError("say it so")) == "say it so"


def test_a_broken_rule_carries_the_status_to_answer_with() -> None:
    assert ProtocolError(431, "header-too-large").status == 431


def test_a_broken_rule_carries_its_name() -> None:
    assert ProtocolError(431, "header-too-large").reason == "header-too-large"


def test_a_broken_rule_is_shown_by_its_name() -> None:
    assert str(ProtocolError(431, "header-too-large")) == "header-too-large"


def test_sending_to_a_client_that_went_raises_an_oserror() -> None:
    # ASGI HTTP spec 2.4.
    assert issubclass(ClientDisconnected, OSError)


def test_that_the_client_went_is_said_in_words() -> None:
    assert "the client closed the connection" in str(ClientDisconnected())


def test_a_rule_that_the_application_broke_does_not_look_like_a_client_that_went() -> None:
    assert not issubclass(ResponseError, OSError)
