"""What an application may send: the content of its messages, each by itself.

Decides types and values; the order of messages is `call`'s. Refuses, and never repairs.
ASGI WebSocket spec 2.5.
"""

from typing import Any, cast

from pounce.protocol.asgi import Message
from pounce.protocol.errors import ResponseError
from pounce.protocol.exchange import Headers
from pounce_ws.closing import NORMAL, Closed, payload_of


def content_of(message: Message) -> str | bytes:
    """What a `websocket.send` carries.

    Raises:
        ResponseError: not exactly one of `text` and `bytes`, or one of the wrong type.
    """
    text: object = message.get("text")
    data: object = message.get("bytes")
    if text is not None and data is None:
        if isinstance(text, str):
            return text
        raise ResponseError(f"the text of a message is str, not {type(text).__name__}")
    if data is not None and text is None:
        if isinstance(data, bytes):
            return data
        if isinstance(data, bytearray | memoryview):
            return bytes(cast("bytearray", data))
        raise ResponseError(f"the bytes of a message are bytes, not {type(data).__name__}")
    raise ResponseError("'websocket.send' carries text or bytes, one of them")


def body_of(message: Message) -> bytes:
    """A piece of the body of a response to the handshake.

    Raises:
        ResponseError: it is not bytes.
    """
    body: object = message.get("body", b"")
    if isinstance(body, bytes):
        return body
    if isinstance(body, bytearray | memoryview):
        return bytes(cast("bytearray", body))
    raise ResponseError(f"the body of a response is bytes, not {type(body).__name__}")


def closing_of(message: Message) -> Closed:
    """What a `websocket.close` says.

    Raises:
        ResponseError: a code or a reason that no close frame may have.
    """
    code: object = message.get("code", NORMAL)
    reason: object = message.get("reason")
    if code is None:
        code = NORMAL
    if not isinstance(code, int) or isinstance(code, bool):
        raise ResponseError(f"a close code is a whole number, not {code!r}")
    if reason is not None and not isinstance(reason, str):
        raise ResponseError(f"the reason of a close is str, not {type(reason).__name__}")
    closed = Closed(int(code), reason or "")
    try:
        # 1005 says that there is no code: a close frame without is the application's to receive.
        if closed.code < NORMAL or not payload_of(closed):
            raise ValueError(f"{code} is no close code that may be sent")
    except ValueError as error:
        raise ResponseError(str(error)) from None
    return closed


def acceptance_of(message: Message, offered: list[str]) -> tuple[str | None, Headers]:
    """The subprotocol and the fields of a `websocket.accept`.

    Args:
        message: the message.
        offered: the subprotocols of the client.

    Raises:
        ResponseError: a subprotocol that was not offered, or a field of the handshake itself.
    """
    subprotocol: object = message.get("subprotocol")
    if subprotocol is not None and (not isinstance(subprotocol, str) or subprotocol not in offered):
        raise ResponseError(f"the client did not offer the subprotocol {subprotocol!r}")
    headers: Any = message.get("headers")
    fields: Headers = []
    try:
        for name, value in headers or ():
            if name.lower().startswith(b"sec-websocket-"):
                raise ResponseError(
                    f"{name!r} is a field of the handshake, which is the server's; a subprotocol"
                    " is chosen by 'subprotocol'"
                )
            fields.append((name, value))
    except TypeError, ValueError, AttributeError:
        raise ResponseError("headers are pairs of bytes, name and value") from None
    return subprotocol, fields
