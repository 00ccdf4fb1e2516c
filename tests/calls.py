"""Every public function with arguments it takes, and every layer: the tables from which tests are made.

Array shapes are pictured in letters. One letter is one size, all sizes differ where they can, and the strides
leave a remainder.
"""

import inspect
from dataclasses import dataclass, field

import numpy as np

from course_lib import functional as F
from course_lib import layers, loops, optim


@dataclass(frozen=True)
class Call:
    """function, the shapes of its float arrays, its other arguments (values, or functions of a Generator)."""

    function: object
    shapes: dict
    others: dict = field(default_factory=dict)
    sizes: dict = field(default_factory=dict)
    remark: str = ""

    @property
    def name(self):
        return f"{self.function.__module__.split('.')[-1]}.{self.function.__name__}{self.remark and ' '}{self.remark}"

    def shape(self, argument):
        letters = self.shapes[argument].split()
        return tuple({**SIZES, **self.sizes}[letter] for letter in letters)

    def arguments(self, seed=0):
        rng = np.random.default_rng(seed)
        arrays = {name: rng.standard_normal(self.shape(name)) for name in self.shapes}
        if "var" in arrays:
            arrays["var"] = np.abs(arrays["var"])
        others = {name: value(rng) if callable(value) else value for name, value in self.others.items()}
        return {**arrays, **others}

    def run(self, **arguments):
        """The results as a tuple."""
        result = self.function(**{**self.arguments(), **arguments})
        return result if isinstance(result, tuple) else (result,)


# H and W meet a kernel of 3 x 2 with stride (2, 1), padding (1, 0) and dilation (1, 2); see the windows below
SIZES = {
    "N": 3, "C": 2, "C_in": 2, "C_out": 4, "H": 8, "W": 7, "kH": 3, "kW": 2, "H_out": 4, "W_out": 5,
    "CkHkW": 12, "L": 20, "features": 5, "out_features": 4, "classes": 6, "CHW": 2 * 8 * 7,
    "C_each": 1, "C_out_each": 2,
}  # fmt: skip
WINDOWS = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
KERNEL = {"kernel_size": (3, 2)}
POOL = {**KERNEL, "stride": (2, 1), "padding": (1, 0)}
POOLED = {"W_out": 6}
UPSAMPLED = {"H_out": 16, "W_out": 9}  # with output_padding (1, 0)
EVEN = {"stride": 2, "padding": 1}  # for loops: 8 -> 4 and 7 -> 4, with a remainder each
LOOPED = {"W_out": 4, "L": 16}
ROW = {"n": 8, "k": 3, "m": 4}
IMAGES = {"input_shape": (3, 2, 8, 7)}
POINT = {"kH": 1, "kW": 1, "H_out": 8, "W_out": 7, "CkHkW": 2, "L": 56}  # a 1 x 1 kernel: nothing has to be copied

X, W, DY = "N C_in H W", "C_out C_in kH kW", "N C_out H_out W_out"
UP = {"x": X, "w": "C_in C_out kH kW"}
GROUPED, UP_GROUPED = "C_out C_each kH kW", {"x": X, "w": "C_in C_out_each kH kW"}
SINGLE = {"x": "H W", "w": "kH kW"}
PIXELS = {"dy": "N C H_out W_out"}


def _generator(rng):
    return np.random.default_rng(rng.integers(2**32))


def _indices(shape, plane):
    return lambda rng: rng.integers(0, plane, shape)


def _mask(*shape):
    return lambda rng: rng.random(shape) < 0.5


def _squares(*shape):
    return lambda rng: rng.standard_normal(shape) ** 2


def _labels(rng):
    return rng.integers(0, SIZES["classes"], SIZES["N"])


