"""Who is trusted, and what the forwarding fields of a trusted peer are taken to say."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.guard.proxies import MAX_HOPS, TrustedProxies
from pounce.protocol.errors import ConfigError
from pounce.protocol.exchange import RequestHead
from pounce.protocol.roles import Peer

PEER = ("10.0.0.9", 5000)
PROXIES = TrustedProxies.parse("10.0.0.0/8, 2001:db8:1::/48")
EVERYONE = TrustedProxies.parse("*")


def by(
    *fields: tuple[str, str], proxies: TrustedProxies = PROXIES, scheme: str = "http"
) -> tuple[tuple[str, int] | None, str]:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    return proxies.forwarded(headers, PEER, scheme)


@pytest.mark.parametrize(
    ("setting", "client", "trusted"),
    [
        ("127.0.0.1", ("127.0.0.1", 1), True),
        ("127.0.0.1", ("127.0.0.2", 1), False),
        ("10.0.0.0/8", ("10.255.0.1", 1), True),
        ("10.0.0.0/8", ("11.0.0.1", 1), False),
        ("0.0.0.0/0", ("::1", 1), False),
        ("::1", ("::1", 1), True),
        ("::1", ("0:0:0:0:0:0:0:1", 1), True),
        ("2001:db8::/32", ("2001:db8:5::1", 1), True),
        ("2001:db8::/32", ("2001:db9::1", 1), False),
        ("10.0.0.1", ("::ffff:10.0.0.1", 1), True),
        ("::ffff:10.0.0.0/104", ("10.1.1.1", 1), True),
        ("fe80::/10", ("fe80::1%eth0", 1), True),
        ("*", ("203.0.113.1", 1), True),
        ("*", None, True),
        ("unix", None, True),
        ("unix", ("127.0.0.1", 1), False),
        ("127.0.0.1", None, False),
        ("", ("127.0.0.1", 1), False),
        (" 10.0.0.1 , unix,", None, True),
        ("127.0.0.1", ("no address", 1), False),
    ],
)
def test_trusts(setting: str, client: tuple[str, int] | None, trusted: bool) -> None:
    assert TrustedProxies.parse(setting).trusts(client) is trusted


@pytest.mark.parametrize("entry", ["proxy", "10.0.0.0/33", "10.0.0.300", "1.2.3", "**", "/8"])
def test_an_entry_that_is_nothing_is_named(entry: str) -> None:
    with pytest.raises(ConfigError, match="forwarded-allow-ips") as raised:
        TrustedProxies.parse(f"127.0.0.1,{entry}")
    assert repr(entry) in str(raised.value)


def test_a_network_with_bits_beyond_its_prefix_is_answered_with_the_right_one() -> None:
    with pytest.raises(ConfigError, match=r"10\.0\.0\.0/8"):
        TrustedProxies.parse("10.0.0.1/8")


def test_localhost_is_answered_with_its_addresses() -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1,::1"):
        TrustedProxies.parse("localhost")


def test_it_is_frozen() -> None:
    with pytest.raises(AttributeError):
        PROXIES.everyone = True  # type: ignore[misc]


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("203.0.113.7", ("203.0.113.7", 0)),
        ("203.0.113.7:4711", ("203.0.113.7", 4711)),
        ("2001:db8::7", ("2001:db8::7", 0)),
        ("2001:DB8:0:0::7", ("2001:db8::7", 0)),
        ("[2001:db8::7]", ("2001:db8::7", 0)),
        ("[2001:db8::7]:4711", ("2001:db8::7", 4711)),
        ("::ffff:203.0.113.7", ("203.0.113.7", 0)),
        # The first that is not trusted, seen from the right.
        ("198.51.100.1, 203.0.113.7, 10.0.0.3", ("203.0.113.7", 0)),
        ("198.51.100.1,203.0.113.7", ("203.0.113.7", 0)),
        # All are trusted: the farthest.
        ("10.0.0.2, 10.0.0.3", ("10.0.0.2", 0)),
        # Empty entries do not count.
        (",, 203.0.113.7 ,,10.0.0.3,", ("203.0.113.7", 0)),
        ("", PEER),
        (" , ", PEER),
        # What cannot be read ends the walk: the hop before it stays.
        ("198.51.100.1, unknown, 10.0.0.3", ("10.0.0.3", 0)),
        ("unknown", PEER),
        ("198.51.100.1, junk", PEER),
        ("203.0.113.7:", PEER),
        ("203.0.113.7:x", PEER),
        ("203.0.113.7:65536", PEER),
        ("203.0.113.7:-1", PEER),
        ("203.0.113.7:\xb2", PEER),
        ("203.0.113.07", PEER),
        ("203.0.113", PEER),
        ("203.0.113.7\x00", PEER),
        ("[203.0.113.7]", PEER),
        ("[2001:db8::7", PEER),
        ("[2001:db8::7]x", PEER),
        ("[2001:db8::7]:", PEER),
        ("fe80::1%<script>", PEER),
        ('"203.0.113.7"', PEER),
    ],
)
def test_x_forwarded_for(value: str, client: tuple[str, int]) -> None:
    assert by(("x-forwarded-for", value)) == (client, "http")


def test_several_fields_are_one_list() -> None:
    fields = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "10.0.0.3")]
    assert by(*fields)[0] == ("203.0.113.7", 0)


def test_where_everyone_is_trusted_the_farthest_hop_is_the_client() -> None:
    value = "198.51.100.1, 203.0.113.7"
    assert by(("x-forwarded-for", value), proxies=EVERYONE)[0] == ("198.51.100.1", 0)


def test_no_more_hops_are_looked_at_than_allowed() -> None:
    value = "198.51.100.1, " + ", ".join(["10.0.0.3"] * MAX_HOPS)
    assert by(("x-forwarded-for", value))[0] == ("10.0.0.3", 0)


def test_a_peer_on_a_unix_socket_stays_unknown_without_a_field() -> None:
    assert PROXIES.forwarded([], None, "http") == (None, "http")


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("http", "http"),
        ("wss", "https"),
        ("ws", "http"),
        ("", "http"),
        ("ftp", "http"),
        ("https\x00", "http"),
        ("javascript:", "http"),
        # Of a number of entries that is not the hops', the nearest.
        ("https, http", "http"),
    ],
)
def test_x_forwarded_proto(value: str, scheme: str) -> None:
    fields = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", value)]
    assert by(*fields) == (("203.0.113.7", 0), scheme)


def test_nonsense_leaves_the_scheme_of_the_connection() -> None:
    assert by(("x-forwarded-proto", "gopher"), scheme="https") == (PEER, "https")


def test_a_scheme_for_each_hop_goes_with_the_hop_of_the_client() -> None:
    hops = ("x-forwarded-for", "198.51.100.1, 203.0.113.7, 10.0.0.3")
    assert by(hops, ("x-forwarded-proto", "http, https, http"))[1] == "https"


def test_a_scheme_alone_leaves_the_client() -> None:
    assert by(("x-forwarded-proto", "https")) == (PEER, "https")


@pytest.mark.parametrize(
    ("value", "client", "scheme"),
    [
        ("for=203.0.113.7", ("203.0.113.7", 0), "http"),
        ("For=203.0.113.7;Proto=HTTPS", ("203.0.113.7", 0), "https"),
        ("proto=https;by=10.0.0.1", PEER, "https"),
        ('for="203.0.113.7:4711"', ("203.0.113.7", 4711), "http"),
        ('for="[2001:db8::7]:4711"; proto=wss', ("2001:db8::7", 4711), "https"),
        (r'for="203\.0.113.7"', ("203.0.113.7", 0), "http"),
        ("for=198.51.100.1, for=203.0.113.7, for=10.0.0.3", ("203.0.113.7", 0), "http"),
        ("for=203.0.113.7;proto=https, for=10.0.0.3;proto=http", ("203.0.113.7", 0), "https"),
        ("for=203.0.113.7, for=10.0.0.3;proto=https", ("203.0.113.7", 0), "https"),
        ("for=198.51.100.1;proto=http, for=_hidden;proto=https", PEER, "https"),
        ("for=unknown", PEER, "http"),
        ('for=203.0.113.7;host="a, for=198.51.100.1"', ("203.0.113.7", 0), "http"),
        (r'for=203.0.113.7;host="a,for=1.1.1.1;x=\""', ("203.0.113.7", 0), "http"),
        # A client that leaves a quote open does not hide behind its proxy.
        ('for="198.51.100.1, for=203.0.113.7', ("203.0.113.7", 0), "http"),
        ('for="x, for=203.0.113.7;by="10.0.0.1"', ("203.0.113.7", 0), "http"),
        ("for=198.51.100.1;for=203.0.113.7", PEER, "http"),
        ("for=2001:db8::7", PEER, "http"),
        ("for = 203.0.113.7", PEER, "http"),
        ("for=", PEER, "http"),
        ("", PEER, "http"),
        (", ,for=203.0.113.7, ,", ("203.0.113.7", 0), "http"),
        ("for=198.51.100.1, =, for=10.0.0.3", ("10.0.0.3", 0), "http"),
    ],
)
def test_forwarded(value: str, client: tuple[str, int], scheme: str) -> None:
    assert by(("forwarded", value)) == (client, scheme)


def test_several_forwarded_fields_are_read_from_the_last() -> None:
    fields = [("forwarded", 'for="198.51.100.1'), ("forwarded", "for=203.0.113.7")]
    assert by(*fields)[0] == ("203.0.113.7", 0)


@pytest.mark.parametrize(
    "field", [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "http")]
)
def test_forwarded_is_not_read_beside_an_x_forwarded_field(field: tuple[str, str]) -> None:
    client, scheme = by(("forwarded", "for=198.51.100.1;proto=https"), field)
    assert (client != ("198.51.100.1", 0), scheme) == (True, "http")


def test_a_long_forwarded_field_is_read_in_bounded_steps() -> None:
    assert by(("forwarded", 'a="' + "," * 30_000))[0] == PEER


VALUE = st.one_of(
    st.binary(max_size=60),
    st.text('for=proto";,[]:.0129a\\ \t%', max_size=60).map(str.encode),
    st.lists(
        st.sampled_from(
            ["10.0.0.3", "203.0.113.7:80", "[::1]:1", "unknown", "", "for=10.0.0.3", 'for="[::1]"']
        ),
        max_size=80,
    ).map(lambda items: ",".join(items).encode()),
)
NAME = st.sampled_from([b"x-forwarded-for", b"x-forwarded-proto", b"forwarded", b"host"])


@given(st.lists(st.tuples(NAME, VALUE), max_size=5), st.sampled_from([PROXIES, EVERYONE]))
def test_whatever_a_peer_sends_the_result_is_an_address_and_a_scheme(
    headers: list[tuple[bytes, bytes]], proxies: TrustedProxies
) -> None:
    client, scheme = proxies.forwarded(headers, PEER, "http")
    assert client is not None
    host, port = client
    assert scheme in {"http", "https"}
    assert 0 <= port <= 65_535
    assert str(ipaddress.ip_address(host)) == host


@given(st.binary(max_size=80).filter(lambda data: b"\n" not in data))
def test_nothing_a_client_writes_to_the_left_changes_what_the_proxy_wrote(data: bytes) -> None:
    headers = [(b"x-forwarded-for", data + b", 203.0.113.7")]
    assert PROXIES.forwarded(headers, PEER, "http")[0] == ("203.0.113.7", 0)


@given(
    st.one_of(st.binary(max_size=80), st.text('for=";,\\ 1.', max_size=40).map(str.encode)),
    st.sampled_from([b"for=203.0.113.7;proto=https", b'for="203.0.113.7";proto="https"']),
)
def test_nothing_a_client_writes_to_the_left_changes_forwarded(data: bytes, own: bytes) -> None:
    headers = [(b"forwarded", data + b", " + own)]
    assert PROXIES.forwarded(headers, PEER, "http") == (("203.0.113.7", 0), "https")


def test_the_origin_of_a_request_outlives_its_fields() -> None:
    head = RequestHead("GET", b"/", b"", "1.1", [(b"x-forwarded-for", b"192.0.2.1")])
    peer = Peer(PEER, None, "https", trusted=True)
    origin = PROXIES.origin(head, peer)
    head.headers.clear()
    assert PROXIES.origin(head, peer) == origin == (("192.0.2.1", 0), "https")
