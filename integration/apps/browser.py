"""A page that does what pages do, and what it asks for: fetch, events, a WebSocket.

The page tells what it has seen to `/seen`, which notes it under the token in the query.
"""

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from integration.apps.journal import note

PAGE = """<!doctype html>
<title>pounce</title>
<script>
const token = location.search.slice(1);
const seen = {};

async function fetched() {
  const body = "x".repeat(100000);
  const response = await fetch("/echo", {method: "POST", body});
  seen.fetch = (await response.text()) === body;
  const many = Array.from({length: 20}, (_, n) => fetch("/json?" + n).then(r => r.json()));
  seen.many = (await Promise.all(many)).every((value, n) => value.query === String(n));
}

function events() {
  return new Promise((resolve, reject) => {
    const source = new EventSource("/events");
    const data = [];
    source.onmessage = event => {
      data.push(event.data);
      if (data.length === 3) { source.close(); seen.events = data; resolve(); }
    };
    source.onerror = () => reject("events");
  });
}

function messages() {
  return new Promise((resolve, reject) => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/socket`, ["chat"]);
    socket.onopen = () => socket.send("hello");
    socket.onmessage = event => { seen.message = event.data; socket.close(3000, "bye"); };
    socket.onclose = event => { seen.close = [event.code, event.wasClean]; resolve(); };
    socket.onerror = () => reject("socket");
  });
}

async function main() {
  try {
    await fetched();
    await events();
    await messages();
    const [page] = performance.getEntriesByType("navigation");
    seen.protocol = page.nextHopProtocol;
  } catch (error) {
    seen.error = String(error);
  }
  await fetch("/seen?" + token, {method: "POST", body: JSON.stringify(seen)});
}

main();
</script>
"""


async def page(_request: Request) -> Response:
    return HTMLResponse(PAGE)


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def query(request: Request) -> Response:
    return JSONResponse({"query": request.url.query})


async def events(_request: Request) -> Response:
    async def stream() -> AsyncIterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(stream(), media_type="text/event-stream")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol="chat")
    text = await websocket.receive_text()
    await websocket.send_text(f"{text} over HTTP/{websocket.scope['http_version']}")
    await websocket.receive()


async def seen(request: Request) -> Response:
    note(request.url.query, "seen", json.loads(await request.body()))
    return Response()


app = Starlette(
    routes=[
        Route("/", page),
        Route("/echo", echo, methods=["POST"]),
        Route("/json", query),
        Route("/events", events),
        Route("/seen", seen, methods=["POST"]),
        WebSocketRoute("/socket", socket),
    ]
)
