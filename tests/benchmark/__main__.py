"""How fast the course's library is, and how little it takes, beside PyTorch: python tests/benchmark [--json]

Takes about five minutes and prints Markdown, or with --json what was measured: milliseconds, one number for each round.
Every side is a process of its own, because the thread pools of NumPy and PyTorch disturb each other; the processes take
turns in short slots, round by round. A time is the median of its rounds, and a ratio is the median of the rounds'
ratios: a machine that is slow for some seconds is slow for both sides of them. With two threads a busy machine spoils
the comparison all the same. Ratios carry over to machines of one kind, milliseconds do not. Without PyTorch the course
is measured alone.

A network is trained by processes that do nothing else, as a learner's would, and they are started anew some times. For
how long PyTorch's step takes depends on how many pages it asks the system for, which is settled by chance when a
process starts: of eight that trained the small net, each asked for 30 to 1,000 pages a step, and took 2.7 to 4.8 ms. A
process that has trained a larger network before asks for few. The lowest and the highest ratio of all starts stand
behind the median.
"""

import contextlib
import importlib.util
import itertools
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from geometry import BATCH, CONVOLUTIONS, GROWTH

ROUNDS = 11
STARTS, ROUNDS_A_START = 5, 5  # of a network's processes
# What would have OpenBLAS take another processor than this one for granted
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
LIBRARY = "functional, layers, losses, optim, training, data"
WITH_PYTORCH = importlib.util.find_spec("torch") is not None
OTHERS = ["torch", "torch channels_last"] if WITH_PYTORCH else []
OTHER_NAMES = ["PyTorch", "channels_last"][: len(OTHERS)]


