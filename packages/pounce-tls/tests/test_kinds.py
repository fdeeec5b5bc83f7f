import pickle

import pytest

from pounce_tls.kinds import (
    HIDDEN,
    KeyPair,
    KeyPairText,
    RequirementWord,
    Secret,
    SecretText,
)


def test_a_secret_is_what_was_given() -> None:
    secret = SecretText().accept("hunter2")
    assert secret is not None
    assert secret.text == "hunter2"


def test_a_secret_need_not_be_utf8() -> None:
    assert Secret(b"caf\xe9".decode(errors="surrogateescape")).data == b"caf\xe9"


def test_a_secret_reaches_worker_processes() -> None:
    assert pickle.loads(pickle.dumps(Secret("hunter2"))) == Secret("hunter2")


def test_a_secret_is_never_shown() -> None:
    secret = Secret("hunter2")
    assert (repr(secret), str(secret), SecretText().show(secret)) == (HIDDEN,) * 3


def test_secrets_are_compared_by_their_text() -> None:
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize("nothing", ["", None])
def test_no_secret(nothing: object) -> None:
    assert SecretText().accept(nothing) is None
    assert SecretText().show(None) == ""


def test_a_refused_secret_is_not_shown() -> None:
    with pytest.raises(ValueError, match=r"^must be text, not int$"):
        SecretText().accept(8471)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("a.pem", KeyPair("a.pem")),
        ("a.pem:b.pem", KeyPair("a.pem", "b.pem")),
        ("/x y/a.pem:/z/b", KeyPair("/x y/a.pem", "/z/b")),
    ],
)
def test_a_pair_of_files(text: str, pair: KeyPair) -> None:
    assert KeyPairText().read(text) == pair
    assert KeyPairText().accept(pair) == pair
    assert KeyPairText().show(pair) == text


@pytest.mark.parametrize("text", ["", ":", "a:", ":b", "a:b:c", "a\0b"])
def test_no_pair_of_files(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be "):
        KeyPairText().read(text)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (0, "none"),
        (1, "optional"),
        (2, "required"),
        (" 1", "optional"),
        (" 2 ", "required"),
        ("Optional", "optional"),
    ],
)
def test_a_requirement_by_word_or_number(given: object, meant: str) -> None:
    assert RequirementWord().accept(given) == meant


@pytest.mark.parametrize("given", [3, -1, True, "4", "maybe", None])
def test_no_requirement(given: object) -> None:
    with pytest.raises(ValueError, match="one of none, optional, required"):
        RequirementWord().accept(given)