CALLS = [
    Call(F.out_size, {}, {"size": 8, "kernel_size": 3, "stride": 2, "padding": 1, "dilation": 1}),
    Call(F.im2col, {"x": "N C H W"}, {**KERNEL, **WINDOWS}),
    Call(F.col2im, {"cols": "N CkHkW L"}, {"output_size": (8, 7), **KERNEL, **WINDOWS}),
    Call(F.conv2d, {"x": X, "w": W, "b": "C_out"}, WINDOWS),
    Call(F.conv2d_backward, {"dy": DY, "x": X, "w": W}, WINDOWS),
    Call(F.conv2d_input_gradient, {"dy": DY, "x": X, "w": W}, WINDOWS),
    Call(F.conv2d_weight_gradient, {"dy": DY, "x": X, "w": W}, WINDOWS),
    Call(F.conv_transpose2d, {**UP, "b": "C_out"}, {**WINDOWS, "output_padding": (1, 0)}),
    Call(F.conv_transpose2d_backward, {"dy": DY, **UP}, {**WINDOWS, "output_padding": (1, 0)}, UPSAMPLED),
    Call(F.conv2d, {"x": X, "w": GROUPED, "b": "C_out"}, {**WINDOWS, "groups": 2}, remark="in groups"),
    Call(F.conv2d_backward, {"dy": DY, "x": X, "w": GROUPED}, {**WINDOWS, "groups": 2}, remark="in groups"),
    Call(F.conv2d_input_gradient, {"dy": DY, "x": X, "w": GROUPED}, {**WINDOWS, "groups": 2}, remark="in groups"),
    Call(F.conv2d_weight_gradient, {"dy": DY, "x": X, "w": GROUPED}, {**WINDOWS, "groups": 2}, remark="in groups"),
    Call(F.conv_transpose2d, {**UP_GROUPED, "b": "C_out"}, {**WINDOWS, "groups": 2}, remark="in groups"),
    Call(
        F.conv_transpose2d_backward,
        {"dy": DY, **UP_GROUPED},
        {**WINDOWS, "output_padding": (1, 0), "groups": 2},
        UPSAMPLED,
        "in groups",
    ),
    Call(loops.grouped_conv2d_backward, {"dy": DY, "x": X, "w": GROUPED}, {**EVEN, "groups": 2}, LOOPED),
    Call(
        loops.depthwise_weight_gradient,
        {"dy": "N C H_out W_out", "x": "N C H W", "w": "C one kH kW"},
        EVEN,
        {**LOOPED, "one": 1},
    ),
    Call(loops.add_shards, {"gradients": "N features"}, {"sizes": np.array([3, 1, 4])}),
    Call(
        loops.sharded_gradients,
        {"x": "N features", "target": "N classes", "w": "features classes", "b": "classes"},
        {"workers": 2},
    ),
    Call(F.max_pool2d, {"x": "N C H W"}, POOL),
    Call(F.max_pool2d_backward, PIXELS, {"indices": _indices((3, 2, 4, 6), 56), **IMAGES}, POOLED),
    Call(F.max_pool2d_winner, {"x": "N C H W"}, POOL),
    Call(
        F.max_pool2d_winner_backward,
        PIXELS,
        {"winner": lambda rng: rng.integers(2, 6, (3, 2, 4, 6), np.uint8), **IMAGES, **POOL},
        POOLED,
    ),
    Call(F.avg_pool2d, {"x": "N C H W"}, POOL),
    Call(F.avg_pool2d_backward, PIXELS, {**IMAGES, **POOL}, POOLED),
    Call(F.relu, {"x": "N C H W"}),
    Call(F.relu_backward, {"dy": "N C H W", "x": "N C H W"}),
    Call(F.relu_mask_backward, {"dy": "N C H W"}, {"positive": _mask(3, 2, 8, 7)}),
    Call(F.relu_max_pool2d, {"x": "N C H W"}, {"kernel_size": 2}),
    Call(
        F.relu_max_pool2d_backward,
        PIXELS,
        {
            "winner": lambda rng: rng.integers(0, 4, (3, 2, 4, 3), np.uint8),
            "positive": _mask(3, 2, 4, 3),
            **IMAGES,
            "kernel_size": 2,
        },
        {"H_out": 4, "W_out": 3},
    ),
    Call(F.flatten, {"x": "N C H W"}),
    Call(F.flatten_backward, {"dy": "N CHW"}, IMAGES),
    Call(F.linear, {"x": "N features", "w": "out_features features", "b": "out_features"}),
    Call(F.linear_backward, {"dy": "N out_features", "x": "N features", "w": "out_features features"}),
    Call(F.dropout, {"x": "N C H W"}, {"p": 0.5, "rng": _generator}),
    Call(F.dropout_backward, {"dy": "N C H W"}, {"mask": _mask(3, 2, 8, 7), "p": 0.5}),
    Call(F.batch_norm2d, {"x": "N C H W", "weight": "C", "bias": "C"}, {"eps": 1e-3}),
    Call(F.batch_norm2d, {"x": "N C H W", "weight": "C", "bias": "C", "mean": "C", "var": "C"}, {"eps": 1e-3}),
    Call(F.batch_norm2d_backward, {"dy": "N C H W", "x": "N C H W", "weight": "C"}, {"eps": 1e-3}),
    Call(
        F.batch_norm2d_backward,
        {"dy": "N C H W", "x": "N C H W", "weight": "C", "mean": "C", "var": "C"},
        {"eps": 1e-3},
    ),
    Call(F.softmax, {"logits": "N classes"}),
    Call(F.cross_entropy, {"logits": "N classes"}, {"targets": _labels}),
    Call(F.mse, {"pred": "N C H W", "target": "N C H W"}),
    Call(loops.conv1d, {"x": "n", "w": "k"}, EVEN, ROW),
    *(
        Call(function, {"dy": "m", "x": "n", "w": "k"}, EVEN, ROW)
        for function in (
            loops.conv1d_weight_gradient, loops.conv1d_input_gradient_scatter, loops.conv1d_input_gradient_gather,
        )
    ),
    Call(loops.conv2d_single, SINGLE, EVEN),
    *(
        Call(function, {"dy": "H_out W_out", **SINGLE}, EVEN, LOOPED)
        for function in (
            loops.conv2d_single_weight_gradient, loops.conv2d_single_input_gradient_scatter,
            loops.conv2d_single_input_gradient_gather,
        )
    ),
    Call(loops.pad2d, {"x": "N C H W"}, {"padding": 1}),
    Call(loops.conv2d, {"x": X, "w": W, "b": "C_out"}, EVEN),
    Call(loops.bias_gradient, {"dy": DY}),
    *(
        Call(function, {"dy": DY, "x": X, "w": W}, EVEN, LOOPED)
        for function in (
            loops.weight_gradient, loops.input_gradient, loops.input_gradient_gather, loops.conv2d_backward,
            loops.conv2d_backward_gemm,
        )
    ),
    Call(loops.conv_transpose2d, {**UP, "b": "C_out"}, {**EVEN, "output_padding": 1}),
    Call(loops.im2col, {"x": "N C H W"}, {**KERNEL, **EVEN}),
    Call(loops.col2im, {"cols": "N CkHkW L"}, {"output_size": (8, 7), **KERNEL, **EVEN}, LOOPED),
    Call(loops.max_pool2d, {"x": "N C H W"}, {**KERNEL, **EVEN}),
    Call(loops.max_pool2d_backward, PIXELS, {"indices": _indices((3, 2, 4, 4), 56), **IMAGES}, LOOPED),
    Call(loops.avg_pool2d, {"x": "N C H W"}, {**KERNEL, **EVEN}),
    Call(loops.avg_pool2d_backward, PIXELS, {**IMAGES, **KERNEL, **EVEN}, LOOPED),
    Call(loops.flatten_backward, {"dy": "N CHW"}, IMAGES),
    Call(loops.relu_backward, {"dy": "N C H W", "x": "N C H W"}),
    Call(loops.dropout_backward, {"dy": "N C H W"}, {"mask": _mask(3, 2, 8, 7), "p": 0.5}),
    Call(loops.linear_backward, {"dy": "N out_features", "x": "N features", "w": "out_features features"}),
    Call(loops.batch_norm2d_backward, {"dy": "N C H W", "x": "N C H W", "weight": "C"}, {"eps": 1e-3}),
    Call(loops.residual_backward, {"dy": "N C H W"}, {"branch_backward": lambda rng: np.tanh}),
    Call(loops.cross_entropy_gradient, {"logits": "N classes"}, {"targets": _labels}),
    Call(optim.sgd_step, dict.fromkeys(("w", "dw", "velocity"), "N C H W"), {"lr": 0.1, "momentum": 0.9}),
    Call(optim.adam_step, dict.fromkeys(("w", "dw", "m"), "N C H W"), {"v": _squares(3, 2, 8, 7), "t": 2, "lr": 0.1}),
]  # fmt: skip


