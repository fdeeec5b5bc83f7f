"""Settings from environment variables.

Decides which variables are settings. Never reads `os.environ` itself, and never changes it.
"""

import re
from collections.abc import Mapping
from typing import Final

from pounce.config.catalogue import CORE, Catalogue
from pounce.config.layer import Layer, resolve_unknown
from pounce.protocol.kind import Repeated
from pounce.protocol.setting import ENVIRONMENT_PREFIX

FILE_VARIABLE: Final = "POUNCE_CONFIG"
"""Names the settings file, as `--config` does."""

UVICORN_PREFIX: Final = "UVICORN_"

KUBERNETES: Final = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)")
KUBERNETES_VALUE: Final = re.compile(r"(tcp|udp|sctp)://")
"""What Kubernetes sets in every container for a service that is called pounce, or pounce-web."""


def layer_of_environment(
    environ: Mapping[str, str], source: str = "", catalogue: Catalogue = CORE
) -> Layer:
    """What the environment says.

    A variable that is empty counts as not set, except that it empties a list.

    Args:
        source: where the variables come from, if from a file: `" in .env"`.
        catalogue: the settings that there are.

    Raises:
        ConfigError: a variable that begins with `POUNCE_` is no setting's, or its value is not one.
    """
    layer = Layer(catalogue)
    known: set[str] = {FILE_VARIABLE}
    for setting in catalogue.settings.values():
        known.update(setting.environment)
        for variable in setting.environment:
            text = environ.get(variable)
            if text is None or KUBERNETES_VALUE.match(text):
                continue
            if text or isinstance(setting.kind, Repeated):
                layer.read(setting, text, variable + source)
                break
    for variable, text in environ.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in known:
            if KUBERNETES.search(variable) or KUBERNETES_VALUE.match(text):
                continue
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            layer.warnings += resolve_unknown(name, text, variable, known, source, catalogue)
    layer.warnings += _unread(environ, catalogue)
    return layer


def _unread(environ: Mapping[str, str], catalogue: Catalogue) -> list[str]:
    """A warning of each variable that set up Uvicorn and that nobody reads now."""
    return [
        f"{variable} is not read: set {ENVIRONMENT_PREFIX}{name} instead"
        for variable in environ
        if (name := variable.removeprefix(UVICORN_PREFIX)) != variable
        and name.lower() in catalogue.settings
        and f"{ENVIRONMENT_PREFIX}{name}" not in environ
    ]
