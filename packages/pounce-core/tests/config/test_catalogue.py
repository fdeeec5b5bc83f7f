"""Core's settings beside those of protocols: their names, and the configuration made of them."""

import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from pounce.config.catalogue import CORE, Catalogue, Table, table_of
from pounce.config.config import Config, settings
from pounce.protocol.errors import ConfigError
from pounce.protocol.kind import Switch, Text, Whole
from pounce.protocol.setting import GROUPS, About, accept_values, setting


def about(kind: Any = None, **more: Any) -> About[Any]:
    return About(kind or Whole(0), help="h", reason="r", **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    greeting: str = setting("hello", about(Text("TEXT")))
    most: int = setting(10, about(Whole(1), unit="lines", reloadable=False))
    least: int = setting(1, about(Whole(0)))
    secret: bytes = b""

    def __post_init__(self) -> None:
        accept_values(self)
        if self.least > self.most:
            raise ValueError("least is more than most")


TABLE = table_of("line", Lines, title="Lines", prefix="ln")
CATALOGUE = Catalogue([TABLE])


def form(**fields: Any) -> type[Any]:
    """A dataclass of whole numbers that are about this and that."""
    made: Any = dataclass(
        type(
            "Form",
            (),
            {
                "__annotations__": dict.fromkeys(fields, int),
                **{name: setting(0, said) for name, said in fields.items()},
            },
        )
    )
    assert isinstance(made, type)
    return made


# Names


def test_core_has_its_own_settings_only() -> None:
    assert (dict(CORE.settings), dict(CORE.tables)) == (dict(settings()), {})


def test_a_protocols_settings_follow_with_its_prefix() -> None:
    assert list(CATALOGUE.settings) == [*settings(), "ln_greeting", "ln_most", "ln_least"]


def test_they_are_listed_under_its_title() -> None:
    assert CATALOGUE.groups["line"].title == "Lines"
    assert {each.group for each in TABLE.settings.values()} == {"line"}


def test_without_a_prefix_it_is_the_name() -> None:
    assert next(iter(table_of("line", Lines).settings)) == "line_greeting"


def test_without_a_title_it_is_the_name() -> None:
    assert table_of("line", Lines).title == "line"


def test_a_hyphen_is_in_no_name_of_a_setting() -> None:
    [made] = table_of("my-line", form(most=about())).settings.values()
    assert (made.name, made.flag) == ("my_line_most", "--my-line-most")
    assert made.environment == ("POUNCE_MY_LINE_MOST",)


def test_a_table_knows_its_fields_and_their_names_outside() -> None:
    assert TABLE.fields == ["greeting", "most", "least"]
    assert (TABLE.name_of("most"), TABLE.name_of("ln_most")) == ("ln_most", None)


# Clashes


def clash(*tables: Table) -> str:
    with pytest.raises(ConfigError) as refusal:
        Catalogue(tables)
    return str(refusal.value)


def test_two_protocols_with_one_prefix_may_have_different_settings() -> None:
    other = table_of("other", form(more=about()), prefix="ln")
    assert "ln_more" in Catalogue([TABLE, other]).settings


def test_two_protocols_with_a_setting_of_one_name_are_refused() -> None:
    sentence = clash(TABLE, table_of("other", form(most=about()), prefix="ln"))
    assert sentence == ('other and line both have the setting "--ln-most": uninstall one of them')


@pytest.mark.parametrize(
    ("said", "claim"),
    [
        (about(flag="--port"), "--port"),
        (about(also=("--port",)), "--port"),
        (about(environment=("WEB_CONCURRENCY",)), "WEB_CONCURRENCY"),
        (about(flag="--config"), "--config"),
        (about(flag="--help"), "--help"),
    ],
)
def test_what_pounce_has_is_refused(said: About[Any], claim: str) -> None:
    sentence = clash(table_of("line", form(most=said)))
    assert sentence == f'line and pounce both have the setting "{claim}": uninstall one of them'


def test_one_name_for_two_settings_of_a_protocol_is_refused() -> None:
    table = table_of("line", form(most=about(flag="--x"), least=about(flag="--x")))
    assert 'both have the setting "--x"' in clash(table)


@pytest.mark.parametrize("name", [*sorted(GROUPS), "headers", "bind", "pounce"])
def test_a_name_that_means_something_else_is_refused(name: str) -> None:
    sentence = clash(table_of(name, form(most=about()), title="Lines", prefix="ln"))
    assert sentence == f'Lines has the name "{name}", which is one of pounce\'s own: uninstall it'


# Configurations


def test_values_go_where_they_belong() -> None:
    config = CATALOGUE.make({"app": "a:b", "port": 1, "ln_most": 5})
    assert (config.port, config.protocols) == (1, {"line": Lines(most=5)})


def test_what_nobody_says_keeps_its_default() -> None:
    assert CATALOGUE.make({"app": "a:b"}).protocols == {"line": Lines()}


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r'^there is no setting "ln_mots", did you mean "ln_m'):
        CATALOGUE.make({"app": "a:b", "ln_mots": 5})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ln_most": 0}, "^Lines: most must be a whole number, 1 or more, not 0$"),
        ({"ln_least": 11}, "^Lines: least is more than most$"),
    ],
)
def test_a_value_that_is_none_is_refused_by_its_protocol(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        CATALOGUE.make({"app": "a:b", **values})


def test_tells_the_value_of_every_setting() -> None:
    given = {"app": "a:b", "port": 1, "ln_greeting": "hi"}
    values = CATALOGUE.values(CATALOGUE.make(given))
    assert list(values) == list(CATALOGUE.settings)
    assert given.items() <= values.items()
    assert values["ln_most"] == 10


def test_tells_the_default_where_a_configuration_knows_nothing_of_the_protocol() -> None:
    assert CATALOGUE.value(Config("a:b"), "ln_most") == 10


def test_a_configuration_with_protocols_can_be_pickled() -> None:
    config = CATALOGUE.make({"app": "a:b", "ln_greeting": "hi"})
    assert pickle.loads(pickle.dumps(config)) == config


def test_a_switch_of_a_protocol_is_a_setting_like_any_other() -> None:
    @dataclass(frozen=True, slots=True)
    class Switched:
        on: bool = setting(False, about(Switch()))

    catalogue = Catalogue([table_of("line", Switched)])
    assert catalogue.make({"app": "a:b", "line_on": True}).protocols["line"].on is True
