"""The known name that an unknown one was probably meant to be.

Decides what to suggest. Never corrects anything by itself.
"""

from collections.abc import Iterable


def did_you_mean(unknown: str, known: Iterable[str]) -> str:
    """`, did you mean "name"?` for the nearest known name, or nothing when none is near."""
    from difflib import get_close_matches

    near = get_close_matches(unknown, list(known), n=1, cutoff=0.6)
    return f', did you mean "{near[0]}"?' if near else ""
