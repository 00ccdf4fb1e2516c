"""One story of every kind, with what they are all asked in turn."""

from functools import partial

import numpy as np

from course_lib import frames, layers, tape

_TIED = np.array([[2, 2, 1, 0, 3], [2, 1, 0, 1, 1], [0, 1, 3, 3, 0], [1, 0, 3, 2, 1], [1, 1, 0, 1, 4.0]])


def every_story():
    """Name -> a call that makes the story: `frames`' function with its arguments, as a partial."""
    rng = np.random.default_rng(0)

    def some(*shape):
        return rng.integers(-3, 4, shape).astype(float)

    line, kernel = some(7), some(3)
    plane, window = some(5, 6), some(3, 2)
    images, filters, bias = some(2, 2, 4, 3), some(3, 2, 2, 3), some(3)
    dy = some(2, 3, 2, 3)
    tail = 1 - 0.5 ** np.arange(6)
    return {
        "conv1d": partial(frames.conv1d, line, kernel, 2, 1),
        "conv1d_weight_gradient": partial(frames.conv1d_weight_gradient, line[:4], line, kernel, 2, 1),
        "conv1d_input_gradient_scatter": partial(frames.conv1d_input_gradient_scatter, line[:3], line, kernel, 2),
        "conv1d_input_gradient_gather": partial(frames.conv1d_input_gradient_gather, line[:4], line, kernel, 2, 1),
        "conv2d_single": partial(frames.conv2d_single, plane, window, 2, 1),
        "conv2d_single_weight_gradient": partial(frames.conv2d_single_weight_gradient, plane[:3, :5], plane, window),
        "conv2d_single_input_gradient_scatter": partial(
            frames.conv2d_single_input_gradient_scatter, plane[:3, :4], plane, window, 1, 0, (1, 2)
        ),
        "conv2d_single_input_gradient_gather": partial(
            frames.conv2d_single_input_gradient_gather, plane[:3, :4], plane, window, 2, 1
        ),
        "conv2d": partial(frames.conv2d, images, filters, bias, 1, 1),
        "bias_gradient": partial(frames.bias_gradient, dy),
        "weight_gradient": partial(frames.weight_gradient, dy[:, :, :, :1], images, filters, 2),
        "input_gradient": partial(frames.input_gradient, dy[:, :, :, :1], images, filters, 2),
        "im2col": partial(frames.im2col, images[0], (2, 2), 2, 1),
        "col2im": partial(frames.col2im, some(4, 9), (4, 4), 2),
        "learning": partial(frames.learning, 10.0 ** -np.arange(5), filters[0, 0] * tail[:, None, None], filters[0, 0]),
        "max_pool2d": partial(frames.max_pool2d, _TIED, 2),
        "max_pool2d_backward": partial(frames.max_pool2d_backward, some(4, 4), _TIED, 2, 1),
        "avg_pool2d": partial(frames.avg_pool2d, _TIED, 2, padding=1),
        "avg_pool2d_backward": partial(frames.avg_pool2d_backward, some(3, 3), (5, 5), 2, padding=1),
        "conv_transpose2d": partial(frames.conv_transpose2d, some(3, 4), some(3, 3), 2, 1, 1),
        "add_shards": partial(frames.add_shards, some(3, 4), [3, 1, 2]),
        "grouped_conv2d_backward": partial(
            frames.grouped_conv2d_backward, some(1, 4, 3, 2), some(1, 4, 4, 3), some(4, 2, 2, 3), 2, 2, 1
        ),
        "channel_matrix_backward": partial(frames.channel_matrix_backward, some(6), some(4), some(6, 4), 2),
        "conv1d_as_matrix": partial(frames.conv1d_as_matrix, line, kernel, 2, 1),
        "conv1d_transposed_matrix": partial(frames.conv1d_transposed_matrix, line[:5], line, kernel),
        "conv1d_stamps": partial(frames.conv1d_stamps, line[:4], line, kernel, 2, 1),
        "conv1d_spread": partial(frames.conv1d_spread, line[:2], line[:6], kernel, 2),
        "conv1d_border": partial(frames.conv1d_border, some(8), line[:4], kernel),
        "backpropagate": partial(frames.backpropagate, small_tape()),
        "computation": partial(frames.computation, "q = x + y", "p = x * z", "g = q + p", y=5.0, x=-2.0, z=-4.0),
        "backward_walk": partial(frames.backward_walk, small_network(), rng.random((1, 1, 12, 12)), np.array([1])),
    }


def small_tape():
    """f = (w x) (w x + w), from three operations on the tape."""
    w, x = tape.Node(np.array(3.0), "w"), tape.Node(np.array(2.0), "x")
    p = tape.record(np.multiply, lambda dy, a, b: (dy * b, dy * a), w, x)
    q = tape.record(np.add, lambda dy, a, b: (dy, dy), p, w)
    f = tape.record(np.multiply, lambda dy, a, b: (dy * b, dy * a), p, q)
    p.name, q.name, f.name = "p", "q", "f"
    return f


def small_network():
    rng = np.random.default_rng(1)
    return layers.Sequential(
        layers.Conv2d(1, 4, 3, rng=rng), layers.ReLU(), layers.MaxPool2d(2), layers.Flatten(),
        layers.Dropout(0.5, rng=rng), layers.Linear(100, 10, rng=rng),
    )  # fmt: skip
