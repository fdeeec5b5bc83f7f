"""Each rule by which fields decide framing, in HTTP/1.1 and in 1.0."""

import pytest

from pounce.http1.framing import Framing, is_relevant, read_framing
from pounce.protocol.errors import ProtocolError

HOST = (b"host", b"example.com")


def framing(*fields: tuple[bytes, bytes], version: str = "1.1") -> Framing:
    return read_framing([HOST, *fields], version)


def refusal(*fields: tuple[bytes, bytes], version: str = "1.1") -> tuple[int, str]:
    with pytest.raises(ProtocolError) as caught:
        framing(*fields, version=version)
    return caught.value.status, caught.value.reason


def test_a_head_without_framing_has_no_body() -> None:
    assert framing() == Framing(None, False, False, True, False, None, False, False)


class TestContentLength:
    @pytest.mark.parametrize("digits", [b"5", b"05", b"9" * 18])
    def test_is_digits(self, digits: bytes) -> None:
        assert framing((b"content-length", digits)).content_length == int(digits)

    @pytest.mark.parametrize(
        "value",
        [
            b"",
            b"+5",
            b"-5",
            b"1_0",
            b"5,5",
            b"5, 5",
            b"5 5",
            b"0x5",
            b"5.0",
            b"\xb2",
            b"\xd9\xa3",
            b"5;",
            b"five",
            b"9" * 19,
        ],
    )
    def test_is_nothing_else(self, value: bytes) -> None:
        assert refusal((b"content-length", value)) == (400, "length-invalid")

    @pytest.mark.parametrize("second", [b"5", b"6"])
    def test_comes_once(self, second: bytes) -> None:
        fault = refusal((b"content-length", b"5"), (b"content-length", second))
        assert fault == (400, "length-repeated")

    def test_of_zero_is_no_body(self) -> None:
        assert not framing((b"content-length", b"0")).has_body

    @pytest.mark.parametrize("length", [b"5", b"0"])
    def test_beside_a_coding_is_refused(self, length: bytes) -> None:
        fault = refusal((b"content-length", length), (b"transfer-encoding", b"chunked"))
        assert fault == (400, "length-and-coding")


class TestTransferEncoding:
    @pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED"])
    def test_chunked_in_any_case(self, value: bytes) -> None:
        found = framing((b"transfer-encoding", value))
        assert found.chunked
        assert found.has_body

    @pytest.mark.parametrize(
        "value", [b"gzip", b"identity", b"xchunked", b"chunkedx", b"gzip, chunked"]
    )
    def test_an_unknown_coding_is_not_implemented(self, value: bytes) -> None:
        assert refusal((b"transfer-encoding", value)) == (501, "coding-unknown")

    @pytest.mark.parametrize(
        "value",
        [
            b"",
            b",",
            b"chunked,",
            b",chunked",
            b"chunked, chunked",
            b"chunked,gzip",
            b"chunked;a=b",
            b'"chunked"',
            b"chunked chunked",
            b"\x80chunked",
        ],
    )
    def test_an_odd_list_is_refused(self, value: bytes) -> None:
        assert refusal((b"transfer-encoding", value)) == (400, "coding-invalid")

    @pytest.mark.parametrize("second", [b"chunked", b"identity"])
    def test_comes_once(self, second: bytes) -> None:
        fault = refusal((b"transfer-encoding", b"chunked"), (b"transfer-encoding", second))
        assert fault == (400, "coding-repeated")

    def test_in_1_0_is_refused(self) -> None:
        fault = refusal((b"transfer-encoding", b"chunked"), version="1.0")
        assert fault == (400, "coding-in-1.0")


class TestHost:
    def test_is_needed_in_1_1(self) -> None:
        with pytest.raises(ProtocolError, match="host-missing"):
            read_framing([], "1.1")

    def test_is_not_needed_in_1_0(self) -> None:
        assert not read_framing([], "1.0").keep_alive

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_comes_once(self, version: str) -> None:
        assert refusal(HOST, version=version) == (400, "host-repeated")

    def test_may_be_empty(self) -> None:
        assert read_framing([(b"host", b"")], "1.1").keep_alive

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_is_an_authority(self, version: str) -> None:
        with pytest.raises(ProtocolError, match="host-invalid"):
            read_framing([(b"host", b"a/b")], version)


