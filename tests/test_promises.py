"""What every public function and every layer promises, tested for all of them from two tables.

No argument is changed; no result is ever written to again, not even by another thread; float32 stays float32;
integers are promoted; the memory order of an argument does not matter.
"""

import copy
import sys
import threading

import numpy as np
import pytest
from calls import CALLS, LAYERS, MEMORY, build, draw, each, public_functions

from course_lib import functional as F
from course_lib import layers, loops, optim

every_call_on_arrays = pytest.mark.parametrize("call", [c for c in CALLS if c.shapes], ids=lambda call: call.name)


def with_arrays(arguments, change):
    """The same arguments with every float array changed."""
    return {
        name: change(value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
        for name, value in arguments.items()
    }


def assert_same(found, expected, **tolerance):
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, **(tolerance or {"rtol": 1e-12, "atol": 1e-12}))


def arrays_in(result):
    return [value for value in result if isinstance(value, np.ndarray)]


def test_the_table_knows_every_public_function():
    on_numbers = {loops.chain_backward, loops.cross_entropy_loss, F.get_num_threads, F.set_num_threads}
    offered = public_functions(F) | public_functions(optim) | public_functions(loops)
    assert {call.function for call in CALLS} == offered - on_numbers


def laid_out(arguments, change):
    """The same arguments with every array, integers and booleans too, lying differently in memory."""
    return {name: change(value) if isinstance(value, np.ndarray) else value for name, value in arguments.items()}


@pytest.mark.sampled(4)
@every_call_on_arrays
@each(MEMORY)
def test_results_do_not_depend_on_how_an_array_lies_in_memory(call, change):
    found, expected = call.run(**laid_out(call.arguments(), change)), call.run()
    assert_same(found, expected)
    assert [array.dtype for array in arrays_in(found)] == [array.dtype for array in arrays_in(expected)]


@every_call_on_arrays
@each(MEMORY)
def test_no_argument_is_changed(call, change):
    arguments = laid_out(call.arguments(), change)
    before = copy.deepcopy(arguments)
    call.run(**arguments)
    for name in arguments.keys() - {"rng"}:
        np.testing.assert_array_equal(arguments[name], before[name], err_msg=name)


@pytest.mark.sampled(4)
@every_call_on_arrays
@each(MEMORY)
def test_read_only_arrays_are_taken(call, change):
    arguments = laid_out(call.arguments(), change)
    for value in arguments.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    assert_same(call.run(**arguments), call.run())


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@every_call_on_arrays
def test_float32_stays_float32_and_float64_stays_float64(call, dtype):
    result = call.run(**with_arrays(call.arguments(), lambda array: array.astype(dtype)))
    floats = [array for array in arrays_in(result) if array.dtype.kind == "f"]
    assert floats and all(array.dtype == dtype for array in floats)
    assert_same(result, call.run(), rtol=1e-4, atol=1e-5)


def test_with_float32_and_float64_together_the_result_is_float64():
    for call in CALLS:
        if len(call.shapes) > 1:
            arguments = call.arguments()
            last = list(call.shapes)[-1]
            arguments[last] = arguments[last].astype(np.float32)
            assert {array.dtype for array in arrays_in(call.run(**arguments))} == {np.dtype(np.float64)}


@every_call_on_arrays
@each({str(dtype): dtype for dtype in (np.int64, np.int8, np.uint8, bool, ">i2")})
def test_integers_are_promoted_and_give_the_values_of_float64(call, dtype):
    def whole(array):
        return np.abs(np.round(3 * array)).astype(dtype)

    found = call.run(**with_arrays(call.arguments(), whole))
    assert_same(found, call.run(**with_arrays(call.arguments(), lambda array: whole(array).astype(float))))
    assert all(array.dtype == np.float64 for array in arrays_in(found) if array.dtype.kind == "f")


@every_call_on_arrays
def test_a_result_is_never_written_to_by_later_calls(call):
    first = call.run(**call.arguments(1))
    kept = copy.deepcopy(first)
    second = call.run(**call.arguments(2))
    call.run(**call.arguments(3))
    call.run(**with_arrays(call.arguments(4), lambda array: array.astype(np.float32)))
    assert_same(first, kept, rtol=0)
    assert not any(np.shares_memory(a, b) for a in arrays_in(first) for b in arrays_in(second))


