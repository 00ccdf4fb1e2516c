"""Training that is interrupted, by whatever, and resumed: the same result, bit for bit, as without the break."""

import json
import os
import random
import re
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from stop_button import stop_button

from course_lib import training
from course_lib._support import archive
from course_lib.layers import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, ReLU, Sequential
from course_lib.losses import CrossEntropyLoss, MSELoss
from course_lib.optim import SGD, Adam

OPTIMIZERS = {
    "SGD with momentum": lambda parameters: SGD(parameters, 0.05, momentum=0.9),
    "Adam": lambda parameters: Adam(parameters, 0.01),
}
STEPS = 4  # in an epoch of 50 examples in batches of 16


class StopAfter(training.Callback):
    def __init__(self, steps):
        self.left = steps

    def requested_state(self):
        return training.RUN if self.left else training.STOP

    def step(self):
        self.left -= 1


class Training:
    """Everything that a seeded training consists of, made anew as after a restart of the kernel."""

    def __init__(self, optimizer="Adam", bits=np.random.PCG64, channels=3, seed=0, shared=False):
        data = np.random.default_rng(1)
        self.x, self.y = data.random((50, 1, 8, 8), dtype=np.float32), data.integers(0, 4, 50)
        self.rng = np.random.Generator(bits(seed))
        noise = self.rng if shared else np.random.Generator(bits(seed + 5))
        self.model = Sequential(
            Conv2d(1, channels, 3, rng=self.rng), BatchNorm2d(channels), ReLU(), Flatten(),
            Sequential(Dropout(0.5, rng=noise)), Linear(36 * channels, 4, rng=self.rng),
        )  # fmt: skip
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())

    def fit(self, epochs=6, checkpoint=None, stop_after=None, **options):
        given = {
            "x": self.x, "y": self.y, "batch_size": 16, "rng": self.rng, "test": (self.x, self.y), "progress": False,
            "loss": CrossEntropyLoss(), "callback": None if stop_after is None else StopAfter(stop_after), **options,
        }  # fmt: skip
        self.history = training.fit(
            self.model, optimizer=self.optimizer, epochs=epochs, checkpoint=checkpoint, **given
        )  # fmt: skip
        return self

    def result(self):
        """All that must be the same."""
        measured = ("step_loss", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
        history = {name: getattr(self.history, name) for name in measured}
        arrays = {**self.model.state_dict(), **self.optimizer.state_dict()}
        return {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()} | history | {
            "rng": str(self.rng.bit_generator.state), "next": self.rng.integers(1000, size=5).tolist(),
            "dropout": self.model.train()(self.x).tobytes(), "epochs": len(self.history.seconds),
        }  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoints" / "net.npz"


@pytest.mark.sampled(4)
@pytest.mark.parametrize("shared", [False, True], ids=["own rng for dropout", "one rng for all"])
@pytest.mark.parametrize("stops", [[0], [1], [STEPS], [STEPS + 1, 3 * STEPS - 1, 2, 0]])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_stopped_at_any_step_and_continued_the_result_is_the_same(path, optimizer, stops, shared):
    whole = Training(optimizer, shared=shared).fit()
    for stop in stops:
        assert Training(optimizer, shared=shared).fit(checkpoint=path, stop_after=stop).history.interrupted
    continued = Training(optimizer, shared=shared).fit(checkpoint=path)
    assert not continued.history.interrupted
    assert continued.result() == whole.result()


KINDS_OF_BITS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]


@pytest.mark.parametrize("bits", KINDS_OF_BITS, ids=lambda kind: kind.__name__)
def test_every_kind_of_random_generator_can_be_continued(path, bits):
    Training(bits=bits).fit(checkpoint=path, stop_after=6)
    assert Training(bits=bits).fit(checkpoint=path).result() == Training(bits=bits).fit().result()


def test_the_same_objects_go_on_from_the_step_after_a_stop_in_the_middle_of_an_epoch(path, capsys):
    stopped = Training().fit(checkpoint=path, stop_after=2 * STEPS + 1)
    learnt = stopped.model.state_dict()
    kept = Training().fit(checkpoint=path, stop_after=0).model.state_dict()
    assert all(np.array_equal(learnt[name], kept[name]) for name in learnt)
    assert stopped.fit(checkpoint=path).result() == Training().fit().result()
    assert f"Resuming in epoch 3 of 6, after 1 of its {STEPS} steps, from {path}." in capsys.readouterr().out


