"""HTTP/3 for the pounce ASGI server."""