# With a kernel of one cell and no padding nothing has to be copied: an argument might be handed on, or written to
CALLS += [
    Call(function, shapes, others, POINT, "1 x 1")
    for function, shapes, others in [
        (F.im2col, {"x": "N C H W"}, {"kernel_size": 1}),
        (F.col2im, {"cols": "N CkHkW L"}, {"output_size": (8, 7), "kernel_size": 1}),
        (F.conv2d, {"x": X, "w": W, "b": "C_out"}, {}),
        (F.conv2d_backward, {"dy": DY, "x": X, "w": W}, {}),
        (F.conv2d_input_gradient, {"dy": DY, "x": X, "w": W}, {}),
        (F.conv2d_weight_gradient, {"dy": DY, "x": X, "w": W}, {}),
        (F.conv_transpose2d, {**UP, "b": "C_out"}, {}),
        (F.conv_transpose2d_backward, {"dy": DY, **UP}, {}),
        (F.max_pool2d, {"x": "N C H W"}, {"kernel_size": 1}),
        (F.max_pool2d_backward, PIXELS, {"indices": _indices((3, 2, 8, 7), 56), **IMAGES}),
        (F.max_pool2d_winner, {"x": "N C H W"}, {"kernel_size": 1}),
        (
            F.max_pool2d_winner_backward, PIXELS,
            {"winner": lambda rng: np.zeros((3, 2, 8, 7), np.uint8), "kernel_size": 1, **IMAGES},
        ),
        (F.relu_max_pool2d, {"x": "N C H W"}, {"kernel_size": 1}),
        (
            F.relu_max_pool2d_backward, PIXELS,
            {
                "winner": lambda rng: np.zeros((3, 2, 8, 7), np.uint8), "positive": _mask(3, 2, 8, 7),
                "kernel_size": 1, **IMAGES,
            },
        ),
        (F.avg_pool2d, {"x": "N C H W"}, {"kernel_size": 1}),
        (F.avg_pool2d_backward, PIXELS, {"kernel_size": 1, **IMAGES}),
    ]
]  # fmt: skip


