"""HTTP/2 for the pounce ASGI server."""
