"""What is remembered of what was read or made, so that the same is not read or made twice.

Decides what becomes of a memory that is full: it is emptied, so that each entry is stored and
dropped once. A client that never repeats itself pays a fixed price, and no look has to note what
was used last. Hashes are seeded by the interpreter, so that collisions cannot be chosen. Never
decides what is worth remembering.
"""


def keep[K, V](known: dict[K, V], key: K, value: V, most: int) -> None:
    """Remembers something.

    Args:
        known: the memory, which has one owner.
        key: what it is found by.
        value: what is found.
        most: entries that there are at most.
    """
    if len(known) >= most:
        known.clear()
    known[key] = value