class Worker:
    """A process that answers the questions of worker.py."""

    def __init__(self, side, threads):
        command = [sys.executable, Path(__file__).with_name("worker.py"), side, str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=ENVIRONMENT
        )

    def ask(self, question, task):
        print(json.dumps([question, task]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def ask_alone(side, question, task):
    """The answer of a process that is asked nothing else."""
    with Worker(side, 1) as worker:
        return worker.ask(question, task)


def measure(tasks, question="times", rounds=ROUNDS):
    """The tasks of each (side, threads) -> (side, threads, task): milliseconds, the median of a slot for each round.

    Before the first round is one to warm up, which is not counted.
    """
    taken = defaultdict(list)
    with contextlib.ExitStack() as stack:
        workers = {side: stack.enter_context(Worker(*side)) for side in tasks}
        for number in range(rounds + 1):
            for task in dict.fromkeys(itertools.chain(*tasks.values())):
                for side in (side for side in tasks if task in tasks[side]):
                    slot = workers[side].ask(question, task)
                    if number > 0:
                        taken[*side, task].append(1000 * statistics.median(slot))
    return dict(taken)


def measure_networks():
    """As measure, for a training step of each network by each side, with the rounds of all starts."""
    taken = defaultdict(list)
    for name in BATCH:
        for _ in range(STARTS):
            sides = {(side, threads): [name] for threads in (1, 2) for side in ("course", *OTHERS)}
            for key, times in measure(sides, rounds=ROUNDS_A_START).items():
                taken[key] += times
    return dict(taken)


def ratio(rounds, others):
    """How many times as long as the other one takes."""
    return statistics.median(own / other for own, other in zip(rounds, others, strict=True))


def ratio_of_starts(rounds, others):
    """The same, with the lowest and the highest ratio of all starts."""
    starts = [slice(first, first + ROUNDS_A_START) for first in range(0, len(rounds), ROUNDS_A_START)]
    ratios = [ratio(rounds[start], others[start]) for start in starts]
    return f"{ratio(rounds, others):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def measure_beside_a_busy_loop():
    """A training step with one thread and with two, while another program has one of two processors."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            return measure({("course", threads): [*BATCH] for threads in (1, 2)}, "times_on_the_wall")
        finally:
            busy.kill()


def import_seconds():
    """What importing the library adds to importing NumPy: the median of seven processes."""
    clock = "time.perf_counter()"
    code = f"import time, numpy; start = {clock}; from course_lib import {LIBRARY}; print({clock} - start)"
    runs = [subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True) for _ in range(7)]
    return statistics.median(float(run.stdout) for run in runs)


def show(title, head, rows):
    print(f"\n**{title}**\n")
    for cells in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(cell if isinstance(cell, str) else f"{cell:.2f}" for cell in cells) + " |")


def show_convolutions(time):
    def row(name):
        own, handed_on, products = (time["course", 1, name + kind] for kind in ("", ", batch last", ", products"))
        others = [time[other, 1, name] for other in OTHERS]
        two = [ratio(time["course", 2, name], time[other, 2, name]) for other in OTHERS]
        ratios = [ratio(mine, other) for mine in (own, handed_on) for other in others]
        to_products = [statistics.median(own), ratio(own, products), statistics.median(handed_on)]
        return [name, *to_products, ratio(handed_on, products), *ratios, *two]

    head = ["", "NCHW, ms", "/ products", "batch last, ms", "/ products"]
    head += [f"{mine} / {other}" for mine in ("NCHW", "batch last") for other in OTHER_NAMES]
    head += [f"NCHW / {other}, 2 threads" for other in OTHER_NAMES]
    title = "Conv2d forward + backward, N = 32, 1 thread, against its three matrix products and against PyTorch"
    show(title, head, [row(geometry.name) for geometry in CONVOLUTIONS])


def show_networks(time):
    sides = [(side, threads) for threads in (1, 2) for side in ("course", *OTHERS)]
    ratios = [(other, threads) for threads in (1, 2) for other in OTHERS]
    names = dict(zip(["course", *OTHERS], ["course", *OTHER_NAMES], strict=True))
    head = ["", *(f"{names[side]} {threads}T, ms" for side, threads in sides)]
    head += [f"course / {names[other]} {threads}T" for other, threads in ratios]
    rows = [
        [f"{name}, batch {batch}", *(statistics.median(time[*side, name]) for side in sides)]
        + [ratio_of_starts(time["course", threads, name], time[other, threads, name]) for other, threads in ratios]
        for name, batch in BATCH.items()
    ]
    show("Training step", head, rows)


def show_busy(time):
    rows = []
    for name in BATCH:
        one, two = (time["course", threads, name] for threads in (1, 2))
        rows.append([name, statistics.median(one), statistics.median(two), ratio(two, one)])
    show("Training step beside a busy loop", ["", "1T, ms", "2T, ms", "2T / 1T"], rows)


def show_memory():
    sides = ["course", *OTHERS[:1]]
    peaks = {name: [ask_alone(side, "peak_memory", name) for side in sides] for name in BATCH}
    rows = [["whole process, MB", *(", ".join(f"{peak:.0f}" for peak in peaks[name]) for name in BATCH)]]
    if WITH_PYTORCH:
        rows.append(["course / PyTorch", *(peaks[name][0] / peaks[name][1] for name in BATCH)])
    for title, question in {
        "what one step adds, MB (tracemalloc, course)": "traced_peak",
        "new pages from the system a step (course)": "page_faults",
    }.items():
        rows.append([title, *(ask_alone("course", question, name) for name in BATCH)])
    show(f"Memory: {', '.join(sides)}", ["", *BATCH], rows)


def show_growth(time):
    base = time["course", 1, "growth: nothing"]
    rows = [
        [f"{name} x {factor:.3g}", math.log(ratio(time["course", 1, f"growth: {name}"], base)) / math.log(factor)]
        for name, (_, factor) in GROWTH.items()
        if factor > 1
    ]
    show("Growth of the time of one convolution: the exponent when one size is made larger", ["", "exponent"], rows)


def processor():
    """What the processor calls itself, with the instructions that make the largest difference to OpenBLAS."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    name = next((line.split(":")[1].strip() for line in told.splitlines() if line.startswith("model name")), "unknown")
    return ", ".join([name, *(flag for flag in ("avx2", "avx512f", "amx_tile") if f" {flag} " in told)])


def tell_what_runs_here(file):
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} CPUs: {processor()}", file=file
    )
    if hasattr(os, "getloadavg"):
        print(f"Load at the start: {os.getloadavg()[0]:.1f} (for two threads it should be near 0)", file=file)
    if not WITH_PYTORCH:
        print("PyTorch is not installed: the course is measured alone.", file=file)


def main():
    tell_what_runs_here(sys.stderr if "--json" in sys.argv else sys.stdout)
    shared = [geometry.name for geometry in CONVOLUTIONS]
    alone = [geometry.name + kind for geometry in CONVOLUTIONS for kind in (", batch last", ", products")]
    alone += [f"growth: {name}" for name in GROWTH]
    tasks = {(side, threads): shared for threads in (1, 2) for side in ("course", *OTHERS)}
    tasks["course", 1] = shared + alone
    time, busy = measure_networks() | measure(tasks), measure_beside_a_busy_loop()
    if "--json" in sys.argv:
        found = time | {("busy", *which): rounds for (_, *which), rounds in busy.items()}
        keys = ("side", "threads", "task")
        print(json.dumps([{**dict(zip(keys, key, strict=True)), "ms": rounds} for key, rounds in found.items()]))
        return
    show_networks(time)
    show_busy(busy)
    show_convolutions(time)
    show_memory()
    show_growth(time)
    print(f"\nimport of {LIBRARY}: {import_seconds():.3f} s beyond NumPy")


if __name__ == "__main__":
    main()
