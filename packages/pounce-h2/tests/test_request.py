"""Which fields make a request, and which do not (RFC 9113 sections 8.2 and 8.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.protocol.errors import ProtocolError
from pounce.protocol.limits import Limits
from pounce_h2.fault import StreamFault
from pounce_h2.frame import ErrorCode
from pounce_h2.request import Request, check_trailers, read_request

type Pair = tuple[bytes, bytes]

METHOD = (b":method", b"GET")
SCHEME = (b":scheme", b"https")
PATH = (b":path", b"/")
AUTHORITY = (b":authority", b"a.test:8443")
LINE = (METHOD, SCHEME, PATH, AUTHORITY)


def read(
    *fields: Pair,
    limits: Limits | None = None,
    protocols: frozenset[bytes] = frozenset(),
    ended: bool = True,
) -> Request:
    return read_request(fields, limits or Limits(), protocols, set(), ended=ended)


def test_the_line() -> None:
    request = read(METHOD, SCHEME, (b":path", b"/a%20b?x=1?y"), AUTHORITY)
    assert request.method == "GET"
    assert (request.raw_path, request.query) == (b"/a%20b", b"x=1?y")
    assert request.version == "2"
    assert request.upgrade is None


def test_the_authority_becomes_the_first_field() -> None:
    request = read(*LINE, (b"accept", b"*/*"))
    assert request.headers == [(b"host", b"a.test:8443"), (b"accept", b"*/*")]


def test_a_host_in_place_of_the_authority() -> None:
    request = read(METHOD, SCHEME, PATH, (b"accept", b"*/*"), (b"host", b"b.test"))
    assert request.headers == [(b"host", b"b.test"), (b"accept", b"*/*")]


def test_a_host_that_says_the_same_as_the_authority() -> None:
    assert read(*LINE, (b"host", b"A.test:8443")).headers == [(b"host", b"a.test:8443")]


def test_the_pieces_of_a_cookie_are_joined() -> None:
    request = read(*LINE, (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"))
    assert request.headers[1:] == [(b"cookie", b"a=1; b=2"), (b"x", b"y")]


def test_the_server_as_a_whole() -> None:
    request = read((b":method", b"OPTIONS"), SCHEME, (b":path", b"*"), AUTHORITY)
    assert request.raw_path == b"*"


def test_what_the_fields_say() -> None:
    request = read(
        *LINE,
        (b"content-length", b"5"),
        (b"expect", b"100-Continue"),
        (b"te", b"Trailers"),
        (b"priority", b"u=1, i"),
        (b"x-forwarded-for", b"::1"),
        ended=False,
    )
    assert request.content_length == 5
    assert request.expects_continue
    assert request.accepts_trailers
    assert request.priority == (1, True)
    assert request.forwarded
    assert len(request.headers) == 6


def test_nobody_waits_to_send_a_body_that_there_is_not() -> None:
    assert not read(*LINE, (b"expect", b"100-continue")).expects_continue


def test_an_extended_connect() -> None:
    request = read(
        (b":method", b"CONNECT"),
        (b":protocol", b"WebSocket"),
        SCHEME,
        PATH,
        AUTHORITY,
        protocols=frozenset((b"websocket",)),
        ended=False,
    )
    assert (request.method, request.upgrade) == ("CONNECT", b"websocket")


def test_the_same_again_is_made_of_fresh_objects() -> None:
    first = read(*LINE, (b"te", b"trailers"), (b"priority", b"u=1"))
    second = first.again()
    names = [*Request.__slots__, *Request.__mro__[1].__slots__]  # type: ignore[attr-defined]
    assert all(getattr(second, name) == getattr(first, name) for name in names)
    assert second.headers is not first.headers


def test_fields_that_mean_nothing_are_remembered() -> None:
    plain: set[Pair] = set()
    fields = [
        *LINE,
        (b"x", b"y"),
        (b"te", b"trailers"),
        (b"cookie", b"a"),
        (b"x-forwarded-for", b"1"),
    ]
    first = read_request(fields, Limits(), frozenset(), plain, ended=True)
    assert plain == {(b"x", b"y")}
    second = read_request(fields, Limits(), frozenset(), plain, ended=True)
    assert first.headers == second.headers
    assert second.forwarded
    with pytest.raises(ProtocolError):
        read_request([*LINE, *[(b"x", b"y")] * 101], Limits(), frozenset(), plain, ended=True)
    with pytest.raises(StreamFault):
        read_request([(b"x", b"y"), *LINE], Limits(), frozenset(), plain, ended=True)


def test_what_is_remembered_is_bounded() -> None:
    plain: set[Pair] = set()
    for number in range(5_000):
        read_request([*LINE, (b"x", b"%d" % number)], Limits(), frozenset(), plain, ended=True)
    assert len(plain) <= 2_048


MALFORMED = {
    "no-method": (SCHEME, PATH, AUTHORITY),
    "empty-method": ((b":method", b""), SCHEME, PATH, AUTHORITY),
    "method-with-space": ((b":method", b"G T"), SCHEME, PATH, AUTHORITY),
    "no-scheme": (METHOD, PATH, AUTHORITY),
    "other-scheme": (METHOD, (b":scheme", b"ftp"), PATH, AUTHORITY),
    "no-path": (METHOD, SCHEME, AUTHORITY),
    "empty-path": (METHOD, SCHEME, (b":path", b""), AUTHORITY),
    "path-with-space": (METHOD, SCHEME, (b":path", b"/a b"), AUTHORITY),
    "path-with-line": (METHOD, SCHEME, (b":path", b"/ HTTP/1.1\r\nx: y"), AUTHORITY),
    "path-with-fragment": (METHOD, SCHEME, (b":path", b"/a#b"), AUTHORITY),
    "path-with-8-bits": (METHOD, SCHEME, (b":path", b"/\xc3\xa4"), AUTHORITY),
    "path-without-slash": (METHOD, SCHEME, (b":path", b"a"), AUTHORITY),
    "absolute-path": (METHOD, SCHEME, (b":path", b"http://a/"), AUTHORITY),
    "star-of-get": (METHOD, SCHEME, (b":path", b"*"), AUTHORITY),
    "no-authority": (METHOD, SCHEME, PATH),
    "empty-authority": (METHOD, SCHEME, PATH, (b":authority", b"")),
    "user-in-authority": (METHOD, SCHEME, PATH, (b":authority", b"user@a")),
    "path-in-authority": (METHOD, SCHEME, PATH, (b":authority", b"a/b")),
    "other-host": (*LINE, (b"host", b"b.test")),
    "two-hosts": (*LINE, (b"host", b"a.test:8443"), (b"host", b"a.test:8443")),
    "repeated-path": (*LINE, PATH),
    "late-pseudo": (METHOD, SCHEME, PATH, (b"accept", b"*/*"), AUTHORITY),
    "late-pseudo-after-host": (METHOD, SCHEME, (b"host", b"a.test"), PATH),
    "late-pseudo-after-cookie": (METHOD, SCHEME, (b"cookie", b"a=b"), PATH, AUTHORITY),
    "unknown-pseudo": (*LINE, (b":x", b"y")),
    "response-pseudo": (*LINE, (b":status", b"200")),
    "protocol-not-offered": (*LINE, (b":protocol", b"websocket")),
    "upper-case": (*LINE, (b"Accept", b"*/*")),
    "empty-name": (*LINE, (b"", b"x")),
    "name-with-space": (*LINE, (b"a b", b"x")),
    "name-with-colon": (*LINE, (b"a:b", b"x")),
    "name-with-nul": (*LINE, (b"a\0", b"x")),
    "name-with-8-bits": (*LINE, (b"\xe4", b"x")),
    "value-with-lf": (*LINE, (b"x", b"a\nb")),
    "value-with-cr": (*LINE, (b"x", b"a\rb")),
    "value-with-nul": (*LINE, (b"x", b"a\0b")),
    "space-before": (*LINE, (b"x", b" a")),
    "tab-behind": (*LINE, (b"x", b"a\t")),
    "pseudo-with-space": (METHOD, SCHEME, PATH, (b":authority", b"a ")),
    "connection": (*LINE, (b"connection", b"close")),
    "keep-alive": (*LINE, (b"keep-alive", b"1")),
    "proxy-connection": (*LINE, (b"proxy-connection", b"close")),
    "transfer-encoding": (*LINE, (b"transfer-encoding", b"chunked")),
    "upgrade": (*LINE, (b"upgrade", b"websocket")),
    "te": (*LINE, (b"te", b"gzip")),
    "te-and-more": (*LINE, (b"te", b"trailers, gzip")),
    "length-twice": (*LINE, (b"content-length", b"0"), (b"content-length", b"0")),
    "length-with-sign": (*LINE, (b"content-length", b"+5")),
    "length-of-a-body-that-is-not": (*LINE, (b"content-length", b"5")),
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_what_is_malformed(fields: tuple[Pair, ...]) -> None:
    with pytest.raises(StreamFault) as raised:
        read(*fields)
    assert raised.value.code is ErrorCode.PROTOCOL_ERROR


PROTOCOL = (b":protocol", b"websocket")


@pytest.mark.parametrize(
    "fields",
    [
        (*LINE, PROTOCOL),
        ((b":method", b"CONNECT"), PROTOCOL, AUTHORITY),
        ((b":method", b"CONNECT"), PROTOCOL, SCHEME, PATH),
        ((b":method", b"CONNECT"), (b":protocol", b"a b"), SCHEME, PATH, AUTHORITY),
    ],
    ids=["not-connect", "no-scheme", "no-authority", "no-token"],
)
def test_what_is_a_malformed_extended_connect(fields: tuple[Pair, ...]) -> None:
    with pytest.raises(StreamFault):
        read(*fields, protocols=frozenset((b"websocket",)))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (((b":method", b"CONNECT"), AUTHORITY), 501),
        (((b":method", b"M" * 33), SCHEME, PATH, AUTHORITY), 501),
        ((*LINE, (b"expect", b"miracles")), 417),
        ((*LINE, (b"expect", b"")), 417),
        ((METHOD, SCHEME, (b":path", b"/" * 101), AUTHORITY), 414),
        ((*LINE, *((b"a", b"") for _ in range(11))), 431),
        ((*LINE, (b"a", b"x" * 500)), 431),
    ],
)
def test_what_is_answered_with_an_error(fields: tuple[Pair, ...], status: int) -> None:
    limits = Limits(request_line=100, header_count=10, header_bytes=500)
    with pytest.raises(ProtocolError) as raised:
        read(*fields, limits=limits)
    assert raised.value.status == status


def test_what_is_at_its_limit_passes() -> None:
    limits = Limits(request_line=100, header_count=10, header_bytes=500)
    path = b"/" * 100
    assert read(METHOD, SCHEME, (b":path", path), AUTHORITY, limits=limits).raw_path == path
    ten = [(b"a", b"")] * 10
    assert len(read(*LINE, *ten, limits=limits).headers) == 11
    # Name, colon, space, value and the end of the line.
    assert len(read(*LINE, (b"a", b"x" * 495), limits=limits).headers) == 2


def test_a_protocol_that_is_not_there() -> None:
    with pytest.raises(ProtocolError) as raised:
        read(
            (b":method", b"CONNECT"),
            (b":protocol", b"connect-udp"),
            SCHEME,
            PATH,
            AUTHORITY,
            protocols=frozenset((b"websocket",)),
        )
    assert raised.value.status == 501


def test_trailers() -> None:
    check_trailers([(b"x-sum", b"1")])


@pytest.mark.parametrize(
    "field", [(b":path", b"/"), (b"X", b"y"), (b"x", b"a\n"), (b"connection", b"close"), (b"", b"")]
)
def test_what_is_no_trailer(field: Pair) -> None:
    with pytest.raises(StreamFault):
        check_trailers([field])


NAMES = st.sampled_from(
    [b":method", b":scheme", b":path", b":authority", b":protocol", b"host", b"te", b"cookie", b"x"]
)


@given(st.lists(st.tuples(NAMES | st.binary(max_size=4), st.binary(max_size=8)), max_size=8))
def test_takes_any_fields(fields: list[Pair]) -> None:
    try:
        request = read(*fields)
    except StreamFault, ProtocolError:
        return
    assert request.headers[0][0] == b"host"
    assert all(b"\n" not in name + value for name, value in request.headers)
