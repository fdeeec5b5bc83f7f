"""TLS for the pounce ASGI server."""
