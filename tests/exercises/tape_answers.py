"""Answers to the labs of the tape, right and wrong."""

from contextlib import contextmanager

import numpy as np
from right_answers import right
from wrong_answers import wrong

from course_lib.tape import Node, topological_order

# ---------------------------------------------------------------- record


@right("record")
def a_function_inside(forward, backward, *parents):
    arrays = tuple(node.value for node in parents)
    result = Node(forward(*arrays))

    def back(dy):
        found = []
        for array, gradient in zip(arrays, backward(dy, *arrays), strict=True):
            while gradient.ndim > array.ndim:
                gradient = gradient.sum(axis=0)
            for axis in range(array.ndim):
                if array.shape[axis] == 1 and gradient.shape[axis] > 1:
                    gradient = gradient.sum(axis=axis, keepdims=True)
            found.append(gradient)
        return found

    if Node.recording:
        result.parents, result.local = list(parents), back
    return result


@right("record")
def returns_early(forward, backward, *parents):
    xs = [p.value for p in parents]
    y = Node(forward(*xs))
    if not Node.recording:
        return y
    y.parents = parents

    def local(dy):
        grads = backward(dy, *xs)
        out = []
        for g, x in zip(grads, xs, strict=True):
            extra = np.ndim(g) - np.ndim(x)
            g = np.sum(g, axis=tuple(range(extra)))
            out.append(np.sum(g, axis=tuple(i for i, n in enumerate(x.shape) if n == 1), keepdims=True))
        return out

    y.local = local
    return y


@wrong("record", dw="not summed back")
def leaves_the_broadcast(forward, backward, *parents):
    xs = [p.value for p in parents]
    y = Node(forward(*xs))
    if Node.recording:
        y.parents = parents
        y.local = lambda dy: list(backward(dy, *xs))
    return y


@wrong("record", dx="values of today", dw="values of today")
def asks_the_parents_later(forward, backward, *parents):
    y = Node(forward(*[p.value for p in parents]))

    def local(dy):
        grads = backward(dy, *[p.value for p in parents])
        return [_shrunk(g, p.value) for g, p in zip(grads, parents, strict=True)]

    if Node.recording:
        y.parents, y.local = parents, local
    return y


def _shrunk(g, x):
    g = g.sum(axis=tuple(range(g.ndim - x.ndim)))
    return g.sum(axis=tuple(i for i in range(x.ndim) if x.shape[i] == 1), keepdims=True).reshape(x.shape)


@wrong("record", parents="recorded while off", kept="recorded while off")
def never_looks_at_the_switch(forward, backward, *parents):
    xs = [p.value for p in parents]
    y = Node(forward(*xs))
    y.parents = parents
    y.local = lambda dy: [_shrunk(g, x) for g, x in zip(backward(dy, *xs), xs, strict=True)]
    return y


@wrong("record", parents="no parents")
def knows_the_way_but_not_where(forward, backward, *parents):
    xs = [p.value for p in parents]
    y = Node(forward(*xs))
    if Node.recording:
        y.local = lambda dy: [_shrunk(g, x) for g, x in zip(backward(dy, *xs), xs, strict=True)]
    return y


@wrong("record", dx="dy missing", dw="dy missing")
def only_the_slope(forward, backward, *parents):
    xs = [p.value for p in parents]
    y = Node(forward(*xs))
    if Node.recording:
        one = np.ones(np.shape(y.value))
        y.parents, y.local = parents, lambda dy: [_shrunk(g, x) for g, x in zip(backward(one, *xs), xs, strict=True)]
    return y


@wrong("record")
def two_parents_and_no_others(forward, backward, a, b):
    x, w = a.value, b.value
    y = Node(forward(x, w))
    if Node.recording:
        y.parents = (a, b)
        y.local = lambda dy: [_shrunk(g, v) for g, v in zip(backward(dy, x, w), (x, w), strict=True)]
    return y


@wrong("record", dx="value in place of dy", dw="value in place of dy")
def hands_back_what_came_out(forward, backward, *parents):
    xs = [p.value for p in parents]
    y = Node(forward(*xs))
    if Node.recording:
        y.parents = parents
        y.local = lambda dy: [_shrunk(g, x) for g, x in zip(backward(y.value, *xs), xs, strict=True)]
    return y


@wrong("record", dx=("values of today", "value in place of dy"), dw=("values of today", "value in place of dy"))
def hands_back_what_came_out_to_whatever_is_there(forward, backward, *parents):
    y = Node(forward(*[p.value for p in parents]))

    def local(dy):
        return [
            _shrunk(g, p.value) for g, p in zip(backward(y.value, *[p.value for p in parents]), parents, strict=True)
        ]

    if Node.recording:
        y.parents, y.local = parents, local
    return y


