"""How Sphinx builds the pages. They are plain Markdown, readable without it."""

import tomllib
from pathlib import Path

CORE = Path(__file__).parents[1] / "packages" / "pounce-core" / "pyproject.toml"

project = "pounce"
author = "The pounce authors"
project_copyright = "The pounce authors"
release = tomllib.loads(CORE.read_text())["project"]["version"]

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
# A link to a heading of a page is checked like any other.
myst_heading_anchors = 3

html_theme = "furo"
html_title = "pounce"