def test_no_function_writes_to_what_another_has_handed_out():
    handed_out = [call.run(**call.arguments(1)) for call in CALLS]
    kept = copy.deepcopy(handed_out)
    for call in CALLS:
        call.run(**call.arguments(2))
    for result, wanted in zip(handed_out, kept, strict=True):
        assert_same(result, wanted, rtol=0)


@every_call_on_arrays
def test_the_results_of_one_call_do_not_share_memory(call):
    arrays = arrays_in(call.run())
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def in_two_threads(work):
    """work(seed) for two seeds at once -> the results; both begin at the same moment, and errors are raised here."""
    barrier, results, errors = threading.Barrier(2), {}, []

    def run(seed):
        try:
            barrier.wait()
            results[seed] = work(seed)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (1, 2)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # in turns as short as can be: the calls take less time than a usual turn
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(usual)
    if errors:
        raise errors[0]
    return results


@pytest.mark.sampled(4)
@every_call_on_arrays
def test_two_threads_do_not_disturb_each_other(call):
    def work(seed):
        return [call.run(**call.arguments(seed)) for _ in range(10)]

    expected = {seed: call.run(**call.arguments(seed)) for seed in (1, 2)}
    for seed, results in in_two_threads(work).items():
        for result in results:
            assert_same(result, expected[seed])


# ---------------------------------------------------------------- layers

every_layer = pytest.mark.parametrize("name", LAYERS)


def step(layer, shape, seed, dtype=np.float64):
    """One forward and backward on data of this seed -> everything that was handed out."""
    layer.zero_grad()
    y = layer.forward(draw(shape, seed, dtype))
    dx = layer.backward(draw(y.shape, seed + 100, dtype))
    buffers = [getattr(module, name) for module in layer.modules() for name in module.buffers]
    return [y, dx, *(parameter.grad for parameter in layer.parameters()), *buffers]


def test_the_table_knows_every_layer():
    built = {type(module) for name in LAYERS for module in build(name)[0].modules()}
    public = {
        value
        for name, value in vars(layers).items()
        if isinstance(value, type) and issubclass(value, layers.Module) and not name.startswith("_")
    }
    assert built == public - {layers.Module}


@every_layer
def test_what_a_layer_hands_out_is_never_written_to_by_later_steps(name):
    layer, shape = build(name)
    first = step(layer, shape, 1)
    kept = copy.deepcopy(first)
    second = step(layer, shape, 2)
    step(layer, shape, 3)
    layer.forward(draw(shape, 4))
    assert_same(first, kept, rtol=0)
    assert not any(np.shares_memory(a, b) for a in first for b in second)


@every_layer
def test_a_layer_does_not_change_its_arguments(name):
    layer, shape = build(name)
    x = draw(shape, 1)
    x.flags.writeable = False
    dy = draw(layer.forward(x).shape, 2)
    dy.flags.writeable = False
    layer.backward(dy)
    np.testing.assert_array_equal(x, draw(shape, 1))
    np.testing.assert_array_equal(dy, draw(dy.shape, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@every_layer
def test_a_layer_keeps_its_dtype_through_a_training_step(name, dtype):
    layer, shape = build(name, dtype)
    handed_out = step(layer, shape, 1, dtype)
    if layer.parameters():
        optim.Adam(layer.parameters()).step()
        optim.SGD(layer.parameters(), 0.1, 0.9).step()
    arrays = [*handed_out, *layer.state_dict().values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@every_layer
def test_layers_in_two_threads_do_not_disturb_each_other(name):
    def work(seed):
        layer, shape = build(name, seed=seed)
        return [step(layer, shape, seed + n) for n in range(20)]

    expected = {seed: work(seed) for seed in (1, 2)}
    for seed, results in in_two_threads(work).items():
        for result, wanted in zip(results, expected[seed], strict=True):
            assert_same(result, wanted)


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, 0.1, 0.9), optim.Adam], ids=["SGD", "Adam"])
def test_an_optimizer_step_does_not_write_to_arrays_handed_out_before(make):
    layer, shape = build("Sequential")
    optimizer = make(layer.parameters())
    for seed in range(3):
        handed_out = [
            *step(layer, shape, seed), *layer.state_dict().values(), *(p.data for p in layer.parameters())
        ]  # fmt: skip
        kept = copy.deepcopy(handed_out)
        optimizer.step()
        assert_same(handed_out, kept, rtol=0)