class TestConnection:
    @pytest.mark.parametrize(
        ("version", "value", "kept"),
        [
            ("1.1", b"", True),
            ("1.1", b"keep-alive", True),
            ("1.1", b"Close", False),
            ("1.1", b"x, close", False),
            ("1.1", b"close, keep-alive", False),
            ("1.1", b"closed", True),
            ("1.0", b"", False),
            ("1.0", b"Keep-Alive", True),
            ("1.0", b"x ,\tkeep-alive", True),
            ("1.0", b"keep-alive, close", False),
        ],
    )
    def test_decides_whether_the_connection_is_kept(
        self, version: str, value: bytes, kept: bool
    ) -> None:
        assert framing((b"connection", value), version=version).keep_alive == kept

    def test_may_come_several_times(self) -> None:
        assert not framing((b"connection", b"x"), (b"connection", b"close")).keep_alive

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_is_none_kept_without_the_field(self, version: str) -> None:
        assert framing(version=version).keep_alive == (version == "1.1")


class TestExpect:
    LENGTH = (b"content-length", b"5")

    @pytest.mark.parametrize("value", [b"100-continue", b"100-Continue", b"100-continue,"])
    def test_continue(self, value: bytes) -> None:
        assert framing(self.LENGTH, (b"expect", value)).expect_continue

    def test_without_a_body_is_nothing(self) -> None:
        assert not framing((b"expect", b"100-continue")).expect_continue

    @pytest.mark.parametrize("value", [b"200-ok", b"100-continue, x", b"100-continue=1"])
    def test_anything_else_fails(self, value: bytes) -> None:
        assert refusal(self.LENGTH, (b"expect", value)) == (417, "expectation")

    @pytest.mark.parametrize("value", [b"100-continue", b"x"])
    def test_of_1_0_is_ignored(self, value: bytes) -> None:
        assert not framing(self.LENGTH, (b"expect", value), version="1.0").expect_continue


class TestUpgrade:
    FIELDS = ((b"connection", b"keep-alive, Upgrade"), (b"upgrade", b"WebSocket"))

    def test_is_lowered(self) -> None:
        assert framing(*self.FIELDS).upgrade == b"websocket"

    def test_is_the_first_of_a_list(self) -> None:
        fields = ((b"connection", b"upgrade"), (b"upgrade", b", h2c"), (b"upgrade", b"websocket"))
        assert framing(*fields).upgrade == b"h2c"

    def test_needs_the_connection_option(self) -> None:
        assert framing(self.FIELDS[1]).upgrade is None

    def test_needs_a_protocol(self) -> None:
        assert framing(self.FIELDS[0]).upgrade is None

    def test_of_1_0_is_ignored(self) -> None:
        assert framing(*self.FIELDS, version="1.0").upgrade is None


class TestTrailers:
    @pytest.mark.parametrize(
        ("value", "accepted"),
        [
            (b"trailers", True),
            (b"gzip, Trailers", True),
            (b"gzip", False),
            (b"trailers;q=1", False),
        ],
    )
    def test_are_accepted_when_te_says_so(self, value: bytes, accepted: bool) -> None:
        assert framing((b"te", value)).accepts_trailers == accepted

    def test_are_not_for_1_0(self) -> None:
        assert not framing((b"te", b"trailers"), version="1.0").accepts_trailers


@pytest.mark.parametrize(
    ("name", "forwarded"),
    [
        (b"forwarded", True),
        (b"x-forwarded-for", True),
        (b"x-forwarded-anything", True),
        (b"x-forwarded", False),
        (b"via", False),
    ],
)
def test_fields_of_forwarding_proxies_are_noticed(name: bytes, forwarded: bool) -> None:
    assert framing((name, b"x")).forwarded == forwarded


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"content-length",
        b"expect",
        b"forwarded",
        b"host",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"x-forwarded-for",
    ],
)
def test_what_is_read_is_relevant(name: bytes) -> None:
    assert is_relevant(name)


@pytest.mark.parametrize("name", [b"accept", b"cookie", b"x-forwarded", b"trailer"])
def test_what_is_not_read_is_not_relevant(name: bytes) -> None:
    assert not is_relevant(name)