# ---------------------------------------------------------------- topological_order


@right("topological_order")
def visits(root):
    order, seen = [], set()

    def visit(node):
        if id(node) in seen:
            return
        seen.add(id(node))
        for parent in node.parents:
            visit(parent)
        order.append(node)

    visit(root)
    return order


@right("topological_order")
def counts_uses(root):
    """Kahn's way: whoever has no more open uses comes next; then turned around."""
    uses, known, todo = {}, {root}, [root]
    while todo:
        for parent in set(todo.pop().parents):
            uses[parent] = uses.get(parent, 0) + 1
            if parent not in known:
                known.add(parent)
                todo.append(parent)
    ready, found = [root], []
    while ready:
        node = ready.pop()
        found.append(node)
        for parent in set(node.parents):
            uses[parent] -= 1
            if not uses[parent]:
                ready.append(parent)
    return found[::-1]


@wrong("topological_order", times="once for every path")
def forgets_where_it_has_been(root):
    order = []

    def visit(node):
        for parent in node.parents:
            visit(parent)
        order.append(node)

    visit(root)
    return order


@wrong("topological_order", before="by steps from the root")
def a_queue(root):
    queue, order = [root], []
    while queue:
        node = queue.pop(0)
        if node not in order:
            order.append(node)
            queue.extend(node.parents)
    return list(reversed(order))


@wrong("topological_order", before="children first")
def not_turned_around(root):
    order, done = [], set()

    def visit(node):
        if node not in done:
            done.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    order.reverse()
    return order


@wrong("topological_order", times="leaves missing")
def results_alone(root):
    return [node for node in visits(root) if len(node.parents) > 0]


# ---------------------------------------------------------------- backpropagate


@right("backpropagate")
def a_dictionary_of_sums(root, dy=None):
    order = topological_order(root)
    sums = {root: np.ones(np.shape(root.value)) if dy is None else np.array(dy)}
    for node in order[::-1]:
        node.grad = sums[node]
        for parent, gradient in zip(node.parents, node.local(node.grad) if node.parents else (), strict=True):
            sums[parent] = sums[parent] + gradient if parent in sums else gradient


@right("backpropagate")
def starts_from_zeros(root, dy=None):
    order = topological_order(root)
    for node in order:
        node.grad = np.zeros_like(node.value)
    root.grad = np.ones_like(root.value) if dy is None else dy
    for node in reversed(order):
        if node.parents:
            gradients = node.local(node.grad)
            for i in range(len(gradients)):
                node.parents[i].grad = node.parents[i].grad + gradients[i]


@wrong("backpropagate", grads="overwritten at fan-out")
def sets(root, dy=None):
    root.grad = np.ones_like(root.value) if dy is None else dy
    for node in reversed(topological_order(root)):
        if node.local:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient


@wrong("backpropagate", grads="kept from the last walk")
def never_forgets(root, dy=None):
    root.grad = np.ones_like(root.value) if dy is None else dy
    for node in reversed(topological_order(root)):
        if node.local is not None:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient if parent.grad is None else parent.grad + gradient


@wrong("backpropagate", grads="added in place")
def plus_equals(root, dy=None):
    order = topological_order(root)
    for node in order:
        node.grad = None
    root.grad = np.ones_like(root.value) if dy is None else dy
    for node in reversed(order):
        if node.local is None:
            continue
        for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
            if parent.grad is None:
                parent.grad = gradient
            else:
                parent.grad += gradient


@wrong("backpropagate", calls="path by path")
def along_every_path(root, dy=None):
    for node in topological_order(root):
        node.grad = 0 * np.asarray(node.value, float)

    def walk(node, gradient):
        node.grad = node.grad + gradient
        if node.parents:
            for parent, part in zip(node.parents, node.local(gradient), strict=True):
                walk(parent, part)

    walk(root, np.ones_like(root.value) if dy is None else dy)


@wrong("backpropagate", sizes="a single number")
def starts_with_a_one(root, dy=None):
    order = topological_order(root)
    for node in order:
        node.grad = None
    root.grad = np.array(1.0 if dy is None else dy)
    for node in reversed(order):
        if node.local is not None:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient if parent.grad is None else parent.grad + gradient


