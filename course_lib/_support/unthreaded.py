"""What the guard does where Python has no threads and no limits of a system: in a browser.

There a function is stopped from within, at its own jumps and calls: one long call in C is not.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CLOCK = "the clock of the labs"  # its name for sys.monitoring
TOOL = 4  # of the six numbers that sys.monitoring has for tools, one that nobody is promised
MEMORY = 2**30  # bytes: a browser's tab dies of less than a process does
MOST = 2**31 - 2**26  # bytes that blocks may let it grow to, all together: what has grown does not shrink again
PAGE = 2**16  # bytes: WebAssembly's memory grows in pages


class Clock:
    """Raises `trouble` in the code that runs, some seconds after the start and then every second until stopped."""

    running: list["Clock"] = []  # noqa: RUF012 - one guarded block may stand inside another, and one tool serves all

    def __init__(self, seconds: float, trouble: type[BaseException]) -> None:
        self.end, self.trouble = time.monotonic() + seconds, trouble

    def start(self) -> None:
        if not self.running:
            _watch(_look)
        self.running.append(self)

    def stop(self) -> None:
        if self in self.running:
            self.running.remove(self)
            if not self.running:
                _watch(None)


def _look(*_: Any) -> None:
    now = time.monotonic()
    for clock in Clock.running:
        if now >= clock.end:
            clock.end = now + 1
            raise clock.trouble


def _watch(look: Any) -> None:
    """From now on, call look() at every jump and at every start of a function of Python's; None: no longer.

    Python 3.11 cannot: no browser has it, and a computer that is out of threads goes without a clock.
    """
    if sys.version_info < (3, 12):
        return
    monitoring = sys.monitoring
    if look is None:
        monitoring.set_events(TOOL, monitoring.events.NO_EVENTS)
        monitoring.free_tool_id(TOOL)
        return
    monitoring.use_tool_id(TOOL, CLOCK)
    for event in (monitoring.events.JUMP, monitoring.events.PY_START):
        monitoring.register_callback(TOOL, event, look)
    monitoring.set_events(TOOL, monitoring.events.JUMP | monitoring.events.PY_START)


@contextmanager
def memory(extra: int) -> Iterator[None]:
    """Let WebAssembly's memory grow by so many bytes, or MEMORY, or to MOST, in the block: then comes MemoryError."""
    from pyodide.code import run_js  # only a browser's Python has these
    from pyodide_js import _module

    held = _module.HEAP8.length
    limit_memory = run_js("""(limit, page) => {
      const memory = WebAssembly.Memory.prototype;
      const grow = memory.grow;
      memory.grow = function (pages) {
        if (this.buffer.byteLength + pages * page > limit) throw new RangeError("the limit of the labs");
        return grow.call(this, pages);
      };
      return () => { memory.grow = grow; };
    }""")
    give_back = limit_memory(min(held + min(extra, MEMORY), max(held, MOST)), PAGE)
    try:
        yield
    finally:
        give_back()
