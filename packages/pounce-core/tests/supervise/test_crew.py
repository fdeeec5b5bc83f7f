"""A generation of workers, and that both kinds of worker have the shapes that supervision needs."""

from collections.abc import Sequence
from math import inf
from typing import Any, cast

import pytest

from pounce.config.config import Config
from pounce.supervise.crew import Crew, Front, Generation, Member
from pounce.supervise.process import ProcessCrew, ProcessFront
from pounce.supervise.recipe import Recipe
from pounce.supervise.threads import ThreadCrew, ThreadFront


class Hand:
    """What a generation looks at."""

    def __init__(self, *, ready: bool) -> None:
        self.ready = ready


def generation(*ready: bool) -> Generation:
    members = [cast("Member", Hand(ready=each)) for each in ready]
    return Generation(1, cast("Crew", None), members)


@pytest.mark.parametrize(
    ("ready", "wanted", "is_ready"),
    [
        ((), 1, False),
        ((False,), 1, False),
        ((True,), 1, True),
        ((True, False), 2, False),
        ((True, False), 1, True),
        ((True, True, True), 2, True),
    ],
)
def test_a_generation_is_ready_when_as_many_as_are_wanted_are(
    ready: tuple[bool, ...], wanted: int, is_ready: bool
) -> None:
    assert generation(*ready).is_ready(wanted) is is_ready


def test_each_generation_has_members_of_its_own() -> None:
    first, second = (Generation(number, cast("Crew", None)) for number in (1, 2))
    first.members.append(cast("Member", Hand(ready=True)))
    assert second.members == []


async def app(*_: Any) -> None:
    """Never called."""


def crews() -> Sequence[Crew]:
    config = Config("module:app")
    return ThreadCrew(Recipe(config), lambda: app, None), ProcessCrew(config, [], 1)


@pytest.mark.parametrize("kind", [0, 1], ids=["thread", "process"])
def test_a_worker_that_was_made_is_neither_ready_nor_old(kind: int) -> None:
    member = crews()[kind].make("worker-1", lambda *_: None)
    assert (member.name, member.ready, member.since, member.lifetime) == (
        "worker-1",
        False,
        inf,
        None,
    )


@pytest.mark.parametrize(
    "front", [ThreadFront([], None), ProcessFront([])], ids=["thread", "process"]
)
def test_a_front_may_be_stopped_without_having_served_and_again(front: Front) -> None:
    front.serve([])
    front.stop()
    front.stop()
