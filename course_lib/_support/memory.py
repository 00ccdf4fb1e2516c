"""How much memory this process holds, where the system can limit how much it gets."""

import os
import sys
from importlib import import_module


def held() -> int | None:
    """Bytes of addresses in use. None where no limit can be set on them: Windows has none, and macOS ignores it."""
    try:
        import_module("resource")
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError):
        return None


def is_limited() -> bool:
    """Whether a check can stop an answer that asks for all memory. A browser has a limit of its own."""
    return sys.platform == "emscripten" or held() is not None