def test_a_long_epoch_is_saved_on_the_way(path, monkeypatch):
    """What raises in the middle of an epoch, as a kernel that is killed, loses no more than since then."""

    class Fails(training.Callback):
        left = STEPS + 2

        def step(self):
            self.left -= 1
            if not self.left:
                raise RuntimeError("killed")

    monkeypatch.setattr(training, "BETWEEN_SAVES", 0.0)
    with pytest.raises(RuntimeError, match="killed"):
        Training().fit(checkpoint=path, callback=Fails())
    monkeypatch.undo()
    with archive.reading(path, "a checkpoint") as arrays:
        assert json.loads(arrays["about"].tobytes())["place"]["steps"] == 1
    assert Training().fit(checkpoint=path).result() == Training().fit().result()


def test_no_step_is_taken_twice(path):
    class Counts(training.Callback):
        taken = 0

        def step(self):
            self.taken += 1

    Training().fit(2, checkpoint=path, stop_after=STEPS + 2)
    counts = Counts()
    Training().fit(2, checkpoint=path, callback=counts)
    assert counts.taken == STEPS - 2


def test_a_loop_of_ones_own_goes_on_inside_an_epoch_too(path):
    seen = []

    def loop(one, x, y, epochs, batch_size, rng):
        for _ in range(epochs):
            order = rng.permutation(len(x))
            for start in range(0, len(x), batch_size):
                batch = order[start : start + batch_size]
                seen.append(one(x[batch], y[batch]))

    Training().fit(2, checkpoint=path, stop_after=STEPS + 3, loop=loop)
    seen.clear()
    continued = Training().fit(2, checkpoint=path, loop=loop)
    assert continued.result() == Training().fit(2).result()
    assert seen == continued.history.step_loss[STEPS:]


def test_a_run_that_was_stopped_before_its_first_step_starts_over_from_the_same_start(path, capsys):
    first = Training().fit(checkpoint=path, stop_after=0)
    assert first.fit(checkpoint=path).result() == Training().fit().result()
    assert "The last run took no step that it kept; starting over" in capsys.readouterr().out


def test_an_epoch_that_was_begun_counts_where_fewer_are_asked_for(path, capsys):
    Training().fit(3, checkpoint=path, stop_after=2 * STEPS + 1)
    assert Training().fit(2, checkpoint=path).result() == Training().fit(2).result()
    assert "it has 2 epochs and 1 steps, and you ask for 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    "spoilt",
    [{"steps": 0}, {"steps": STEPS}, {"steps": 1.5}, {"loss": float("nan")}, {"states": [{}, {}]}, {"more": 1}],
)
def test_a_place_that_cannot_be_is_refused(path, spoilt):
    stopped = Training().fit(checkpoint=path, stop_after=1)
    with archive.reading(path, "a checkpoint") as found:
        arrays = dict(found)
    about = json.loads(arrays["about"].tobytes())
    about["place"] |= spoilt
    archive.write(path, arrays | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)})
    before = stopped.model.state_dict()
    with pytest.raises(ValueError, match=r"net\.npz must hold a checkpoint"):
        stopped.fit(checkpoint=path)
    assert all(np.array_equal(before[name], array) for name, array in stopped.model.state_dict().items())


def test_more_epochs_go_on_from_where_fewer_ended(path, capsys):
    Training().fit(4, checkpoint=path)
    assert capsys.readouterr().out == ""
    assert Training().fit(6, checkpoint=path).result() == Training().fit(6).result()
    assert "Resuming after epoch 4 of 6" in capsys.readouterr().out


def test_a_finished_training_is_read_and_nothing_is_trained(path, capsys):
    whole = Training().fit(checkpoint=path)
    written = path.read_bytes()
    again = Training().fit(checkpoint=path, callback=Refuses())
    assert again.result() == whole.result() and path.read_bytes() == written
    assert f"{path} holds all 6 epochs of this training: nothing is left to do." in capsys.readouterr().out


class Refuses(training.Callback):
    def step(self):
        raise AssertionError("a step was taken")


