"""The cards of this computer: NVIDIA's, or simulated ones where NUMBA_ENABLE_CUDASIM=1 asks for them.

A card, of either kind, has memory (`allocate`, `free`, `memory`), and one stream on which all that it does
happens in order: `write`, `read`, `copy`, calls that were `prepared`, and a `graph` of such calls. No card is
an ordinary answer: `count()` is 0 then.
"""

import os
import threading
from functools import cache
from typing import Any

from nbtape.compile.card import driver, nvidia
from nbtape.core.kernel import late

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
_lock = threading.Lock()
_simulated = late("nbtape.compile.card.simulator:Card")  # which imports Numba


@cache
def count() -> int:
    """How many cards there are; NBTAPE_SIMULATED_CARDS says how many are simulated.

    >>> from nbtape.compile.card import cards
    >>> cards.count() >= 0
    True
    """
    return int(os.environ.get("NBTAPE_SIMULATED_CARDS", "1")) if SIMULATED else driver.count()


def card(number: int) -> Any:
    """The card of this number, counted from 0. Raises ValueError where there is none."""
    with _lock:  # a card that was made twice would have two streams
        return _card(number)


@cache
def _card(number: int) -> Any:
    if not 0 <= number < count():
        raise ValueError(f"There is no card {number}: this computer has {count()}.")
    found = driver.driver()
    return nvidia.Card(found, number) if found and not SIMULATED else _simulated(number)
