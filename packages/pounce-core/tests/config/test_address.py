"""The notation of addresses: what each form names, and what each mistake is answered with."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pounce.config.address import (
    Address,
    BindText,
    DescriptorAddress,
    HostName,
    PassedAddress,
    Permissions,
    TcpAddress,
    UnixAddress,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8000", TcpAddress("127.0.0.1", 8000)),
        ("localhost:0", TcpAddress("localhost", 0)),
        ("[::1]:8000", TcpAddress("::1", 8000)),
        ("[fe80::1%eth0]:8000", TcpAddress("fe80::1%eth0", 8000)),
        (":8000", TcpAddress("", 8000)),
        ("a:65535", TcpAddress("a", 65535)),
        ("unix:/run/x.sock", UnixAddress("/run/x.sock")),
        ("unix:///run/x.sock", UnixAddress("/run/x.sock")),
        ("unix:x.sock", UnixAddress("x.sock")),
        ("fd://3", DescriptorAddress(3)),
        ("fd:3", DescriptorAddress(3)),
        ("fd://web", PassedAddress("web")),
        ("http://a:80", TcpAddress("a", 80, "http")),
        ("https://[::1]:443", TcpAddress("::1", 443, "https")),
        ("https://unix:x.sock", UnixAddress("x.sock", "https")),
        ("https://fd://3", DescriptorAddress(3, "https")),
        ("https://fd://web", PassedAddress("web", "https")),
        ("fd://web.socket", PassedAddress("web.socket")),
    ],
)
def test_names(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("8000", "must be an address with its port"),
        ("localhost", "must be an address with its port"),
        ("a:65536", "must be an address with its port"),
        ("a:-1", "must be an address with its port"),
        ("a:\u0663", "must be an address with its port"),
        ("", "must be an address with its port"),
        ("::1:8000", r'needs brackets around an IPv6 address, as in "\[::1\]:8000"'),
        ("[a]:8000", "has brackets around something that is no IPv6 address"),
        ("http://a:80/b", "takes an address without a path"),
        ("ftp://a:80", "takes an address without a path"),
        ("https://a:443/", "takes an address without a path"),
        ("https://https://a:1", "takes an address without a path"),
        ("https://", "must be an address with its port"),
        ("https://a", "must be an address with its port"),
        ("a b:80", "characters that no host name has"),
        ("[::1:80", "needs brackets"),
        ("unix:", 'needs a path after "unix:"'),
        ("unix:a\0b", 'needs a path after "unix:"'),
        ("fd://", 'needs a number after "fd://"'),
        ("fd://3x", 'needs a number after "fd://"'),
        ("fd://-1", 'needs a number after "fd://"'),
        ("\udcff:80", "characters that no host name has"),
    ],
)
def test_refuses(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_address(text)


@given(
    st.one_of(
        st.builds(
            TcpAddress,
            st.sampled_from(["", "127.0.0.1", "::1", "::", "example.test"]),
            st.integers(0, 65535),
        ),
        st.builds(UnixAddress, st.from_regex(r"/[a-z:][a-z/:]{0,20}", fullmatch=True)),
        st.builds(DescriptorAddress, st.integers(0, 1000)),
        st.builds(PassedAddress, st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)),
    )
)
def test_an_address_reads_what_it_shows(address: Address) -> None:
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("text", ["a:1", "[::1]:1", "unix:x", "fd://3", "fd://web"])
def test_an_address_shows_its_scheme(text: str, scheme: str) -> None:
    assert str(parse_address(f"{scheme}://{text}")) == f"{scheme}://{text}"


@given(st.text())
def test_any_text_is_an_address_or_refused_as_a_value(text: str) -> None:
    with suppress(ValueError):
        parse_address(text)


def test_bind_keeps_the_text() -> None:
    assert BindText().accept("[::1]:80") == "[::1]:80"


def test_bind_takes_only_text() -> None:
    with pytest.raises(ValueError, match="must be an address such as"):
        BindText().accept(8000)


@pytest.mark.parametrize(
    ("text", "host"), [("::1", "::1"), ("[::1]", "::1"), ("", ""), ("a.test", "a.test")]
)
def test_a_host_is(text: str, host: str) -> None:
    assert HostName().accept(text) == host


@pytest.mark.parametrize("host", ["a:80", "http://a", "a b", "[", "a\0", "a\u2028b", "\udcff"])
def test_a_host_is_not(host: str) -> None:
    with pytest.raises(ValueError, match="without a port"):
        HostName().read(host)


def test_a_host_is_text() -> None:
    with pytest.raises(ValueError, match="must be a host name"):
        HostName().accept(1)


@pytest.mark.parametrize(("text", "bits"), [("660", 0o660), ("0o600", 0o600), ("0", 0)])
def test_permissions_are_octal(text: str, bits: int) -> None:
    assert Permissions().accept(text) == bits


def test_permissions_as_a_number_are_what_they_are() -> None:
    assert Permissions().accept(0o640) == 0o640


@pytest.mark.parametrize("value", ["888", "1000", "rw", 660, -1, True, None])
def test_permissions_are_not(value: object) -> None:
    with pytest.raises(ValueError, match="in octal"):
        Permissions().accept(value)


def test_permissions_show_as_octal() -> None:
    assert Permissions().show(0o600) == "600"
