"""One process that steps when it is told to: python worker.py (course | torch | "torch channels_last") THREADS.

It reads requests, one JSON list a line: the name of a function below and its argument, a task. It answers each
with one line of JSON. The number of threads is set before NumPy or PyTorch is imported.
"""

import functools
import importlib
import json
import os
import statistics
import sys
import time
import tracemalloc

try:
    import resource
except ImportError:  # Windows
    resource = None

SLOT = 0.15  # seconds


def times(step):
    """Step for a while -> the seconds that each step took.

    With one thread these are seconds of the processor's work, which the load of the machine hardly changes.
    """
    return measured(step, time.process_time if THREADS == "1" else time.perf_counter)


def times_on_the_wall(step):
    """The same in seconds of the wall's clock, with any number of threads."""
    return measured(step, time.perf_counter)


def measured(step, clock):
    step()
    taken = []
    while sum(taken) < SLOT:
        start = clock()
        step()
        taken.append(clock() - start)
    return taken


def peak_memory(step):
    """The most memory this process has ever held, in MB: ask a process that does nothing else."""
    for _ in range(20):
        step()
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def page_faults(step, steps=100, times=10):
    """How many pages the system had to provide for each step, after a warm-up: the median of some counts.

    A system may take pages away from a process and provide them again, some hundreds at once.
    """

    def provided():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(steps):
            step()
        return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / steps

    return resource and statistics.median([provided() for _ in range(times + 1)][1:])


def traced_peak(step):
    """The most memory that one step held beyond what was held before it, in MB."""
    step()
    tracemalloc.start()
    held, _ = tracemalloc.get_traced_memory()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (peak - held) / 2**20


def tasks(side):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = THREADS
    library, *memory = side.split()
    return importlib.import_module(f"{library}_tasks").tasks(*memory)


if __name__ == "__main__":
    SIDE, THREADS = sys.argv[1:]
    prepare = tasks(SIDE)
    step_of = functools.cache(lambda task: prepare[task]())
    for line in sys.stdin:
        question, task = json.loads(line)
        print(json.dumps(globals()[question](step_of(task))), flush=True)
