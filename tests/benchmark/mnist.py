"""MNIST by lesson 12's networks, beside PyTorch with the same order of images: python tests/benchmark/mnist.py

Both by Adam with a learning rate that falls to 0 step by step. Two processes take turns, an epoch each, with as many
threads as each finds best; what is timed is training alone. Needs MNIST (COURSE_DATA_DIR) and PyTorch, takes about
four minutes, and wants a machine that does nothing else.
"""

import json
import os
import subprocess
import sys
import time

import numpy as np

BATCH, LEARNING_RATE = 64, 3e-3
# network -> epochs, and the accuracy to reach
GOALS = {"small net": (3, 0.98), "Keras net": (5, 0.99)}


def orders(images, epochs):
    rng = np.random.default_rng(0)
    return [rng.permutation(images) for _ in range(epochs)]


def course(name):
    import course_tasks

    from course_lib import training
    from course_lib.losses import CrossEntropyLoss
    from course_lib.optim import Adam

    model = {"small net": course_tasks.small_net, "Keras net": course_tasks.keras_net}[name](np.random.default_rng(0))
    loss, adam = CrossEntropyLoss(), Adam(model.parameters(), lr=LEARNING_RATE)

    def step(x, y, lr):
        adam.lr = lr
        adam.zero_grad()
        loss.forward(model.forward(x), y)
        model.parameter_gradients(loss.backward())
        adam.step()

    def accuracy(x, y):
        return float(np.mean(training.predict(model, x).argmax(axis=1) == y))

    return model.train, step, accuracy


def torch(name):
    import torch
    import torch_tasks
    from torch import nn

    torch.manual_seed(0)
    model = {"small net": torch_tasks.small_net, "Keras net": torch_tasks.keras_net}[name]()
    loss, adam = nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def step(x, y, lr):
        adam.param_groups[0]["lr"] = lr
        adam.zero_grad()
        loss(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        adam.step()

    def accuracy(x, y):
        model.eval()
        with torch.no_grad():
            logits = torch.cat([model(torch.from_numpy(part)) for part in np.array_split(x, 20)])
        return float(np.mean(logits.argmax(dim=1).numpy() == y))

    return model.train, step, accuracy


def serve(side, name):
    """An epoch for each line that comes: answers [seconds of training, test accuracy]."""
    from course_lib import data

    (x, y), test = data.mnist()
    y, test = y.astype(np.int64), (test[0], test[1].astype(np.int64))
    train, step, accuracy = {"course": course, "torch": torch}[side](name)
    epochs = GOALS[name][0]
    rates = iter(np.linspace(LEARNING_RATE, 0, epochs * -(-len(x) // BATCH), endpoint=False))
    for order in orders(len(x), epochs):
        if not sys.stdin.readline():
            return
        train()
        start = time.perf_counter()
        for first in range(0, len(order), BATCH):
            chosen = order[first : first + BATCH]
            step(x[chosen], y[chosen], next(rates))
        print(json.dumps([time.perf_counter() - start, accuracy(*test)]), flush=True)


def main():
    print(f"{os.cpu_count()} CPUs, load at the start {os.getloadavg()[0]:.1f}")
    for name, (epochs, goal) in GOALS.items():
        command = [sys.executable, __file__]
        sides = {
            side: subprocess.Popen(
                [*command, side, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
            )
            for side in ("course", "torch")
        }
        seconds = dict.fromkeys(sides, 0.0)
        print(f"\n{name}, batches of {BATCH}, Adam; goal {goal:.0%}")
        for epoch in range(1, epochs + 1):
            told = []
            for side, process in sides.items():
                process.stdin.write("\n")
                process.stdin.flush()
                taken, right = json.loads(process.stdout.readline())
                seconds[side] += taken
                told.append(f"{side} {right:.2%} after {seconds[side]:.1f} s")
            print(f"  epoch {epoch}: " + ", ".join(told), flush=True)
        for process in sides.values():
            process.stdin.close()
            process.wait()


if __name__ == "__main__":
    serve(*sys.argv[1:]) if len(sys.argv) > 1 else main()
