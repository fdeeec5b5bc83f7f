"""The server's own short answers to requests that no application sees.

Decides what a refused client is told: the status in words, and that the connection ends. Never
repeats a byte that the client sent. RFC 9110 section 15; RFC 9112 section 9.6.
"""

from pounce.http1.answer import ResponseDefaults
from pounce.protocol.response import refusal


def error_response(status: int, defaults: ResponseDefaults, *, head_only: bool = False) -> bytes:
    """Returns a whole response. `head_only` leaves out the body, as an answer to HEAD must."""
    fields, body = refusal(status)
    answer = defaults.answer(status, fields)
    ending = defaults.ending if answer.dated else b"\r\n"
    head = b"%bconnection: close\r\n%b" % (answer.wire, ending)
    return head if head_only else head + body
