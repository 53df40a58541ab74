"""What became of a process."""

import time

from harness import machine


def is_gone(pid: int) -> bool:
    """Has the process ended, or does it soon?"""
    end = time.monotonic() + 10
    while machine.born(pid) is not None and time.monotonic() < end:
        time.sleep(0.01)
    return machine.born(pid) is None
