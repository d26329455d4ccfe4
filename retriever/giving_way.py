"""Threads that compute give way to threads that serve."""

import os
import sys
import threading
from contextlib import suppress
from typing import Final

_NICENESS: Final = 10  # About a tenth of the weight of the others where all want a core; all of it where none does.


def give_way() -> None:
    """Let all other threads of this process go first; for a thread that runs models, as the first thing it does.

    Such a thread seldom holds Python's lock. Those that do, and the one that hears requests, would wait for a core
    behind it, and everybody would wait for the lock with them. Only Linux has it per thread; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # Where a sandbox forbids it, all wait alike.
            os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
