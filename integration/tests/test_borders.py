"""Each check is shown a tree that is in order, and one with the breach that it is for."""

from pathlib import Path

import pytest

from integration.borders import breaches

CORE = """
[project]
version = "1.2"
dependencies = ["h11"]
optional-dependencies.h2 = ["bengal-pounce-h2==1.2"]
optional-dependencies.all = ["bengal-pounce[h2]"]
"""
H2 = """
[project]
version = "1.2"
dependencies = ["bengal-pounce==1.2", "h2"]
"""
INIT = '"""Doc."""\nfrom a import b\n__all__ = ["b"]\n'
PLUGIN = "from pounce.protocol import roles\nfrom pounce_h2 import frames\nimport h2\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "noxfile.py": "",
        "README.md": "[one](packages/pounce-core/pyproject.toml) [two](#there) [three](https://x.y)",
        "packages/pounce-core/pyproject.toml": CORE,
        "packages/pounce-core/src/pounce/__init__.py": INIT,
        "packages/pounce-core/src/pounce/http1/head.py": "",
        "packages/pounce-core/tests/http1/test_head.py": "def test_it() -> None: ...",
        "packages/pounce-h2/pyproject.toml": H2,
        "packages/pounce-h2/src/pounce_h2/plugin.py": PLUGIN,
        "integration/outsider/src/pounce_sample/plugin.py": "import pounce_sample\n",
        "integration/outsider/tests/test_plugin.py": "def test_it() -> None: ...",
        "packages/pounce-h2/tests/test_plugin.py": "class T:\n    async def test_it(self): ...",
    }
    for name, text in files.items():
        write(tmp_path, name, text)
    return tmp_path


def write(tree: Path, name: str, text: str) -> None:
    file = tree / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_a_tree_in_order_has_no_breach(tree: Path) -> None:
    assert list(breaches(tree)) == []


@pytest.mark.parametrize(
    ("name", "text", "breach"),
    [
        ("integration/bench.py", "\n" * 501, "integration/bench.py has 501 lines; 500 is the most"),
        ("docs/why.md", "\n" * 501, "docs/why.md has 501 lines; 500 is the most"),
        ("integration/utils.py", "", "integration/utils.py: `utils` says nothing of what is in it"),
        ("docs/misc/why.md", "", "docs/misc/why.md: `misc` says nothing of what is in it"),
        (
            "packages/pounce-core/src/pounce/http1/body.py",
            "",
            (
                "packages/pounce-core/src/pounce/http1/body.py has no test module"
                " packages/pounce-core/tests/http1/test_body.py"
            ),
        ),
        (
            "packages/pounce-core/src/pounce/http1/__init__.py",
            "size = 1",
            (
                "packages/pounce-core/src/pounce/http1/__init__.py has no test module"
                " packages/pounce-core/tests/http1/test_init.py"
            ),
        ),
        (
            "packages/pounce-core/tests/http1/test_head.py",
            "# def test_nothing() -> None: ...",
            "packages/pounce-core/tests/http1/test_head.py holds no test",
        ),
        (
            "packages/pounce-h2/src/pounce_h2/plugin.py",
            "import pounce.worker.loop",
            (
                "packages/pounce-h2/src/pounce_h2/plugin.py imports pounce.worker.loop;"
                " only pounce.protocol and pounce.testing are open"
            ),
        ),
        (
            "packages/pounce-h2/src/pounce_h2/plugin.py",
            "def load():\n    from pounce import Server",
            (
                "packages/pounce-h2/src/pounce_h2/plugin.py imports pounce.Server;"
                " only pounce.protocol and pounce.testing are open"
            ),
        ),
        (
            "integration/outsider/src/pounce_sample/plugin.py",
            "from pounce.worker import channel",
            (
                "integration/outsider/src/pounce_sample/plugin.py imports pounce.worker.channel;"
                " only pounce.protocol and pounce.testing are open"
            ),
        ),
        (
            "integration/outsider/src/pounce_sample/line.py",
            "",
            (
                "integration/outsider/src/pounce_sample/line.py has no test module"
                " integration/outsider/tests/test_line.py"
            ),
        ),
        (
            "packages/pounce-h2/pyproject.toml",
            H2.replace("1.2", "1.3"),
            "pounce-h2 has version 1.3, and core 1.2",
        ),
        (
            "packages/pounce-h2/pyproject.toml",
            H2.replace("pounce==1.2", "pounce>=1.2"),
            "pounce-h2 needs bengal-pounce>=1.2, not bengal-pounce==1.2",
        ),
        (
            "packages/pounce-core/pyproject.toml",
            CORE.replace("h2==1.2", "h2"),
            "pounce-core needs bengal-pounce-h2, not bengal-pounce-h2==1.2",
        ),
        (
            "README.md",
            "[x](docs/gone.md#there)",
            "README.md links to docs/gone.md#there, which is not there",
        ),
    ],
)
def test_a_breach_is_named(tree: Path, name: str, text: str, breach: str) -> None:
    write(tree, name, text)
    assert breach in list(breaches(tree))
