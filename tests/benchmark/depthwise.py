"""Depthwise 3 x 3 against PyTorch's own, and against a dense one: .venv/bin/python tests/benchmark/depthwise.py

Forward and backward, one thread, float32. All four run in turn, many times, and the least processor time of each
counts: other programs on the machine then matter little. A rate is that of the multiply-adds the operation asks for.

A depthwise convolution cannot reach the rate of a dense one, here or in PyTorch: an entry of x that was fetched takes
part in kH kW multiply-adds, in a dense one in C_out times as many. It waits for memory, where the dense one computes.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import time  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

from course_lib import functional as F  # noqa: E402
from course_lib._support.geometry import batch_first  # noqa: E402

ROUNDS = 15
SIZES = ((32, 32, 28, 1), (32, 64, 14, 1), (64, 32, 28, 2), (32, 16, 56, 1))  # N, C, H = W, stride


def least(functions):
    """The least processor time of each, in seconds, taken in turn."""
    best = dict.fromkeys(functions, np.inf)
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = time.thread_time()
            function()
            best[name] = min(best[name], time.thread_time() - start)
    return best


def steps(N, C, H, stride):
    """Name -> a forward and backward pass; and how many multiply-adds the depthwise ones take."""
    rng = np.random.default_rng(0)

    def batch(size):
        return batch_first(rng.standard_normal((C, size, size, N), dtype=np.float32))

    x, dy = batch(H), batch((H - 1) // stride + 1)
    w, full, b = (rng.standard_normal(shape, dtype=np.float32) for shape in ((C, 1, 3, 3), (C, C, 3, 3), (C,)))

    def of_the_course(w, groups):
        def step():
            F.conv2d(x, w, b, stride, 1, groups=groups)
            F.conv2d_backward(dy, x, w, stride, 1, groups=groups)

        return step

    def of_pytorch(memory_format):
        tensors = [torch.tensor(np.ascontiguousarray(array)).to(memory_format=memory_format) for array in (x, dy)]
        weight, bias, pair = torch.tensor(w), torch.tensor(b), [stride, stride]

        def step():
            torch.conv2d(tensors[0], weight, bias, stride, 1, 1, C)
            torch.ops.aten.convolution_backward(
                tensors[1], tensors[0], weight, [C], pair, [1, 1], [1, 1], False, [0, 0], C, [True, True, True]
            )

        return step

    functions = {
        "course": of_the_course(w, C),
        "PyTorch": of_pytorch(torch.contiguous_format),
        "channels_last": of_pytorch(torch.channels_last),
        "course, dense": of_the_course(full, 1),
    }
    return functions, 3 * dy.size * 9


def main():
    torch.set_num_threads(1)
    print("| N, C, H, stride | course, ms | PyTorch, ms | course / PyTorch | course / channels_last "
          "| G multiply-adds/s: course | PyTorch | channels_last | course, dense |")  # fmt: skip
    print("|" + " --- |" * 9)
    for size in SIZES:
        functions, work = steps(*size)
        took = least(functions)
        rates = {name: work / seconds / 1e9 for name, seconds in took.items()}
        rates["course, dense"] *= size[1]  # so many times as many
        print(
            f"| {', '.join(map(str, size))} | {1e3 * took['course']:.2f} | {1e3 * took['PyTorch']:.2f} "
            f"| {took['course'] / took['PyTorch']:.2f} | {took['course'] / took['channels_last']:.2f} | "
            + " | ".join(f"{rate:.1f}" for rate in rates.values()) + " |"
        )  # fmt: skip


if __name__ == "__main__":
    main()
