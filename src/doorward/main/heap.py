"""What a role's garbage collector looks at: what was made since the role was ready, and not the code itself.

Collecting walks all that lives. Some hundred thousand objects of imported modules live for ever: they are set aside, so
that a full collection takes a millisecond instead of fifty, which somebody's keystroke would wait for.
"""

import gc
from typing import Final

YOUNG_OBJECTS: Final = 10_000
"""How many new objects make the collector look: a session makes some tens of thousands, most of them gone at once."""
YOUNG_ROUNDS: Final = 20
OLD_ROUNDS: Final = 20


def settle_heap() -> None:
    """Set aside what lives now. Call it once, when a role has been put together."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_ROUNDS, OLD_ROUNDS)
