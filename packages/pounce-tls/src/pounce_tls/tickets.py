"""The keys of session tickets: the same in every worker process, which Python's `ssl` cannot do.

A ticket lets a client resume its session (RFC 8446 section 2.2, RFC 5077); only who has the keys it
was made with can read it. OpenSSL draws them for each context, and `ssl` has no way to set them, so
this calls OpenSSL itself, through the library that `ssl` is linked with. It writes nothing unless
it has recognised the context in memory, by the address of OpenSSL's own method table in it; where
it does not, nothing is changed, and sessions are resumed in the process that began them.
"""

import hashlib
import os
import ssl
import struct
from contextlib import suppress
from typing import Any, Final

LENGTH: Final = 80
"""Bytes that OpenSSL 3 wants: a name, a key to authenticate with, a key to encrypt with."""
SET_TICKET_KEYS: Final = 59
"""`SSL_CTRL_SET_TLSEXT_TICKET_KEYS`, what the macro of that name is made of."""
WORD: Final = struct.calcsize("P")
LOOK: Final = 4
"""Words at the start of OpenSSL's context among which the method table is looked for."""


def share_tickets(context: ssl.SSLContext, secret: bytes, mark: bytes) -> bool:
    """Gives a context the ticket keys that follow from a secret.

    Args:
        context: made by `ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)`, used by nobody yet.
        secret: 32 bytes that nobody else has.
        mark: of what else a session depends on; another one gives other keys.

    Returns:
        Whether it could be done.
    """
    library = _openssl()
    if library is None:
        return False
    address = _address(context, library)
    if address is None:
        return False
    import ctypes

    control: Any = library.SSL_CTX_ctrl
    control.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
    control.restype = ctypes.c_long
    if control(address, SET_TICKET_KEYS, 0, None) != LENGTH:
        return False
    keys = hashlib.shake_256(secret + mark).digest(LENGTH)
    return bool(control(address, SET_TICKET_KEYS, LENGTH, keys) == 1)


def _openssl() -> Any:
    """The OpenSSL that `ssl` is linked with, or None: it may be inside the interpreter, say."""
    with suppress(ImportError, AttributeError, OSError):
        import _ssl
        import ctypes

        path: str = getattr(_ssl, "__file__", "")
        if path:
            # Looked up through the extension module, so that no other OpenSSL can answer.
            library = ctypes.PyDLL(path)
            library.TLS_server_method.restype = ctypes.c_void_p
            return library if hasattr(library, "SSL_CTX_ctrl") else None
    return None


def _address(context: ssl.SSLContext, library: Any) -> int | None:
    """Where OpenSSL's context is: what Python's points to first, if that is one."""
    import ctypes

    if type(context).__basicsize__ < object.__basicsize__ + WORD:
        return None
    # Behind the head of every object.
    pointer = ctypes.string_at(id(context) + object.__basicsize__, WORD)
    (address,) = struct.unpack("P", pointer)
    method = library.TLS_server_method()
    # Read through the kernel: an address that is none is an error there, and not a crash here.
    with suppress(OSError, OverflowError):
        memory = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            words = os.pread(memory, LOOK * WORD, address)
        finally:
            os.close(memory)
        if len(words) == LOOK * WORD and method in struct.unpack(f"{LOOK}P", words):
            return int(address)
    return None
