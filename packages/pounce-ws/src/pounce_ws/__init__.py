"""WebSocket for the pounce ASGI server."""
