"""A file of `NAME=value` lines, as `--env-file` takes it.

Decides what its lines mean. Never changes the environment. The notation is that of a shell's
assignments, as far as such files use it: `export` before a name, single quotes for text as it
stands, double quotes with backslash escapes, both over several lines; comments; and `${NAME}` or
`${NAME:-otherwise}` outside single quotes.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pounce.protocol.errors import ConfigError
from pounce.protocol.kind import shown

ASSIGNMENT: Final = re.compile(
    r"""
    [ \t]* (?:export[ \t]+)? (?P<name>[A-Za-z_][A-Za-z0-9_.-]*) [ \t]*
    (?: = [ \t]*
        (?: '(?P<single>[^']*)'
          | "(?P<double>(?:[^"\\]|\\.)*)"
          | (?P<bare>[^'"\n][^\n]*|)
        )
    )?
    [ \t]* (?:\#[^\n]*)? (?:\n|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
BLANK: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
COMMENT: Final = re.compile(r"(?:^|[ \t]+)#.*")
REFERENCE: Final = re.compile(r"\$\{(?P<name>[^}:]*)(?::-(?P<otherwise>[^}]*))?\}")
ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
ESCAPES: Final[Mapping[str, str]] = {"n": "\n", "r": "\r", "t": "\t"}


def read_env_file(path: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Reads the variables of a file.

    Args:
        environ: what `${NAME}` finds first, before the lines above it.

    Raises:
        ConfigError: it cannot be read, or a line is no assignment.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"the file {path} of --env-file is not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(
            f"the file {path} of --env-file cannot be read: {error.strerror}"
        ) from None
    return parse_env_file(text, environ, path)


def parse_env_file(text: str, environ: Mapping[str, str], path: str) -> dict[str, str]:
    """Reads variables from text; `path` is for messages."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if blank := BLANK.match(text, at):
            at = blank.end()
            continue
        line = ASSIGNMENT.match(text, at)
        if line is None:
            number = text.count("\n", 0, at) + 1
            wrong = text[at:].partition("\n")[0]
            raise ConfigError(
                f"line {number} of {path} is not NAME=value, with its quotes closed: {shown(wrong)}"
            )
        at = line.end()
        if line["single"] is not None:
            found[line["name"]] = line["single"]
        elif line["double"] is not None:
            value = _filled(line["double"], environ, found)
            found[line["name"]] = ESCAPE.sub(_unescaped, value)
        elif line["bare"] is not None:
            value = COMMENT.sub("", line["bare"]).strip(" \t")
            found[line["name"]] = _filled(value, environ, found)
    return found


def _filled(value: str, environ: Mapping[str, str], found: Mapping[str, str]) -> str:
    def replacement(match: re.Match[str]) -> str:
        name = match["name"]
        known = environ.get(name) or found.get(name)
        return known or match["otherwise"] or ""

    return REFERENCE.sub(replacement, value)


def _unescaped(match: re.Match[str]) -> str:
    return ESCAPES.get(match[1], match[1])
