"""PyTorch's own samples of four operators, on what docs/operators.md promises; the rest is refused by name."""

import warnings
from collections import Counter

import numpy as np
import pytest

from course_lib import functional as F
from course_lib._support.places import ROOT

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("expecttest", reason="PyTorch's samples need the package expecttest")
pytestmark = pytest.mark.slow

PROMISE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
POOL = ("kernel_size", "stride", "padding")
NAMES = {  # the arguments behind the input, in PyTorch's order
    "conv2d": ("w", "b", "stride", "padding", "dilation", "groups"),
    "conv_transpose2d": ("w", "b", "stride", "padding", "output_padding", "groups", "dilation"),
    "max_pool2d": (*POOL, "dilation", "ceil_mode", "return_indices"),
    "avg_pool2d": (*POOL, "ceil_mode", "count_include_pad", "divisor_override"),
}
WITHOUT = {"dilation": (1, (1, 1)), "ceil_mode": (False,), "count_include_pad": (True,), "divisor_override": (None,)}


def samples(operator):
    """(PyTorch's result, its gradients, the input, the other arguments by name) of every sample."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

        (info,) = [one for one in op_db if one.name == f"nn.functional.{operator}"]
        for sample in info.sample_inputs("cpu", torch.float64, requires_grad=True):
            found = info(sample.input, *sample.args, **sample.kwargs)
            yield sample, (found[0] if isinstance(found, tuple) else found)


def arguments(operator, sample):
    given = dict(zip(NAMES[operator], sample.args, strict=False)) | sample.kwargs
    given = {{"weight": "w", "bias": "b"}.get(name, name): value for name, value in given.items()}
    return {name: value.detach().numpy() if hasattr(value, "detach") else value for name, value in given.items()}


def promised(operator, x, given):
    """What docs/operators.md leaves out: images without a batch, and four options of pools."""
    options = () if operator.startswith("conv") else WITHOUT
    pairs = all(not isinstance(value, tuple) or len(value) == 2 for value in given.values())
    return x.ndim == 4 and pairs and all(given.get(name, WITHOUT[name][0]) in WITHOUT[name] for name in options)


def gradients(y, *of):
    dy = torch.from_numpy(np.random.default_rng(0).standard_normal(y.shape))
    return dy.numpy(), [found.numpy() for found in torch.autograd.grad(y, [one for one in of if one is not None], dy)]


@pytest.mark.parametrize("operator, tried", [("conv2d", 15), ("conv_transpose2d", 6)])
def test_convolutions_agree_on_every_sample_with_a_batch(operator, tried):
    count = 0
    for sample, y in samples(operator):
        given, x = arguments(operator, sample), sample.input.detach().numpy()
        forward, backward = getattr(F, operator), getattr(F, f"{operator}_backward")
        if not promised(operator, x, given):
            with pytest.raises(ValueError, match=r"x must have shape \(N, C_in, H, W\)"):
                forward(x, **given)
            continue
        count += 1
        np.testing.assert_allclose(forward(x, **given), y.detach(), atol=1e-9, err_msg=str(given))
        w, b, geometry = given.pop("w"), given.pop("b", None), given
        tensors = [sample.input, *(one for one in (*sample.args, *sample.kwargs.values()) if hasattr(one, "detach"))]
        dy, expected = gradients(y, *tensors)
        found = backward(dy, x, w, **geometry)
        for one, other in zip(found[: 2 if b is None else 3], expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9, err_msg=str(geometry))
    assert count == tried


@pytest.mark.parametrize("operator, tried", [("max_pool2d", 80), ("avg_pool2d", 1)])
def test_pools_agree_on_every_sample_that_is_promised(operator, tried):
    count, refused = 0, Counter()
    for sample, y in samples(operator):
        given, x = arguments(operator, sample), sample.input.detach().numpy()
        geometry = {name: given.get(name) for name in ("kernel_size", "stride") if given.get(name) != ()}
        geometry["padding"] = given.get("padding", 0)
        if not promised(operator, x, given):
            refused.update(name for name in WITHOUT if given.get(name, WITHOUT[name][0]) not in WITHOUT[name])
            continue
        count += 1
        found, dy_and_dx = getattr(F, operator)(x, **geometry), gradients(y, sample.input)
        indices = found[1] if operator == "max_pool2d" else None
        np.testing.assert_allclose(found if indices is None else found[0], y.detach(), atol=1e-12, err_msg=str(given))
        dy, (dx,) = dy_and_dx
        back = (
            F.avg_pool2d_backward(dy, x.shape, **geometry)
            if indices is None
            else F.max_pool2d_backward(dy, indices, x.shape)
        )
        np.testing.assert_allclose(back, dx, atol=1e-12, err_msg=str(given))
    assert count >= tried and refused


@pytest.mark.parametrize("name", WITHOUT)
def test_what_pools_leave_out_is_named_in_the_promise_and_refused_by_name(name):
    assert f"`{name}`" in PROMISE.split("## Not there")[1]
    pool = F.max_pool2d if name in ("dilation", "ceil_mode") else F.avg_pool2d
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        pool(np.ones((1, 1, 4, 4)), 2, **{name: 1})
