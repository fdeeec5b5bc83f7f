"""The settings of the two protocols.

`greeting` of the lines is `[line] greeting` in pounce.toml, `POUNCE_SAMPLE_GREETING` in the
environment, `--sample-greeting` on the command line and `sample_greeting` in Python. Decides names,
units and defaults; never reads a file or the environment.
"""

from dataclasses import dataclass

from pounce.protocol.kind import Text
from pounce.protocol.setting import About, accept_values, setting
from pounce.protocol.size import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """The settings of the line protocol."""

    greeting: str = setting(
        "hello",
        About(
            Text("TEXT"),
            help="what a client is greeted with",
            reason="A client that sees it knows that it is understood.",
        ),
    )
    path: str = setting(
        "/",
        About(
            Text("PATH"),
            help="what of the application is asked",
            reason="A line has no path of its own.",
        ),
    )
    longest: int = setting(
        8192,
        About(
            Size(1),
            unit="bytes",
            help="the longest line that a client may send",
            reason="A line is kept in memory until it is whole.",
        ),
    )

    def __post_init__(self) -> None:
        accept_values(self)
        if not self.path.startswith("/") or not self.path.isascii():
            raise ValueError(f"path must begin with a slash, in ASCII, not {self.path!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShoutSettings:
    """The settings of shouting."""

    mark: str = setting(
        "!",
        About(
            Text("TEXT"),
            help="what each line that is shouted back ends with",
            reason="One is enough.",
        ),
    )

    def __post_init__(self) -> None:
        accept_values(self)
