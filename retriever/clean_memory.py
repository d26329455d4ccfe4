"""Memory that holds nothing of before, for native libraries that write their buffers to disk."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_M_PERTURB: Final = -6  # Of glibc's malloc.h.
_FILLING: Final = 0x55


@contextmanager
def clean_memory() -> Iterator[None]:
    """Have malloc overwrite what it hands out while inside; it does nothing where the C library is not glibc.

    hnswlib writes its buffers with the room that is not in use yet, and freed vectors may still stand in it: a deleted
    passage's vector was seen, whole, in the index that was built after it was gone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        yield
        return
    mallopt(_M_PERTURB, _FILLING)
    try:
        yield
    finally:
        mallopt(_M_PERTURB, 0)
