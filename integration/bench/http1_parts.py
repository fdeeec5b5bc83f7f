"""Times the parts of HTTP/1.1 that every request passes: head in, response head out.

Prints microseconds for one, the best of several rounds, so that a change to a hot path can be
judged on an idle machine: `python integration/bench/http1_parts.py`.
"""

import sys
import timeit
from collections.abc import Callable
from itertools import count

from pounce.http1.answer import ResponseDefaults
from pounce.http1.head import HeadParser
from pounce.http1.reader import RequestReader
from pounce.http1.request import Request
from pounce.http1.response import Response
from pounce.protocol.limits import Limits

SMALL = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
BROWSER = (
    b"GET /articles/42?page=2 HTTP/1.1\r\n"
    b"Host: www.example.com\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Referer: https://www.example.com/articles\r\n"
    b"Connection: keep-alive\r\n"
    b"Cookie: session=%08d-4f1e-9c55-2f8d7a6b1c3e; theme=dark\r\n"
    b"Upgrade-Insecure-Requests: 1\r\n"
    b"Sec-Fetch-Dest: document\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-Site: same-origin\r\n"
    b"Priority: u=0, i\r\n"
    b"\r\n"
)
POST = b"POST /items HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
HELLO = [(b"content-type", b"text/plain"), (b"content-length", b"13")]
HELLO_LISTS = [[b"content-type", b"text/plain"], [b"content-length", b"13"]]
ROUND = 1_000
ROUNDS = 60


def heads(sources: Callable[[int], bytes]) -> float:
    """Feeds bytes objects that have not been seen before, as a recv makes them."""
    reader = RequestReader(Limits(), HeadParser())
    numbers = count()

    def one_round() -> float:
        fresh = [bytes(bytearray(sources(next(numbers)))) for _ in range(ROUND)]
        start = timeit.default_timer()
        for data in fresh:
            reader.feed(data)
            reader.next_head()
        return timeit.default_timer() - start

    return min(one_round() for _ in range(ROUNDS)) / ROUND * 1e6


def request_with_body() -> float:
    reader = RequestReader(Limits(), HeadParser())

    def one_round() -> float:
        fresh = [bytes(bytearray(POST)) for _ in range(ROUND)]
        start = timeit.default_timer()
        for data in fresh:
            reader.feed(data)
            reader.next_head()
            reader.read()
        return timeit.default_timer() - start

    return min(one_round() for _ in range(ROUNDS)) / ROUND * 1e6


def hello_request() -> Request:
    reader = RequestReader(Limits(), HeadParser())
    reader.feed(SMALL)
    request = reader.next_head()
    assert request is not None
    return request


def responses(headers: list[tuple[bytes, bytes]] | list[list[bytes]]) -> float:
    request = hello_request()
    defaults = ResponseDefaults(b"server: pounce\r\n")
    defaults.date_line = b"date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"

    def one() -> None:
        response = Response(request, defaults)
        response.start(200, headers)
        response.head(13, close=False)
        response.frame(13, more=False)

    return min(timeit.repeat(one, number=ROUND, repeat=ROUNDS)) / ROUND * 1e6


def varied_responses() -> float:
    """A length and an entity tag that are never the same twice."""
    request = hello_request()
    defaults = ResponseDefaults(b"server: pounce\r\n")
    defaults.date_line = b"date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"
    numbers = count()

    def one_round() -> float:
        fresh = [
            [
                (b"content-length", b"%d" % next(numbers)),
                (b"content-type", b"application/json"),
                (b"etag", b'"%d"' % next(numbers)),
            ]
            for _ in range(ROUND)
        ]
        start = timeit.default_timer()
        for headers in fresh:
            response = Response(request, defaults)
            response.start(200, headers)
            response.head(None, close=False)
        return timeit.default_timer() - start

    return min(one_round() for _ in range(ROUNDS)) / ROUND * 1e6


def main() -> None:
    enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"Python {sys.version.split()[0]}, GIL {'on' if enabled else 'off'}; µs for one")
    rows: list[tuple[str, Callable[[], float]]] = [
        ("small head", lambda: heads(lambda _: SMALL)),
        ("browser head", lambda: heads(lambda _: BROWSER % 0)),
        ("browser head, its cookie changes", lambda: heads(lambda n: BROWSER % n)),
        (
            "small head, its path changes",
            lambda: heads(lambda n: SMALL.replace(b"/ ", b"/%d " % n, 1)),
        ),
        ("small head with a body of 5 bytes, read", request_with_body),
        ("hello response", lambda: responses(HELLO)),
        ("hello response, headers as lists", lambda: responses(HELLO_LISTS)),
        ("response with changing fields", varied_responses),
    ]
    for name, run in rows:
        print(f"{name:42} {run():6.2f}")


if __name__ == "__main__":
    main()
