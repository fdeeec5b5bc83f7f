"""What every protocol's exchange is made of, and that the one of HTTP/1.1 has all of it."""

from annotationlib import Format
from inspect import signature
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast, get_protocol_members

import pytest

from pounce.http1.exchange import Http1Exchange
from pounce.http1.framing import Framing
from pounce.http1.request import Request
from pounce.http1.response import Response, ResponseDefaults
from pounce.protocol import exchange as exchange_module
from pounce.protocol.exchange import (
    END,
    GONE,
    WAIT,
    Exchange,
    Outcome,
    Refusal,
    RequestHead,
    unknown_head,
)

if TYPE_CHECKING:
    from pounce.http1.handler import Http1Handler

METHODS = [
    name for name in sorted(get_protocol_members(Exchange)) if callable(vars(Exchange).get(name))
]


def http1_exchange() -> Http1Exchange:
    framing = Framing(None, False, False, True, False, None, False, False)
    request = Request("GET", b"/", b"", "1.1", [], framing)
    handler = cast("Http1Handler", SimpleNamespace(channel=None, reader=None))
    return Http1Exchange(handler, request, Response(request, ResponseDefaults()), 0.0)


def parameters(function: Any) -> list[tuple[str, object, object]]:
    """Without their annotations, which may name what is imported for type checkers only."""
    found = signature(function, annotation_format=Format.FORWARDREF).parameters.values()
    return [(each.name, each.kind, each.default) for each in found]


@pytest.mark.parametrize("member", sorted(get_protocol_members(Exchange)))
def test_http1_has_what_the_role_names(member: str) -> None:
    assert hasattr(http1_exchange(), member)


@pytest.mark.parametrize("method", METHODS)
def test_http1_is_called_as_the_role_is(method: str) -> None:
    assert parameters(getattr(Http1Exchange, method)) == parameters(getattr(Exchange, method))


def test_the_states_of_the_body_are_told_apart() -> None:
    assert len({END, WAIT, GONE}) == 3


@pytest.mark.parametrize("name", ["END", "WAIT", "GONE"])
def test_a_state_of_the_body_shows_its_name(name: str) -> None:
    assert repr(getattr(exchange_module, name)) == name


@pytest.mark.parametrize("alias", ["Client", "Headers", "RawHeaders"])
def test_an_alias_can_be_evaluated(alias: str) -> None:
    assert getattr(exchange_module, alias).__value__


def test_a_head_has_slots_only() -> None:
    assert not hasattr(RequestHead("GET", b"/", b"", "2", []), "__dict__")


def test_a_head_leaves_no_slot_empty() -> None:
    head = RequestHead("GET", b"/", b"", "2", [])
    assert [slot for slot in RequestHead.__slots__ if not hasattr(head, slot)] == []


def test_a_head_asks_for_nothing_extra_by_itself() -> None:
    head = RequestHead("GET", b"/", b"", "2", [])
    assert (head.upgrade, head.accepts_trailers, head.forwarded) == (None, False, False)


def test_a_head_has_no_origin_until_somebody_asks() -> None:
    assert RequestHead("GET", b"/", b"", "2", []).origin is None


@pytest.mark.parametrize("member", sorted(get_protocol_members(Outcome)))
def test_a_refusal_tells_what_an_exchange_does(member: str) -> None:
    assert hasattr(Refusal(unknown_head(), 400, 0.0), member)
    assert member in get_protocol_members(Exchange)


def test_what_is_not_known_of_a_head() -> None:
    head = unknown_head()
    assert (head.method, head.raw_path, head.query, head.version) == ("-", b"-", b"", "-")
