"""What a request takes over from its framing."""

from pounce.http1.framing import Framing
from pounce.http1.request import Request
from pounce.protocol.exchange import RequestHead


def test_a_request_is_the_head_that_every_protocol_has() -> None:
    framing = Framing(5, False, True, True, True, b"websocket", True, True)
    request = Request("POST", b"/a", b"b", "1.1", [(b"host", b"x")], framing)
    assert isinstance(request, RequestHead)
    assert (request.method, request.raw_path, request.query) == ("POST", b"/a", b"b")
    assert (request.version, request.headers) == ("1.1", [(b"host", b"x")])
    assert (request.upgrade, request.accepts_trailers) == (b"websocket", True)
    assert request.forwarded
    assert request.framing is framing


def test_a_request_has_slots_only() -> None:
    framing = Framing(None, False, False, True, False, None, False, False)
    assert not hasattr(Request("GET", b"/", b"", "1.1", [], framing), "__dict__")