@wrong("backpropagate", grads="dy ignored")
def always_ones(root, dy=None):
    order = topological_order(root)
    for node in order:
        node.grad = None
    root.grad = np.ones(root.value.shape)
    while order:
        node = order.pop()
        if node.local is not None:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient if parent.grad is None else parent.grad + gradient


# ---------------------------------------------------------------- no_grad


@right("no_grad")
@contextmanager
def a_generator():
    before, Node.recording = Node.recording, False
    try:
        yield
    finally:
        Node.recording = before


@right("no_grad")
class KeepsAStack:
    def __init__(self):
        self.stack = []

    def __enter__(self):
        self.stack.append(Node.recording)
        Node.recording = False
        return self

    def __exit__(self, kind, error, traceback):
        Node.recording = self.stack.pop()
        return False


@wrong("no_grad", inside="back to True")
class AlwaysOnAgain:
    def __enter__(self):
        Node.recording = False

    def __exit__(self, *error):
        Node.recording = True


@wrong("no_grad", behind="not after an error")
@contextmanager
def without_finally():
    before, Node.recording = Node.recording, False
    yield
    Node.recording = before


@wrong("no_grad", inside="switched when made", behind="switched when made")
class OffFromTheStart:
    def __init__(self):
        self.was = Node.recording
        Node.recording = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        Node.recording = self.was


@wrong("no_grad", error="error swallowed")
class AllIsWell:
    def __enter__(self):
        self.was = Node.recording
        Node.recording = False

    def __exit__(self, *error):
        Node.recording = self.was
        return True


# ---------------------------------------------------------------- as learners write them who call themselves


@wrong("topological_order", before="on entering")
def a_stack_turned_around(root):
    order, todo = [], [root]
    while todo:
        node = todo.pop()
        if node not in order:
            order.append(node)
            todo.extend(node.parents)
    return list(reversed(order))


@wrong("topological_order", times="one parent alone")
def back_along_the_first_parents(root):
    order, node = [root], root
    while node.parents:
        node = node.parents[0]
        order.append(node)
    return order[::-1]


@wrong("backpropagate", grads="overwritten at fan-out", calls="path by path")
def sets_and_calls_itself(root, dy=None):
    if dy is None:
        dy = np.ones_like(root.value)
    root.grad = dy
    if root.local:
        for parent, gradient in zip(root.parents, root.local(dy), strict=True):
            sets_and_calls_itself(parent, gradient)


@wrong("backpropagate", grads="kept from the last walk", calls="path by path")
def adds_and_calls_itself(root, dy=None):
    if dy is None:
        dy = np.ones_like(root.value)
    root.grad = dy if root.grad is None else root.grad + dy
    if root.local:
        for parent, gradient in zip(root.parents, root.local(dy), strict=True):
            adds_and_calls_itself(parent, gradient)


@wrong("backpropagate", grads="handed on twice", calls="path by path")
def hands_on_its_whole_grad(root, dy=None):
    if dy is None:
        dy = np.ones_like(root.value)
    root.grad = dy if root.grad is None else root.grad + dy
    if root.local:
        for parent, gradient in zip(root.parents, root.local(root.grad), strict=True):
            hands_on_its_whole_grad(parent, gradient)


@wrong("backpropagate", grads="seed is the value")
def starts_with_the_value(root, dy=None):
    order = topological_order(root)
    for node in order:
        node.grad = None
    root.grad = root.value.copy() if dy is None else dy
    for node in reversed(order):
        if node.local:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient if parent.grad is None else parent.grad + gradient


@wrong("backpropagate", grads="the root's gradient everywhere")
def hands_dy_to_every_local(root, dy=None):
    dy = np.ones_like(root.value) if dy is None else dy
    order = topological_order(root)
    for node in order:
        node.grad = None
    root.grad = dy
    for node in order[::-1]:
        if node.local:
            for parent, gradient in zip(node.parents, node.local(dy), strict=True):
                parent.grad = gradient if parent.grad is None else parent.grad + gradient


@wrong("backpropagate", grads="leaves alone")
def frees_what_is_on_the_way(root, dy=None):
    order = topological_order(root)
    for node in order:
        node.grad = None
    root.grad = np.ones_like(root.value) if dy is None else dy
    for node in reversed(order):
        if node.local:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient if parent.grad is None else parent.grad + gradient
            node.grad = None


@wrong("no_grad", behind="one memory for all blocks")
class remembers_on_the_class:  # noqa: N801
    was = True

    def __enter__(self):
        remembers_on_the_class.was = Node.recording
        Node.recording = False

    def __exit__(self, *error):
        Node.recording = remembers_on_the_class.was