IMAGE = (3, 2, 8, 7)
# Every layer: what makes it from rng and dtype, and the shape of an input
LAYERS = {
    "Conv2d": (lambda **s: layers.Conv2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 2), **s), IMAGE),
    "Conv2d without bias": (lambda **s: layers.Conv2d(2, 4, 3, bias=False, **s), IMAGE),
    "Conv2d in groups": (lambda **s: layers.Conv2d(2, 4, (3, 2), (2, 1), (1, 0), groups=2, **s), IMAGE),
    "ConvTranspose2d in groups": (lambda **s: layers.ConvTranspose2d(2, 4, 3, 2, 1, 1, groups=2, **s), IMAGE),
    "ConvTranspose2d": (lambda **s: layers.ConvTranspose2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 0), **s), IMAGE),
    "Linear": (lambda **s: layers.Linear(5, 4, **s), (3, 5)),
    "Linear without bias": (lambda **s: layers.Linear(5, 4, bias=False, **s), (3, 5)),
    "BatchNorm2d": (lambda rng, **s: layers.BatchNorm2d(2, **s), IMAGE),
    "MaxPool2d": (lambda **s: layers.MaxPool2d((3, 2), (2, 1), (1, 0)), IMAGE),
    "AvgPool2d": (lambda **s: layers.AvgPool2d((3, 2), (2, 1), (1, 0)), IMAGE),
    "ReLU": (lambda **s: layers.ReLU(), IMAGE),
    "Flatten": (lambda **s: layers.Flatten(), IMAGE),
    "Dropout": (lambda rng, **s: layers.Dropout(0.5, rng=rng), IMAGE),
    "Residual": (lambda **s: layers.Residual(layers.Conv2d(2, 2, 3, padding=1, **s), layers.ReLU()), IMAGE),
    "Sequential": (
        lambda **s: layers.Sequential(
            layers.Conv2d(2, 4, 3, **s), layers.ReLU(), layers.MaxPool2d(2), layers.Flatten(), layers.Linear(24, 5, **s)
        ),
        IMAGE,
    ),
}


def build(name, dtype=np.float64, seed=0):
    make, shape = LAYERS[name]
    return make(rng=np.random.default_rng(seed), dtype=dtype), shape


def draw(shape, seed, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# One array, lying in memory in different ways
MEMORY = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "gaps between entries": lambda array: np.repeat(array[..., None], 2, axis=-1)[..., 0],
    "reversed axes": lambda array: np.flip(np.ascontiguousarray(np.flip(array))),
    "batch last": lambda array: np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0) if array.ndim else array,
    "foreign byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "unaligned": lambda array: np.frombuffer(b"-" + array.tobytes(), array.dtype, offset=1).reshape(array.shape),
    "nested lists": lambda array: array.tolist(),
}


def each(table):
    """A decorator: one test goes through every row of a table {label: values}, and says at which row it failed."""

    def decorate(test):
        def through_the_table(**arguments):
            for label, row in table.items():
                try:
                    test(**arguments, **dict(zip(own, _as_tuple(row), strict=True)))
                except BaseException as error:
                    error.add_note(f"at the row {label!r}")
                    raise

        through_the_table.__name__, through_the_table.__doc__ = test.__name__, test.__doc__
        parameters = list(inspect.signature(test).parameters)
        count = len(parameters) - len(_as_tuple(next(iter(table.values()))))
        names, own = parameters[:count], parameters[count:]  # what pytest gives, and what comes from the table
        through_the_table.__signature__ = inspect.Signature(
            [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
        )
        return through_the_table

    return decorate


def _as_tuple(row):
    return row if isinstance(row, tuple) else (row,)


def public_functions(module):
    """What a module offers: its __all__, or the functions written in it."""
    if hasattr(module, "__all__"):
        return {getattr(module, name) for name in module.__all__}
    return {
        value
        for name, value in inspect.getmembers(module, inspect.isfunction)
        if value.__module__ == module.__name__ and not name.startswith("_")
    }
