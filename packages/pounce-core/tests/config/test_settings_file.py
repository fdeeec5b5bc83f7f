"""Settings from TOML: which file counts, what its keys mean, what is refused."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pounce.config.catalogue import Catalogue, table_of
from pounce.config.settings_file import find_settings_file, layer_of_file
from pounce.protocol.errors import ConfigError, NotAvailable
from pounce.protocol.kind import Whole
from pounce.protocol.setting import About, setting


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "pounce.toml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "pyproject.toml"


def test_reads_settings_at_the_top(own: Path) -> None:
    own.write_text('app = "a:b"\nport = 80\n')
    assert layer_of_file(own).values == {"app": "a:b", "port": 80}


def test_reads_settings_in_a_table(own: Path) -> None:
    own.write_text("[pounce]\nport = 80\n")
    assert layer_of_file(own).values == {"port": 80}


def test_reads_the_table_of_a_project(project: Path) -> None:
    project.write_text('[project]\nname = "x"\n[tool.pounce]\nport = 80\n')
    assert layer_of_file(project).values == {"port": 80}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("access-log = false", "access_log", False),
        ("timeout_head = 2.5", "timeout_head", 2.5),
        ('timeout_head = "none"', "timeout_head", None),
        ("limit_body = 0", "limit_body", None),
        ('bind = ["a:1", "b:2"]', "bind", ("a:1", "b:2")),
        ('headers = ["a: b"]', "headers", (("a", "b"),)),
        ('[headers]\na = "b"', "headers", (("a", "b"),)),
        ('workers = "auto"', "workers", "auto"),
        ("uds_permissions = 0o600", "uds_permissions", 0o600),
        ("[log_config]\nversion = 1", "log_config", {"version": 1}),
    ],
)
def test_takes(own: Path, text: str, name: str, value: object) -> None:
    own.write_text(text)
    assert layer_of_file(own).values == {name: value}


def test_the_origin_is_the_file(own: Path) -> None:
    own.write_text("port = 80\n")
    assert layer_of_file(own).origins == {"port": str(own)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prot = 80", r'^there is no setting "prot" in .*pounce\.toml, did you mean "port"'),
        ("port = '80'", r"^port in .*pounce\.toml must be a whole number"),
        ("app_dir = 'a'\napp-dir = 'b'", "is set twice"),
        ("port = ", "is not valid TOML"),
        ("pounce = 1", "must be a table"),
        ("host = 'a'\n[pounce]\nport = 1", r'table \[pounce\] and "host" outside it'),
    ],
)
def test_refuses(own: Path, text: str, sentence: str) -> None:
    own.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        layer_of_file(own)


def test_a_project_without_the_table(project: Path) -> None:
    project.write_text("[tool.other]\n")
    with pytest.raises(ConfigError, match=r"has no table \[tool\.pounce\]"):
        layer_of_file(project)


def test_a_project_with_something_else_for_a_table(project: Path) -> None:
    project.write_text("[tool]\npounce = 1\n")
    with pytest.raises(ConfigError, match=r"must be a table: \[tool\.pounce\]"):
        layer_of_file(project)


@pytest.mark.parametrize("extra", ["h2", "ws", "tls", "h3"])
def test_a_table_of_a_sibling_names_its_extra(own: Path, extra: str) -> None:
    own.write_text(f"[pounce.{extra}]\nx = 1\n")
    with pytest.raises(NotAvailable, match=rf'pip install "bengal-pounce\[{extra}\]"'):
        layer_of_file(own)


def test_a_file_that_is_missing(own: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        layer_of_file(own)


def test_a_file_that_is_no_text(own: Path) -> None:
    own.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        layer_of_file(own)


def test_finds_nothing(tmp_path: Path) -> None:
    assert find_settings_file([tmp_path, tmp_path / "nowhere"]) is None


def test_finds_its_own_file_first(tmp_path: Path, own: Path, project: Path) -> None:
    own.touch()
    project.write_text("[tool.pounce]\n")
    assert find_settings_file([tmp_path]) == own


def test_finds_a_project_with_the_table(tmp_path: Path, project: Path) -> None:
    project.write_text("[tool.pounce]\n")
    assert find_settings_file([tmp_path]) == project


def test_passes_a_project_without_the_table(tmp_path: Path, project: Path) -> None:
    project.write_text("[tool.other]\n")
    assert find_settings_file([tmp_path]) is None


def test_the_first_folder_counts(tmp_path: Path, own: Path) -> None:
    own.touch()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "pyproject.toml").write_text("[tool.pounce]\n")
    assert find_settings_file([tmp_path / "app", tmp_path]) == tmp_path / "app/pyproject.toml"


def test_a_project_that_is_not_valid(tmp_path: Path, project: Path) -> None:
    project.write_text("[tool")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        find_settings_file([tmp_path])


# A protocol's table


@dataclass(frozen=True, slots=True)
class Lines:
    most: int = setting(1, About(Whole(1), help="h", reason="r"))


LINES = Catalogue([table_of("line", Lines, prefix="ln")])


@pytest.mark.parametrize(
    "text",
    [
        "[line]\nmost = 5",
        "[pounce.line]\nmost = 5",
        "[pounce]\nline.most = 5",
        "ln-most = 5",
    ],
)
def test_takes_the_table_of_a_protocol(own: Path, text: str) -> None:
    own.write_text(text)
    assert layer_of_file(own, LINES).values == {"ln_most": 5}


def test_takes_the_table_of_a_protocol_from_a_project(project: Path) -> None:
    project.write_text("[tool.pounce.line]\nmost = 5\n")
    assert layer_of_file(project, LINES).values == {"ln_most": 5}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[line]\nmots = 5",
            r'^there is no setting "mots" in \[line\] in .*pounce\.toml, did you mean "most"\?$',
        ),
        ("line = 5", r"^line in .*pounce\.toml must be a table: \[line\]$"),
        ("[[line]]\nmost = 5", r"^line in .*pounce\.toml must be a table: \[line\]$"),
        ("[lnie]\nmost = 5", r'^there is no setting "lnie" in .*, did you mean "line"\?$'),
    ],
)
def test_refuses_a_table_of_a_protocol(own: Path, text: str, sentence: str) -> None:
    own.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        layer_of_file(own, LINES)


def test_a_sibling_that_is_installed_has_its_table(own: Path) -> None:
    own.write_text("[h2]\nmost = 5")
    assert layer_of_file(own, Catalogue([table_of("h2", Lines)])).values == {"h2_most": 5}
