"""What a running server takes over from a new configuration, and what it has to be restarted for.

Decides by each setting's `reloadable`, and keeps the kind of the workers, which may follow from
their number. Never changes a server.
"""

from pounce.config.catalogue import CORE, Catalogue
from pounce.config.config import Config
from pounce.config.machine import gil_enabled


def changes(
    old: Config, new: Config, catalogue: Catalogue = CORE
) -> tuple[Config, tuple[str, ...]]:
    """What comes of a new configuration while the server runs.

    Args:
        old: what counts now.
        new: what was read again.
        catalogue: the settings that there are.

    Returns:
        The configuration that counts from now on, and the names of the settings that are other
        ones in the new configuration, but take a restart.

    Raises:
        ConfigError: what can be taken over does not go with what stays.
    """
    before, after = catalogue.values(old), catalogue.values(new)
    different = [name for name in before if before[name] != after[name]]
    keeps_kind = _keeps_kind(old, new)
    taken = {
        name: after[name]
        for name in different
        if catalogue.settings[name].reloadable and (name != "workers" or keeps_kind)
    }
    return catalogue.make(before | taken), tuple(name for name in different if name not in taken)


def _keeps_kind(old: Config, new: Config) -> bool:
    """Whether so many workers are of the same kind as those that run."""
    if old.worker_type != "auto" or not gil_enabled():
        return True
    return (old.worker_count() > 1) == (new.worker_count() > 1)
