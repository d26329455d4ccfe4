"""Threads that run models go behind those that serve."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from retriever.giving_way import give_way

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness per thread")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_that_gives_way_is_nicer_than_the_others_and_they_stay_as_they_were() -> None:
    """Only the thread that asks for it."""
    before = niceness()

    with ThreadPoolExecutor(1, initializer=give_way) as workers:
        computing = workers.submit(niceness).result()

    assert computing > before or before >= 10
    assert niceness() == before
