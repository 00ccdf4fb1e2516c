"""A tape: every result remembers what it was made of, and the way back follows from that. Lesson B writes it.

A computation is two functions: forward(*arrays) returns an array, and backward(dy, *arrays) returns a gradient for each
of these arrays. `record` makes a node of them; `backpropagate` walks back through all the nodes.
"""

import numpy as np


class Node:
    """An array, the nodes it was made of, and the way back to them: local(dy) returns a gradient for each parent."""

    recording = True  # of all nodes together: whether `record` remembers

    def __init__(self, value, name=""):
        """No parents and no way back yet: a parameter, or an image."""
        self.value, self.name = value, name
        self.parents, self.local, self.grad = (), None, None


def summed_to(gradient, shape):
    """The gradient of what an array of `shape` was broadcast to, summed over all its copies: of that shape."""
    if gradient.shape == shape:
        return gradient
    before = gradient.ndim - len(shape)
    copied = tuple(before + axis for axis, length in enumerate(shape) if length == 1)
    return gradient.sum(axis=(*range(before), *copied)).reshape(shape)


def record(forward, backward, *parents):
    """The node of forward(*values of the parents). backward(dy, *values) returns one gradient for each of them."""
    values = [parent.value for parent in parents]
    node = Node(forward(*values))
    if Node.recording:
        node.parents = parents
        node.local = lambda dy: [summed_to(d, v.shape) for d, v in zip(backward(dy, *values), values, strict=True)]
    return node


def topological_order(root):
    """A list of root and all nodes that it was made of, each once, parents before what was made of them."""
    order, done, waiting = [], set(), [root]
    while waiting:
        node = waiting[-1]
        missing = [parent for parent in node.parents if parent not in done]
        waiting += missing
        if not missing:
            waiting.pop()
            if node not in done:
                done.add(node)
                order.append(node)
    return order


def backpropagate(root, dy=None):
    """Gives root and all nodes that it was made of a new .grad, shaped like .value. dy: root's, ones if None."""
    order = topological_order(root)
    for node in order:
        node.grad = None
    root.grad = np.ones_like(root.value) if dy is None else dy
    for node in reversed(order):
        if node.local is not None:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient if parent.grad is None else parent.grad + gradient


class no_grad:
    """with no_grad(): inside the block nothing is remembered; behind it, all is as before."""

    def __enter__(self):
        """Switches Node.recording off."""
        self.before = Node.recording
        Node.recording = False

    def __exit__(self, *error):
        """Switches it back to what it was, however the block ended."""
        Node.recording = self.before
