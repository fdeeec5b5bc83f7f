"""The sockets that a server accepts from: opened here, described to child processes, closed here.

Decides how an address becomes sockets, and says in a sentence why one does not. Never accepts a
connection, and never removes a socket file that another process listens on.
"""

import errno
import os
import socket
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from pounce.config.address import (
    Address,
    DescriptorAddress,
    PassedAddress,
    TcpAddress,
    UnixAddress,
)
from pounce.config.config import Config
from pounce.protocol.errors import BindError
from pounce.supervise.systemd import inherited_descriptors

TRIES_FOR_A_FREE_PORT: Final = 16
"""How often to look for a port that is free at every address of a name."""

UNIX_PATH_BYTES: Final = 107
"""The longest path that Linux takes (unix(7)); macOS takes 103 and says so itself."""

NOT_SENT: Final = 131_072
"""Bytes of a response that the kernel holds beyond what is on its way to the client."""
NO_SUCH_FAMILY: Final = frozenset((errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT))
"""What the system says of IPv6 where it is switched off."""

type Name = tuple[str, int | None]
type Place = tuple[str, int] | tuple[str, int, int, int]
type Endpoint = tuple[socket.AddressFamily, Place]


@dataclass(frozen=True, slots=True)
class SocketFile:
    """The file of a Unix socket, as its maker knows it again: nobody else may remove it."""

    path: str
    device: int
    inode: int
    process: int

    def remove(self) -> None:
        """Removes the file, if this process made it and nobody put another in its place."""
        if self.process != os.getpid():
            return
        try:
            found = Path(self.path).lstat()
            if (found.st_dev, found.st_ino) == (self.device, self.inode):
                Path(self.path).unlink()
        except OSError:
            pass  # Whoever removed it first has done what was to be done.

    def give_to(self, user: int, group: int) -> None:
        """Changes the owner of the file.

        Raises:
            BindError: this process may not.
        """
        try:
            os.chown(self.path, user, group, follow_symlinks=False)
        except OSError as error:
            raise BindError(
                f"the socket {self.path} cannot be given to the user of --user: {error.strerror}"
            ) from None


@dataclass(frozen=True, slots=True)
class ListenerDescription:
    """What a child process needs to listen too; it can be pickled.

    Attributes:
        descriptor: the number that the child process finds the socket at.
    """

    descriptor: int
    family: int
    server: Name
    scheme: str


class Listener:
    """One listening socket. It is non-blocking, and no child process inherits it unasked.

    Attributes:
        socket: to accept from.
        server: the `server` of an ASGI scope: host and port, or path and None.
        scheme: of the URLs of what it serves.
    """

    __slots__ = ("_file", "scheme", "server", "socket")

    def __init__(
        self, sock: socket.socket, server: Name, scheme: str, file: SocketFile | None = None
    ) -> None:
        self.socket = sock
        self.server = server
        self.scheme = scheme
        self._file = file

    @property
    def url(self) -> str:
        """For the line that says where the server is to be found."""
        return url_of(self.server, self.scheme)

    def describe(self) -> ListenerDescription:
        return ListenerDescription(
            descriptor=self.socket.fileno(),
            family=int(self.socket.family),
            server=self.server,
            scheme=self.scheme,
        )

    def give_to(self, user: int, group: int) -> None:
        """Makes its socket file somebody else's, who may remove it then if the folder allows it.

        Raises:
            BindError: this process may not give it away.
        """
        if self._file is not None:
            self._file.give_to(user, group)

    def leave_file(self) -> None:
        """Leaves the socket file to a process that listens there from now on."""
        self._file = None

    def own_file(self) -> None:
        """Takes a socket file over from the process that left it."""
        host, port = self.server
        if port is None:
            made = Path(host).lstat()
            self._file = SocketFile(host, made.st_dev, made.st_ino, os.getpid())

    def close(self) -> None:
        """Closes the socket, and removes the socket file that this process made for it."""
        if self._file is not None:
            self._file.remove()
            self._file = None
        self.socket.close()


