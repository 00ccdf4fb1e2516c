"""Worker processes that compute the gradient of a batch together: by Dask, which is loaded when it is first used."""

import copy
import json
import logging
from importlib import util

import numpy as np
from IPython.display import display

from course_lib._support import checks, places
from course_lib.layers import BatchNorm2d

LESSON = "C_many_workers"
MISSING = (
    "Dask is not installed here (pip install -r requirements-further.txt), so there are no worker processes. "
    "Below a cell that needs them stands what it showed when this lesson was built."
)
BUILT = "(Without Dask. When the lesson was built, this cell showed:)"
SHOWN = ("text/plain", "image/png")

_started = []  # the client of the processes that were started last


def available():
    """Whether Dask is installed."""
    return util.find_spec("distributed") is not None


def start(where=2):
    """Returns a Dask Client: of `where` new processes on this machine, or of the cluster at the address `where`.

    Prints what it has found. Without Dask it says so, and returns None. Processes of an earlier call are ended.
    """
    stop()
    if not available():
        print(MISSING)
        return None
    from distributed import Client

    if isinstance(where, str):
        client = Client(where)
    else:
        client = Client(
            n_workers=checks.integer("where", where, 1), threads_per_worker=1, processes=True, dashboard_address=":0",
            memory_limit=0, silence_logs=logging.CRITICAL,
        )  # fmt: skip
    _started.append(client)
    count = len(client.nthreads())
    print(f"{count} worker process{'' if count == 1 else 'es'}")
    return client


def stop():
    """End the processes that start() has started; leave a cluster at an address as it is."""
    while _started:
        _started.pop().close()


def show(experiment):
    """Returns experiment(), which needs workers. Without Dask: shows what the lesson's cell showed; returns None."""
    if available():
        return experiment()
    print(BUILT)
    for output in _stored_outputs(f"workers.show({experiment.__name__})"):
        if output["output_type"] == "stream":
            print("".join(output["text"]), end="")
        else:
            shown = {kind: "".join(data) for kind, data in output.get("data", {}).items() if kind in SHOWN}
            display(shown, raw=True)
    return None


def _stored_outputs(line):
    """What the shipped lesson holds below the cell with this line. Nothing where the course has no notebooks."""
    path = places.NOTEBOOKS / f"{LESSON}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"] if path.exists() else []
    found = [cell["outputs"] for cell in cells if cell["cell_type"] == "code" and line in "".join(cell["source"])]
    return found[0] if found else []


# ---------------------------------------------------------------- training


def step(client):
    """Returns a step for training.fit(..., step=): each batch is split among the workers of the client.

    A worker computes the gradient of the mean loss of its share, and the shares are added, weighed by their sizes. So
    the loss must be a mean over the examples. The notebook's model alone is updated; its weights go out with each step.
    Dropout draws on each worker anew, from a seed that the layer's own rng gives.

    ValueError for a model with BatchNorm2d, whose outputs depend on which examples are together.
    """

    def take(model, loss, optimizer, x, y):
        blueprint = _blueprint(model, x)
        seeds = [int(layer.rng.integers(2**32)) for layer in _with_rng(model)]
        runs = shares(len(x), _count(client))
        sent = blueprint, [p.data for p in model.parameters()], seeds, getattr(loss, "loss", loss)
        futures = [client.submit(_part, *sent, k, x[run], y[run], pure=False) for k, run in enumerate(runs)]
        parts = client.gather(futures)
        value = loss.forward(np.concatenate([outputs for outputs, _ in parts]), y)
        optimizer.zero_grad()
        for (_, gradients), run in zip(parts, runs, strict=True):
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter.grad += gradient * ((run.stop - run.start) / len(x))
        optimizer.step()
        return value

    return take


def shares(examples, workers):
    """Returns a slice of the examples for each worker, in order and as equal as they can be; never an empty one."""
    workers = min(checks.integer("workers", workers, 1), checks.integer("examples", examples, 1))
    ends = [examples * k // workers for k in range(workers + 1)]
    return [slice(*ends[k : k + 2]) for k in range(workers)]


def _part(model, weights, seeds, loss, number, x, y):
    """What a worker does: the outputs for its share, and the gradients of the share's mean loss."""
    for parameter, weight in zip(model.parameters(), weights, strict=True):
        parameter.data = weight
        parameter.zero_grad()
    for layer, seed in zip(_with_rng(model), seeds, strict=True):
        layer.rng = np.random.default_rng((seed, number))
    model.train()
    outputs = model.forward(x)
    loss.forward(outputs, y)
    model.parameter_gradients(loss.backward())
    return outputs, [parameter.grad for parameter in model.parameters()]


def _blueprint(model, x):
    """A copy of the model without its weights, which remembers one example in place of the last batch."""
    together = [type(layer).__name__ for layer in model.modules() if isinstance(layer, BatchNorm2d)]
    if together:
        raise ValueError(
            f"model must treat every example alone, but has {together[0]}: its statistics are those of a whole batch"
        )
    bare = copy.deepcopy(model)
    bare.eval().forward(x[:1])
    for parameter in bare.parameters():
        parameter.data = parameter.grad = np.zeros(0, parameter.data.dtype)
    return bare


def _with_rng(model):
    return [layer for layer in model.modules() if isinstance(getattr(layer, "rng", None), np.random.Generator)]


def _count(client):
    client.wait_for_workers(1)
    return len(client.nthreads())