def test_targets_without_accuracy_and_no_test_set_come_back_as_they_were(path):
    def run(epochs):
        return Training().fit(
            epochs, checkpoint=path, test=None, y=np.random.default_rng(3).random((50, 4)), loss=MSELoss()
        )  # fmt: skip

    run(1)
    history = run(2).history
    assert history.train_accuracy == [None, None] and history.test_loss == history.test_accuracy == []
    assert len(history.train_loss) == len(history.seconds) == 2 and len(history.step_loss) == 2 * STEPS


def test_no_checkpoint_changes_nothing(path):
    assert Training().fit(checkpoint=path).result() == Training().fit().result()
    assert [other.name for other in path.parent.iterdir()] == ["net.npz"]


# ---------------------------------------------------------------- a process that is killed

KILLED = """
import sys
sys.path.insert(0, {tests!r})
from test_checkpoints import Training
print("ready", flush=True)
Training({optimizer!r}).fit(60, {path!r})
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX matter")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_killed_at_random_moments_it_goes_on_and_ends_the_same(path, optimizer):
    """kill -9, again and again, until the training has come through; some kills fall into the writing of the file."""
    code = KILLED.format(tests=os.path.dirname(__file__), optimizer=optimizer, path=str(path))
    chance = random.Random(0)
    started = time.perf_counter()
    uninterrupted = Training(optimizer).fit(60).result()
    seconds = time.perf_counter() - started
    progress, kills = [], 0
    for _ in range(60):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, encoding="utf-8")
        process.stdout.readline()
        try:
            process.wait(chance.uniform(0.03, 0.15) * seconds if kills < 10 else 120)
            break
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        kills += 1
        if path.exists():
            with archive.reading(path, "a checkpoint") as arrays:  # whole, whenever it was killed
                progress.append(json.loads(arrays["about"].tobytes())["epochs"])
    process.communicate()
    assert process.returncode == 0 and kills >= 3
    assert progress == sorted(progress) and progress[-1] > 0
    assert Training(optimizer).fit(60, path).result() == uninterrupted


@pytest.mark.skipif(os.name != "posix", reason="signals are a POSIX matter")
def test_a_kernel_interrupt_keeps_the_last_whole_epoch_and_what_is_in_memory(path):
    class Interrupts(training.Callback):
        taken = 0

        def step(self):
            self.taken += 1
            if self.taken == STEPS + 2:
                press()

    with stop_button() as press:
        stopped = Training().fit(checkpoint=path, callback=Interrupts())
    assert stopped.history.interrupted and len(stopped.history.step_loss) == STEPS + 2
    assert stopped.fit(checkpoint=path).result() == Training().fit().result()


# ---------------------------------------------------------------- files of something else


@pytest.mark.parametrize(
    ("other", "options", "words"),
    [
        ({}, {"batch_size": 10}, "batch_size: was 16, now 10"),
        ({}, {"loss": MSELoss(), "y": np.zeros((50, 4)), "test": None}, r"loss: was CrossEntropyLoss.*, now MSELoss"),
        ({"optimizer": "SGD with momentum"}, {}, r"optimizer: was Adam\(lr=0.01, .*, now SGD\(lr=0.05, momentum=0.9\)"),
        ({"channels": 2}, {}, r"model: was \(0\) Conv2d\(weight \(3, .*, now \(0\) Conv2d\(weight \(2, "),
        ({"bits": np.random.SFC64}, {}, "random generators: was PCG64, PCG64, now SFC64, SFC64"),
        ({}, {"x": np.ones((40, 1, 8, 8)), "y": np.ones(40, int)}, r"x: was float32 of .*\(50, .* float64 .*\(40, "),
        ({}, {"x": np.ones((50, 1, 8, 8), np.float32)}, "x: was values with checksum .*, now values with checksum"),
        ({}, {"test": None}, r"test\[0\]: was float32 of shape \(50, 1, 8, 8\), now nothing"),
        ({}, {"epochs": 2}, "it has 3 epochs, and you ask for 2"),
    ],
)  # fmt: skip
def test_another_training_starts_anew_says_why_and_keeps_the_old_file(path, capsys, other, options, words):
    Training().fit(3, checkpoint=path)
    written = path.read_bytes()
    options = {"epochs": 3, **options}
    anew = Training(**other).fit(checkpoint=path, **options)
    said = capsys.readouterr().out
    kept = path.with_name("net.before.npz")
    assert re.search(rf"net\.npz is from a different run \({words}", said), said
    assert f"Starting over; the old file was renamed to {kept}." in said
    assert kept.read_bytes() == written
    assert anew.result() == Training(**other).fit(**options).result()


def test_the_file_of_a_third_training_does_not_take_the_place_of_that_of_the_first(path, capsys):
    written = []
    for channels in (3, 2, 4):
        Training(channels=channels).fit(1, checkpoint=path)
        written.append(path.read_bytes())
    assert f"the old file was renamed to {path.with_name('net.before-2.npz')}." in capsys.readouterr().out
    kept = [path.with_name(name).read_bytes() for name in ("net.before.npz", "net.before-2.npz", "net.npz")]
    assert kept == written


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_model_that_was_turned_into_float64_after_its_optimizer_was_made_goes_on(path, optimizer):
    def turned():
        anew = Training(optimizer)
        anew.model.astype(np.float64)
        return anew

    turned().fit(2, checkpoint=path)
    assert turned().fit(4, checkpoint=path).result() == turned().fit(4).result()


class Schedule(StopAfter):
    """A smaller lr after each epoch, or after each step; stops after some steps."""

    def __init__(self, optimizer, after, steps=-1):
        super().__init__(steps)
        self.optimizer, self.after = optimizer, after

    def step(self):
        super().step()
        self.optimizer.lr *= np.float64(0.9) if self.after == "step" else 1

    def epoch(self):
        self.optimizer.lr *= np.float64(0.5) if self.after == "epoch" else 1


@pytest.mark.parametrize("after", ["step", "epoch"])
@pytest.mark.parametrize("stop", [0, STEPS - 1, STEPS, 2 * STEPS + 1])
@pytest.mark.parametrize("anew", [False, True], ids=["in the same session", "in a new session"])
def test_a_schedule_of_the_learning_rate_goes_on(path, capsys, anew, stop, after):
    def fit(training, steps=-1, **options):
        return training.fit(3, callback=Schedule(training.optimizer, after, steps), **options)

    whole = fit(Training())
    begun = fit(Training(), stop, checkpoint=path)
    continued = fit(Training() if anew else begun, checkpoint=path)
    assert continued.optimizer.lr == whole.optimizer.lr and continued.result() == whole.result()
    again = (Training() if anew else begun).fit(3, checkpoint=path)
    assert "holds all 3 epochs" in capsys.readouterr().out and again.optimizer.lr == whole.optimizer.lr


def test_an_lr_that_was_set_between_two_calls_is_another_training(path, capsys):
    first = Training().fit(1, checkpoint=path)
    first.optimizer.lr = 0.5
    first.fit(2, checkpoint=path)
    assert "optimizer: was Adam(lr=0.01, " in capsys.readouterr().out


def test_a_file_without_a_whole_epoch_is_not_kept_for_another_training(path, capsys):
    Training().fit(checkpoint=path, stop_after=0)
    Training(channels=2).fit(1, checkpoint=path)
    assert capsys.readouterr().out == "" and [one.name for one in path.parent.iterdir()] == ["net.npz"]


def rewritten(path, **changes):
    """Every array of a checkpoint, some in another form (None: left out)."""
    with archive.reading(path, "a checkpoint") as arrays:
        content = arrays
    about = json.loads(content["about"].tobytes())
    about.update(changes.pop("about", {}))
    content = {**content, "about": as_text(json.dumps(about)), **changes}
    np.savez(path, **{name: array for name, array in content.items() if array is not None})


SHAPE = b"{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000000,), }"
HUGE = b"\x93NUMPY\x01\x00v\x00" + SHAPE.ljust(117) + b"\n"


def as_text(text):
    return np.frombuffer(text.encode(), np.uint8)


def no_array(path):
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("about.npy", b"not an array")


def huge_text(path):
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("about.npy", HUGE)


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("about.npy", HUGE.replace(b"10000000000000", b"5000000       ") + bytes(5_000_000))


DAMAGE = {
    "a setting that is no number": lambda path: rewritten(path, about={"settings": {"lr": "fast"}}),
    "no archive": lambda path: path.write_bytes(b"<html>not found</html>"),
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-300]),
    "a flipped bit": lambda path: path.write_bytes(flipped(path.read_bytes())),
    "weights only": lambda path: training.save_weights(Training().model, path),
    "an object": lambda path: rewritten(path, **{"model.0.bias": np.array([{"a": 1}] * 3, object)}),
    "an object in the text": lambda path: np.savez(path, about=np.array([print], object)),
    "no array": no_array,
    "a huge text": huge_text,
    "a bomb": bomb,
    "no JSON": lambda path: np.savez(path, about=as_text("{")),
    "nested JSON": lambda path: np.savez(path, about=as_text("[" * 100_000)),
    "a list": lambda path: np.savez(path, about=as_text("[1, 2]")),
    "endless digits": lambda path: np.savez(path, about=as_text('{"epochs": ' + "9" * 90_000 + "}")),
    "negative epochs": lambda path: rewritten(path, about={"epochs": -1}),
    "epochs in words": lambda path: rewritten(path, about={"epochs": "two"}),
    "another number of epochs": lambda path: rewritten(path, about={"epochs": 3}),
    "a setting that is none": lambda path: rewritten(path, about={"setting": 7}),
    "no generators": lambda path: rewritten(path, about={"generators": []}),
    "a generator of nothing": lambda path: rewritten(path, about={"generators": [{}, {}]}),
    "a generator of words": lambda path: rewritten(
        path, about={"generators": [{"bit_generator": "PCG64", "state": {"state": "x", "inc": 1}}] * 2}
    ),
    "a generator too large": lambda path: rewritten(
        path,
        about={"generators": [
            {"bit_generator": "PCG64", "state": {"state": 1 << 200, "inc": 1}, "has_uint32": 0, "uinteger": 0}
        ] * 2},
    ),
    "another shape": lambda path: rewritten(path, **{"model.0.bias": np.ones(4, np.float32)}),
    "strings": lambda path: rewritten(path, **{"model.0.bias": np.ones(3, "U3")}),
    "not a number": lambda path: rewritten(path, **{"model.0.bias": np.full(3, np.nan, np.float32)}),
    "not a moment": lambda path: rewritten(path, **{"optimizer.mean.0": np.full((3, 1, 3, 3), np.nan, np.float32)}),
    "negative steps": lambda path: rewritten(path, **{"optimizer.steps": np.array(-8)}),
    "no moment": lambda path: rewritten(path, **{"optimizer.mean.0": None}),
    "no losses": lambda path: rewritten(path, **{"history.step_loss": None}),
    "too many losses": lambda path: rewritten(path, **{"history.step_loss": np.ones(99)}),
}  # fmt: skip


def flipped(data):
    data = bytearray(data)
    data[len(data) // 2] ^= 1
    return data


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_and_hostile_files_are_refused_with_what_to_do_and_nothing_is_changed(path, kind):
    Training().fit(2, checkpoint=path)
    DAMAGE[kind](path)
    written = path.read_bytes()
    fresh = Training()
    before, state = {**fresh.model.state_dict(), **fresh.optimizer.state_dict()}, str(fresh.rng.bit_generator.state)
    with pytest.raises(ValueError, match=r"net\.npz must hold a checkpoint \(delete it, or name another file, to"):
        fresh.fit(checkpoint=path)
    after = {**fresh.model.state_dict(), **fresh.optimizer.state_dict()}
    assert all(np.array_equal(before[name], array) for name, array in after.items())
    assert str(fresh.rng.bit_generator.state) == state
    assert [one.name for one in path.parent.iterdir()] == ["net.npz"] and path.read_bytes() == written


def test_a_place_that_cannot_be_written_is_named_before_anything_is_trained(tmp_path):
    (tmp_path / "file").touch()
    fresh = Training()
    before = fresh.model.state_dict()
    with pytest.raises(OSError, match=r"net\.npz could not be written"):
        fresh.fit(checkpoint=tmp_path / "file" / "net.npz")
    assert all(np.array_equal(before[name], array) for name, array in fresh.model.state_dict().items())


@pytest.mark.parametrize("given", [3, b"net.npz", True])
def test_what_is_no_path_is_refused_by_name(given):
    with pytest.raises(TypeError, match=r"checkpoint must be the path of a file such as .*, but is"):
        Training().fit(checkpoint=given)


def test_an_optimizer_that_cannot_tell_its_state_is_refused_by_name(path):
    class Plain:
        def step(self):
            pass

        zero_grad = step

    fresh = Training()
    fresh.optimizer = Plain()
    with pytest.raises(TypeError, match=r"optimizer must have state_dict\(\) to be kept .*, but .* has none"):
        fresh.fit(checkpoint=path)
