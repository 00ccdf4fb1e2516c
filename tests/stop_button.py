"""The stop button, for tests that press it."""

import contextlib
import os
import signal


@contextlib.contextmanager
def stop_button():
    """In the block, Ctrl-C interrupts, even where the tests run in the background and it would be ignored.

    Yields a function that presses the button.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield lambda: os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
