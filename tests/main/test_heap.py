"""A settled heap: what was there is set aside, and what comes later is still collected."""

import subprocess
import sys

TRIED = """
import gc, weakref
import doorward.base.clock
from doorward.main.heap import YOUNG_OBJECTS, settle_heap
settle_heap()
assert gc.get_freeze_count() > 1000 > len(gc.get_objects(2))
class Ring: pass
ring = Ring(); ring.itself = ring; gone = weakref.ref(ring); del ring
kept = [[] for _ in range(YOUNG_OBJECTS + 1000)]
assert gone() is None
"""


def test_what_lives_is_set_aside_and_what_comes_is_collected() -> None:
    done = subprocess.run([sys.executable, "-c", TRIED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
