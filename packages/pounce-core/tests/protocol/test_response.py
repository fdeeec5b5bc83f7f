"""What a response head may say, whatever the protocol."""

from http import HTTPStatus

import pytest

from pounce.protocol.errors import ResponseError
from pounce.protocol.response import (
    check_final,
    check_interim,
    check_pair,
    mismatch,
    read_length,
    refusal,
    whole_number,
)


def test_a_status_may_be_a_member_of_an_enumeration() -> None:
    assert type(whole_number(HTTPStatus.OK)) is int


@pytest.mark.parametrize("status", ["200", 200.0, True, None])
def test_a_status_is_a_whole_number(status: object) -> None:
    with pytest.raises(ResponseError, match="whole number"):
        whole_number(status)


@pytest.mark.parametrize("status", [0, 99, 100, 199, 600, 1000])
def test_no_status_of_a_response(status: int) -> None:
    with pytest.raises(ResponseError, match=f"not {status}"):
        check_final(status)


@pytest.mark.parametrize("status", [99, 200, 404])
def test_no_status_of_an_interim_response(status: int) -> None:
    with pytest.raises(ResponseError, match=f"not {status}"):
        check_interim(status)


@pytest.mark.parametrize("status", [200, 404, 599])
def test_a_status_of_a_response(status: int) -> None:
    check_final(status)


@pytest.mark.parametrize("status", [100, 103, 199])
def test_a_status_of_an_interim_response(status: int) -> None:
    check_interim(status)


def test_a_field_comes_back_with_its_name_in_lower_case() -> None:
    assert check_pair((b"X-Name", b" Value\t\xff")) == (b"x-name", b" Value\t\xff")


@pytest.mark.parametrize("pair", [(), (b"a",), (b"a", b"b", b"c"), ("a", b"b"), (b"a", 1)])
def test_a_field_is_a_pair_of_bytes(pair: tuple[object, ...]) -> None:
    with pytest.raises(ResponseError, match="pairs of bytes"):
        check_pair(pair)


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r", b"a\n", b"\xe4", b"a\0"])
def test_no_field_name(name: bytes) -> None:
    with pytest.raises(ResponseError, match="is no field name"):
        check_pair((name, b"b"))


@pytest.mark.parametrize("byte", [*b"\0\n\r\x0b\x0c\x1c\x1d\x1e\x7f"])
def test_no_control_character_is_in_a_value(byte: int) -> None:
    with pytest.raises(ResponseError, match="control character"):
        check_pair((b"a", b"b" + bytes([byte]) + b"c"))


def test_a_length_is_read() -> None:
    assert read_length(b"12") == 12


def test_what_is_no_length_is_refused() -> None:
    with pytest.raises(ResponseError, match="number of bytes"):
        read_length(b"+1")


def test_a_body_that_is_too_long_is_told_apart_from_one_that_is_too_short() -> None:
    assert "longer than the 3 bytes" in mismatch(3, 4)
    assert "has 2 bytes and not the 3" in mismatch(3, 2)


def test_the_servers_own_answer_says_the_status_in_words() -> None:
    fields, body = refusal(404)
    assert body == b"404 Not Found\n"
    assert (b"content-length", b"14") in fields