def url_of(server: Name, scheme: str) -> str:
    """Where a listener is to be found, as one would type it."""
    host, port = server
    if port is None:
        return f"unix:{host}" if scheme == "http" else f"{scheme}://unix:{host}"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def open_listeners(config: Config, default: str = "http") -> tuple[Listener, ...]:
    """Opens every address of a configuration, and listens.

    Args:
        config: names the addresses.
        default: the scheme of an address that names none.

    A name stands for each of its addresses, as asyncio and nginx have it: `localhost` is 127.0.0.1
    and ::1 where both exist, on one port. The empty host is every interface, over IPv4 and IPv6.
    `::` takes IPv4 too, unless an IPv4 address with its port is among the addresses.

    When no address was chosen and systemd passed sockets, these are all there is. Of several, an
    address such as `fd://web` picks those with that name.

    Raises:
        BindError: one of them cannot be opened; none is left open then.
    """
    addresses = _addresses(config)
    ipv4_ports = {
        address.port
        for address in addresses
        if isinstance(address, TcpAddress) and _is_ipv4(address.host)
    }
    opened: list[Listener] = []
    try:
        for address in addresses:
            scheme = address.scheme or default
            match address:
                case TcpAddress():
                    sockets = _open_tcp(address, config.backlog, address.port in ipv4_ports)
                    opened += [_tcp_listener(sock, scheme) for sock in sockets]
                case UnixAddress(path):
                    opened.append(_open_unix(path, scheme, config.backlog, config.uds_permissions))
                case DescriptorAddress(number):
                    opened.append(_take(number, scheme))
                case PassedAddress():
                    raise AssertionError("descriptors stand for it by now")
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    return tuple(opened)


def _addresses(config: Config) -> Sequence[Address]:
    """Where to listen, with what systemd passed by its descriptors."""
    given = config.addresses()
    chosen = config.names_address()
    if chosen and not any(isinstance(address, PassedAddress) for address in given):
        # The application may want what was passed.
        return given
    descriptors, names = inherited_descriptors()
    if not chosen:
        return [DescriptorAddress(number) for number in descriptors] or given
    addresses: list[Address] = []
    for address in given:
        if isinstance(address, PassedAddress):
            found = [n for n, name in zip(descriptors, names, strict=True) if name == address.name]
            if not found:
                raise BindError(_not_passed(address, names))
            addresses += [DescriptorAddress(number, address.scheme) for number in found]
        else:
            addresses.append(address)
    return addresses


def _not_passed(address: PassedAddress, names: Sequence[str]) -> str:
    passed = f"only {', '.join(dict.fromkeys(names))}" if names else "none at all"
    return (
        f'systemd passed no socket with the name "{address.name}", {passed}: '
        "see FileDescriptorName= in the socket's unit"
    )


def adopt_listeners(described: Iterable[ListenerDescription]) -> tuple[Listener, ...]:
    """Makes listeners, in a child process, of the descriptors that it was given.

    Raises:
        BindError: one is not there, or is no socket; the others are left as they are.
    """
    adopted: list[Listener] = []
    for each in described:
        try:
            sock = socket.socket(each.family, socket.SOCK_STREAM, fileno=each.descriptor)
            sock.getsockname()
        except OSError as error:
            for listener in adopted:
                listener.socket.detach()
            raise BindError(
                f"this worker was not given the socket of {url_of(each.server, each.scheme)} "
                f"as descriptor {each.descriptor}: {error.strerror}"
            ) from None
        _settle(sock)
        adopted.append(Listener(sock, each.server, each.scheme))
    return tuple(adopted)


def _open_tcp(address: TcpAddress, backlog: int, ipv4_too: bool) -> list[socket.socket]:
    endpoints = _resolve(address)
    families = {family for family, _ in endpoints}
    v6_only = ipv4_too or socket.AF_INET in families
    # A free port of one address may be taken at another, so a port is only found by trying.
    tries = TRIES_FOR_A_FREE_PORT if address.port == 0 and len(endpoints) > 1 else 1
    for left in reversed(range(tries)):
        try:
            return _listen_at(endpoints, backlog, v6_only)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not left:
                raise BindError(_refused(address, error)) from None
    raise AssertionError("the last try returns or raises")


def _listen_at(endpoints: Sequence[Endpoint], backlog: int, v6_only: bool) -> list[socket.socket]:
    """Listens at each endpoint that this machine has; those without a port get the same one."""
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    port = 0
    try:
        for family, endpoint in endpoints:
            place = (endpoint[0], endpoint[1] or port, *endpoint[2:])
            try:
                sock = _listen_tcp(family, place, backlog, v6_only)
            except OSError as error:
                if error.errno not in NO_SUCH_FAMILY:
                    raise
                missing = error
                continue
            sockets.append(sock)
            port = sock.getsockname()[1]
        if not sockets and missing is not None:
            raise missing
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _listen_tcp(
    family: socket.AddressFamily, place: tuple[str | int, ...], backlog: int, v6_only: bool
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A server that restarts finds its port free though old connections linger (tcp(7)).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6_only)
        _settle(sock)
        sock.bind(place)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _settle(sock: socket.socket) -> None:
    sock.setblocking(False)
    sock.set_inheritable(False)
    if sock.family in {socket.AF_INET, socket.AF_INET6}:
        # Accepted sockets inherit these, which saves each connection the system calls.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # Else the kernel takes megabytes for a client that reads slowly, or not at all.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT)


