"""What the imports of each lesson's first cell cost: python tests/benchmark/imports.py

Counted beyond NumPy, Matplotlib, IPython, ipywidgets and anywidget, which a notebook with a picture would load anyway;
the median over new processes. Takes a minute, and wants a machine that does nothing else.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from first_cells import imports

REPEATS = 7
MOST = 0.10  # seconds
OTHERS = """
import time, numpy, numpy.random, matplotlib.pyplot, matplotlib_inline.backend_inline
import IPython.display, ipywidgets, anywidget
"""


def seconds(code):
    program = f"{OTHERS}\nstart = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, encoding="utf-8")
    return float(done.stdout)


def main():
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(f"| lesson | imports, s (at most {MOST}) |\n| --- | --- |")
    for lesson, code in imports():
        seconds(code)
        print(f"| {lesson} | {statistics.median(seconds(code) for _ in range(REPEATS)):.3f} |")


if __name__ == "__main__":
    main()
