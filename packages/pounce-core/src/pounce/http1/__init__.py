"""HTTP/1.1 and 1.0, sans-I/O: bytes in, requests out, and the bytes of responses.

The fast path reads heads that are common, the strict path with h11 behind it all others; framing
is one opinion for both. RFC 9110 and RFC 9112.
"""
