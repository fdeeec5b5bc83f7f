"""What an error came of is found, and no chain of errors is followed for ever."""

from pounce.asgi.origins import MOST, origins


def test_an_error_by_itself_is_its_own_origin() -> None:
    error = ValueError()
    assert list(origins(error)) == [error]


def test_a_cause_is_an_origin() -> None:
    error, cause = ValueError(), KeyError()
    error.__cause__ = cause
    assert set(origins(error)) == {error, cause}


def test_a_context_is_an_origin() -> None:
    error, context = ValueError(), KeyError()
    error.__context__ = context
    assert set(origins(error)) == {error, context}


def test_members_of_a_group_are_origins() -> None:
    members = [ValueError(), KeyError()]
    group = ExceptionGroup("both", members)
    assert set(origins(group)) == {group, *members}


def test_an_error_that_is_its_own_cause_is_told_once() -> None:
    error = ValueError()
    error.__cause__ = error
    assert list(origins(error)) == [error]


def test_errors_that_are_each_others_cause_are_told_once() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert set(origins(one)) == {one, other}


def test_a_chain_without_end_has_an_end() -> None:
    error = ValueError()
    for _ in range(2 * MOST):
        follower = ValueError()
        follower.__cause__ = error
        error = follower
    assert len(list(origins(error))) == MOST


def test_groups_in_groups_are_no_recursion() -> None:
    group: ExceptionGroup[Exception] = ExceptionGroup("innermost", [ValueError()])
    for _ in range(5_000):
        group = ExceptionGroup("outer", [group])
    assert len(list(origins(group))) == MOST
