"""A batch's gradient by several processes: the same as by one, whoever dies on the way. Without Dask, a sentence."""

import json
import os
import threading

import numpy as np
import pytest

from course_lib import losses, optim, training, workers
from course_lib.layers import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, ReLU, Sequential


@pytest.fixture(scope="module")
def cluster():
    """A cluster as on other machines: something with an address, here with two processes of this one."""
    made = pytest.importorskip("distributed").LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50, memory_limit=0
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(cluster):
    yield workers.start(cluster.scheduler_address)
    workers.stop()
    assert len(cluster.workers) == 2, "stop() leaves a cluster at an address as it is"


@pytest.fixture(scope="module")
def examples():
    rng = np.random.default_rng(0)
    return rng.random((45, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 45)


def network(*further):
    rng = np.random.default_rng(1)
    return Sequential(Conv2d(1, 4, 3, rng=rng), ReLU(), *further, Flatten(), Linear(144, 3, rng=rng))


def trained(examples, step=None, net=None, loss=None, lr=0.1, **how):
    """(the history, the weights) of one epoch with batches of 20, 20 and 5."""
    net = net or network()
    history = training.fit(
        net, loss or losses.CrossEntropyLoss(), optim.SGD(net.parameters(), lr), *examples,
        epochs=1, batch_size=20, rng=np.random.default_rng(2), progress=False, step=step, **how,
    )  # fmt: skip
    return history, net.state_dict()


def same(one, other):
    np.testing.assert_allclose(one[0].step_loss, other[0].step_loss, rtol=1e-5)
    assert one[0].train_accuracy == other[0].train_accuracy
    for name, weights in one[1].items():
        np.testing.assert_allclose(other[1][name], weights, rtol=1e-4, atol=1e-6)
        assert other[1][name].dtype == weights.dtype


@pytest.mark.parametrize(("examples", "count"), [(60, 2), (7, 3), (2, 5), (1, 1)])
def test_every_example_is_in_one_share_and_no_share_is_empty(examples, count):
    runs = workers.shares(examples, count)
    lengths = [run.stop - run.start for run in runs]
    assert [n for run in runs for n in range(examples)[run]] == list(range(examples))
    assert len(runs) == min(examples, count) and 0 < min(lengths) and max(lengths) - min(lengths) <= 1


@pytest.mark.slow
def test_training_by_workers_is_training_to_rounding(client, examples):
    same(trained(examples), trained(examples, workers.step(client)))


@pytest.mark.slow
def test_targets_that_are_no_labels_are_split_as_well(client, examples):
    x, labels = examples
    targets = x, np.eye(3, dtype=np.float32)[labels]
    same(trained(targets, loss=losses.MSELoss()), trained(targets, workers.step(client), loss=losses.MSELoss()))


@pytest.mark.slow
def test_dropout_draws_on_each_worker_and_follows_the_layers_own_generator(client, examples):
    def once(seed):
        net = network(Dropout(0.5, rng=np.random.default_rng(seed)))
        return trained(examples, workers.step(client), net=net)[0].step_loss

    assert once(3) == once(3) != once(4)
    model = network(Dropout(0.5, rng=np.random.default_rng(0)))
    weights, loss, x = [p.data for p in model.parameters()], losses.CrossEntropyLoss(), examples[0][:20]
    first, other = (workers._part(model, weights, [7], loss, k, x, examples[1][:20])[0] for k in (0, 1))
    assert not np.allclose(first, other), "two workers would drop the same values"


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_step_changes_nothing(client, cluster, examples):
    class Slow(losses.CrossEntropyLoss):
        def backward(self):
            import time

            time.sleep(1.5)
            return super().backward()

    victim = cluster.workers[0].pid
    killed = threading.Timer(1.0, os.kill, (victim, 9))

    class KillInSecondStep(training.Callback):
        def step(self):
            if not killed.is_alive() and not killed.finished.is_set():
                killed.start()

    found = trained(examples, workers.step(client), loss=Slow(), callback=KillInSecondStep())
    killed.join()
    client.wait_for_workers(2, timeout=60)
    assert victim not in {worker.pid for worker in cluster.workers.values()}, "it was killed, and another one started"
    same(trained(examples), found)


@pytest.mark.slow
def test_a_model_whose_examples_need_each_other_is_refused(client, examples):
    with pytest.raises(ValueError, match=r"model must treat every example alone, but has BatchNorm2d"):
        trained(examples, workers.step(client), net=network(BatchNorm2d(4)))


def test_what_goes_out_holds_no_batch_and_no_weights_twice(examples):
    import pickle

    net = network()
    net(np.repeat(examples[0], 20, axis=0))
    size = sum(p.data.nbytes for p in net.parameters())
    assert len(pickle.dumps(workers._blueprint(net, examples[0]))) < 3 * size < len(pickle.dumps(net)) / 10
    assert all(p.data.size for p in net.parameters()), "the model itself keeps its weights"


# ---------------------------------------------------------------- without Dask


@pytest.fixture
def no_dask(monkeypatch):
    monkeypatch.setattr(workers.util, "find_spec", lambda name: None)


def test_without_dask_a_sentence_says_so_and_nothing_is_started(no_dask, capsys):
    assert workers.start(2) is None
    assert "Dask is not installed here" in capsys.readouterr().out


def test_without_dask_a_cell_shows_what_the_lesson_was_shipped_with(no_dask, capsys, monkeypatch, tmp_path):
    png = {"output_type": "display_data", "data": {"image/png": "iVBOR", "text/html": ["<script>"], "text/plain": "F"}}
    cells = [
        {"cell_type": "markdown", "source": ["workers.show(kill_one)"]},
        {"cell_type": "code", "source": ["workers.show(another)"], "outputs": []},
        {
            "cell_type": "code",
            "source": ["def kill_one(): ...\n", "workers.show(kill_one)"],
            "outputs": [{"output_type": "stream", "text": ["the same ", "loss: True\n"]}, png],
        },
    ]
    (tmp_path / "C_many_workers.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    monkeypatch.setattr(workers.places, "NOTEBOOKS", tmp_path)
    shown = []
    monkeypatch.setattr(workers, "display", lambda data, raw: shown.append(data))

    def kill_one():
        raise AssertionError("there is nobody to kill")

    assert workers.show(kill_one) is None
    assert capsys.readouterr().out == f"{workers.BUILT}\nthe same loss: True\n"
    assert shown == [{"image/png": "iVBOR", "text/plain": "F"}]
    monkeypatch.setattr(workers.places, "NOTEBOOKS", tmp_path / "none")
    workers.show(kill_one)
    assert capsys.readouterr().out == f"{workers.BUILT}\n"