def _tcp_listener(sock: socket.socket, scheme: str) -> Listener:
    host, port = sock.getsockname()[:2]
    return Listener(sock, (host, port), scheme)


def _resolve(address: TcpAddress) -> Sequence[Endpoint]:
    """The addresses of a name, in the resolver's order, each once."""
    try:
        found = socket.getaddrinfo(
            address.host or None,
            address.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except (socket.gaierror, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no name"
        raise BindError(
            f'the host "{address.host}" is not known here ({why}): '
            "give an address of this machine, or 0.0.0.0 for all of its interfaces"
        ) from None
    endpoints: dict[Endpoint, None] = {}
    for family, _, _, _, place in found:
        if family in {socket.AF_INET, socket.AF_INET6}:
            endpoints[family, cast("Place", place)] = None
    return tuple(endpoints)


def _is_ipv4(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True


def _refused(address: TcpAddress, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{address} is in use: another program listens there; stop it, "
                "or choose another port with --port (0 takes a free one)"
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"{address} needs a privilege that this process has not: "
                "choose a port from 1024 up, or grant it CAP_NET_BIND_SERVICE"
            )
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return (
                f"{address} is not an address of this machine: give one of its own, "
                "or 0.0.0.0 for all of its interfaces"
            )
        case _:
            return f"{address} cannot be listened on: {error.strerror or error}"


def _open_unix(path: str, scheme: str, backlog: int, permissions: int) -> Listener:
    size = len(os.fsencode(path))
    if size > UNIX_PATH_BYTES:
        raise BindError(
            f"the path of the Unix socket has {size} bytes, of which the system takes "
            f"{UNIX_PATH_BYTES}: choose a shorter one than {path}"
        )
    _clear_the_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    file: SocketFile | None = None
    try:
        _settle(sock)
        sock.bind(path)
        made = Path(path).lstat()
        file = SocketFile(str(Path(path).absolute()), made.st_dev, made.st_ino, os.getpid())
        Path(path).chmod(permissions)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        if file is not None:
            file.remove()
        raise BindError(_refused_path(path, error)) from None
    return Listener(sock, (path, None), scheme, file)


def _clear_the_way(path: str) -> None:
    """Removes the socket file that a server left behind which ended without a chance to do it.

    Raises:
        BindError: somebody listens there, or it is another kind of file.
    """
    try:
        mode = Path(path).lstat().st_mode
    except OSError:
        return  # Nothing is there; or it cannot be looked at, and bind says why.
    if not stat.S_ISSOCK(mode):
        raise BindError(
            f"{path} exists and is not a socket: remove it, or choose another path with --uds"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            pass
        except FileNotFoundError:
            return
        except OSError as error:
            # EAGAIN, say: somebody listens whose backlog is full.
            if error.errno in {errno.EACCES, errno.EPERM}:
                raise BindError(_refused_path(path, error)) from None
            raise BindError(_path_in_use(path)) from None
        else:
            raise BindError(_path_in_use(path))
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise BindError(_refused_path(path, error)) from None


def _path_in_use(path: str) -> str:
    return (
        f"{path} is in use: another program listens there; stop it, "
        "or choose another path with --uds"
    )


def _refused_path(path: str, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return _path_in_use(path)
        case errno.ENOENT | errno.ENOTDIR:
            return f"there is no folder {Path(path).parent} for the socket {path}: make it first"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return (
                f"this process may not make or use the socket {path}: "
                f"let its user write to {Path(path).parent}, or choose another path with --uds"
            )
        case _:
            return f"the Unix socket {path} cannot be listened on: {error.strerror or error}"


def _take(number: int, scheme: str) -> Listener:
    """Takes over a descriptor. It is closed with the listener; if it is refused, it stays open."""
    try:
        sock = socket.socket(fileno=number)
    except OSError as error:
        why = "is not open" if error.errno == errno.EBADF else "is not a socket"
        raise BindError(
            f"descriptor {number} {why}: start pounce from what opens the socket and passes it on"
        ) from None
    wrong = _why_unfit(sock)
    if wrong is not None:
        sock.detach()
        raise BindError(f"descriptor {number} {wrong}: pass a stream socket that listens")
    _settle(sock)
    if sock.family == socket.AF_UNIX:
        path = os.fsdecode(sock.getsockname())
        return Listener(sock, (path, None), scheme)
    return _tcp_listener(sock, scheme)


def _why_unfit(sock: socket.socket) -> str | None:
    if sock.family not in {socket.AF_INET, socket.AF_INET6, socket.AF_UNIX}:
        return "is a socket of a kind that HTTP is not served on"
    if sock.type != socket.SOCK_STREAM:
        return "is not a stream socket"
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen"
    return None
