"""The settings of one server: frozen, checked when made, each with its unit, default and reason.

Decides which settings there are and which go together. Never reads a file or the environment
(`pounce.config.sources` does), and never opens, resolves or imports what a setting names.
"""

# ruff: noqa: RUF009 - setting() makes a dataclass field, and no value that instances share

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, is_dataclass, replace
from typing import Any, Literal, Self, cast

from pounce.config.address import (
    Address,
    DescriptorAddress,
    TcpAddress,
    UnixAddress,
    parse_address,
)
from pounce.config.groups import (
    address,
    application,
    limits,
    logs,
    process,
    proxy,
    reloading,
    responses,
    timeouts,
    worker,
)
from pounce.config.groups.application import ApplicationScope, LifespanMode
from pounce.config.groups.logs import AccessLogFormat
from pounce.config.groups.worker import WorkerType
from pounce.config.header import HeaderPair
from pounce.config.log import LogLevel
from pounce.config.machine import gil_enabled, usable_cpus
from pounce.config.suggestion import did_you_mean
from pounce.protocol.errors import ConfigError
from pounce.protocol.limits import Limits
from pounce.protocol.setting import Setting, required, setting, settings_of


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one server.

    Raises:
        ConfigError: a value is not one, or does not go with another.
    """

    app: str | Callable[..., Any] = required(application.APP)
    _: KW_ONLY
    factory: bool = setting(False, application.FACTORY)
    app_scope: ApplicationScope = setting("server", application.APP_SCOPE)
    app_dir: str = setting(".", application.APP_DIR)
    env_file: str | None = setting(None, application.ENV_FILE)
    lifespan: LifespanMode = setting("auto", application.LIFESPAN)
    root_path: str = setting("", application.ROOT_PATH)

    host: str = setting("127.0.0.1", address.HOST)
    port: int = setting(8000, address.PORT)
    uds: str | None = setting(None, address.UDS)
    fd: int | None = setting(None, address.FD)
    bind: tuple[str, ...] = setting((), address.BIND)
    backlog: int = setting(2048, address.BACKLOG)
    uds_permissions: int = setting(0o666, address.UDS_PERMISSIONS)

    workers: int | Literal["auto"] = setting(1, worker.WORKERS)
    worker_type: WorkerType = setting("auto", worker.WORKER_TYPE)
    limit_max_requests: int | None = setting(None, worker.LIMIT_MAX_REQUESTS)
    limit_max_requests_jitter: int = setting(0, worker.LIMIT_MAX_REQUESTS_JITTER)
    limit_max_age: float | None = setting(None, worker.LIMIT_MAX_AGE)
    limit_max_memory: int | None = setting(None, worker.LIMIT_MAX_MEMORY)
    limit_restarts: int | None = setting(10, worker.LIMIT_RESTARTS)

    reload: bool = setting(False, reloading.RELOAD)
    reload_dirs: tuple[str, ...] = setting((), reloading.RELOAD_DIRS)
    reload_includes: tuple[str, ...] = setting((), reloading.RELOAD_INCLUDES)
    reload_excludes: tuple[str, ...] = setting((), reloading.RELOAD_EXCLUDES)
    reload_delay: float = setting(0.25, reloading.RELOAD_DELAY)

    pid_file: str | None = setting(None, process.PID_FILE)
    user: str | None = setting(None, process.USER)
    group: str | None = setting(None, process.GROUP)

    log_level: LogLevel = setting("info", logs.LOG_LEVEL)
    log_config: str | dict[str, Any] | None = setting(None, logs.LOG_CONFIG)
    access_log: bool = setting(True, logs.ACCESS_LOG)
    access_log_format: AccessLogFormat = setting("auto", logs.ACCESS_LOG_FORMAT)
    use_colors: bool | None = setting(None, logs.USE_COLORS)

    proxy_headers: bool = setting(True, proxy.PROXY_HEADERS)
    forwarded_allow_ips: tuple[str, ...] = setting(("127.0.0.1", "::1"), proxy.FORWARDED_ALLOW_IPS)

    server_header: bool = setting(True, responses.SERVER_HEADER)
    date_header: bool = setting(True, responses.DATE_HEADER)
    headers: tuple[HeaderPair, ...] = setting((), responses.HEADERS)

    limit_concurrency: int | None = setting(None, limits.LIMIT_CONCURRENCY)
    limit_connections: int | None = setting(None, limits.LIMIT_CONNECTIONS)
    limit_request_line: int = setting(8190, limits.LIMIT_REQUEST_LINE)
    limit_header_count: int = setting(100, limits.LIMIT_HEADER_COUNT)
    limit_header_bytes: int = setting(32_768, limits.LIMIT_HEADER_BYTES)
    limit_body: int | None = setting(None, limits.LIMIT_BODY)
    limit_keep_alive_requests: int | None = setting(None, limits.LIMIT_KEEP_ALIVE_REQUESTS)
    limit_body_rate: int = setting(240, limits.LIMIT_BODY_RATE)
    limit_write_rate: int = setting(240, limits.LIMIT_WRITE_RATE)

    timeout_head: float | None = setting(10.0, timeouts.TIMEOUT_HEAD)
    timeout_keep_alive: float | None = setting(75.0, timeouts.TIMEOUT_KEEP_ALIVE)
    timeout_body: float | None = setting(20.0, timeouts.TIMEOUT_BODY)
    timeout_write: float | None = setting(20.0, timeouts.TIMEOUT_WRITE)
    timeout_request: float | None = setting(None, timeouts.TIMEOUT_REQUEST)
    timeout_graceful_shutdown: float | None = setting(20.0, timeouts.TIMEOUT_GRACEFUL_SHUTDOWN)
    timeout_drain_delay: float = setting(0.0, timeouts.TIMEOUT_DRAIN_DELAY)
    timeout_startup: float | None = setting(60.0, timeouts.TIMEOUT_STARTUP)
    timeout_stall: float | None = setting(1.0, timeouts.TIMEOUT_STALL)

    protocols: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The settings of each protocol, an instance of its dataclass, by the protocol's name. What is
    not here has its defaults."""

    def __post_init__(self) -> None:
        for name, described in settings().items():
            try:
                value = described.kind.accept(getattr(self, name))
            except ValueError as error:
                raise ConfigError(f"{name} {error}") from None
            object.__setattr__(self, name, value)
        if self.root_path:
            if not self.root_path.startswith("/"):
                raise ConfigError(f'root_path must start with a slash: "/{self.root_path}"')
            object.__setattr__(self, "root_path", self.root_path.rstrip("/"))
        self._check_addresses()
        self._check_application()
        self._check_protocols()

    def _check_protocols(self) -> None:
        given = cast("object", self.protocols)
        if not isinstance(given, Mapping):
            raise ConfigError(
                "protocols must be a mapping from the name of each protocol to an instance of its"
                f" settings, and not of type {type(given).__name__}"
            )
        for name, form in cast("Mapping[object, object]", given).items():
            if not isinstance(name, str):
                raise ConfigError(
                    f"protocols must have names of protocols as keys, and not {name!r}"
                )
            if not is_dataclass(form) or isinstance(form, type):
                raise ConfigError(
                    f'protocols must have an instance of the settings of "{name}", and not what is'
                    f" of type {type(form).__name__}"
                )

    def _check_application(self) -> None:
        if self.app_scope == "worker" and not self.factory:
            raise ConfigError(
                'app_scope "worker" makes an application for each worker: name a function that '
                'makes one, and say so with factory, or set app_scope to "server"'
            )
        if isinstance(self.app, str):
            return
        if self.worker_kind() == "process":
            raise ConfigError(
                "process workers import the application themselves: give app as an import "
                'string such as "module:app", or set worker_type to "thread"'
            )
        if self.reload:
            raise ConfigError(
                "reload imports the application anew: give app as an import string such as "
                '"module:app", or leave reload out'
            )

    def _check_addresses(self) -> None:
        said = [name for name in ("bind", "uds", "fd") if getattr(self, name) not in ((), None)]
        if len(said) > 1:
            raise ConfigError(
                f"{' and '.join(said)} each say where to listen: "
                "use one of them, or bind several times"
            )
        seen: set[Address] = set()
        for given in self.addresses():
            each = replace(given, scheme=None)
            if each in seen and not (isinstance(each, TcpAddress) and each.port == 0):
                raise ConfigError(f"bind names {each} twice: leave one of them out")
            seen.add(each)

    def addresses(self) -> tuple[Address, ...]:
        """Where to listen, from whichever of `bind`, `uds`, `fd`, and `host` and `port` it is."""
        if self.bind:
            return tuple(parse_address(text) for text in self.bind)
        if self.uds is not None:
            return (UnixAddress(self.uds),)
        if self.fd is not None:
            return (DescriptorAddress(self.fd),)
        return (TcpAddress(self.host, self.port),)

    def names_address(self) -> bool:
        """Whether an address was chosen: something else than the default."""
        return bool(self.bind) or (self.uds, self.fd, self.host, self.port) != _DEFAULT_ADDRESS

    def worker_kind(self) -> Literal["thread", "process"]:
        """The kind of worker on this interpreter; one alone needs no process of its own."""
        if self.worker_type != "auto":
            return self.worker_type
        return "process" if gil_enabled() and self.worker_count() > 1 else "thread"

    def worker_count(self) -> int:
        """The number of workers on this machine, now."""
        return usable_cpus() if self.workers == "auto" else self.workers

    def limits(self) -> Limits:
        """The limits and deadlines of each connection."""
        return Limits(
            request_line=self.limit_request_line,
            header_count=self.limit_header_count,
            header_bytes=self.limit_header_bytes,
            body=self.limit_body,
            keep_alive_requests=self.limit_keep_alive_requests,
            concurrency=self.limit_concurrency,
            head_timeout=self.timeout_head,
            keep_alive_timeout=self.timeout_keep_alive,
            body_timeout=self.timeout_body,
            body_rate=self.limit_body_rate,
            write_timeout=self.timeout_write,
            write_rate=self.limit_write_rate,
            request_timeout=self.timeout_request,
        )

    def response_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Fields for every response: `headers`, and `server` unless it is off or among them."""
        fields = [(name.encode("ascii"), value.encode("latin-1")) for name, value in self.headers]
        if self.server_header and all(name != b"server" for name, _ in fields):
            fields.insert(0, (b"server", b"pounce"))
        return tuple(fields)

    def replace(self, **changes: Any) -> Self:
        """The same settings but for some.

        Raises:
            ConfigError: there is no such setting, or its value is not one.
        """
        for name in changes:
            check_name(name)
        return replace(self, **changes)


def settings() -> Mapping[str, Setting]:
    """Every setting of `Config`, by name, in its order."""
    return _SETTINGS


def check_name(name: str) -> None:
    """Refuses a name that no setting has.

    Raises:
        ConfigError: with the nearest name that there is.
    """
    if name not in _SETTINGS:
        raise ConfigError(f'there is no setting "{name}"{did_you_mean(name, _SETTINGS)}')


_SETTINGS: Mapping[str, Setting] = settings_of(Config)
_DEFAULT_ADDRESS = tuple(_SETTINGS[name].default for name in ("uds", "fd", "host", "port"))
