"""The tape, walked back: in which order, and what every node collects."""

import re

import numpy as np

from course_lib import tape
from course_lib.exercises.engine.exercise import Exercise, Mistake, WrongAnswer
from course_lib.exercises.engine.question import Small
from course_lib.exercises.engine.running import CannotBeJudgedError
from course_lib.exercises.lessons.shared import drawn
from course_lib.tape import Node, topological_order

LESSON = "B_tape"

_NAMES = "abcdefghij"
LONG = 5000  # nodes in a row: five times as many as Python's calls may stand inside one another


def made(graph, factors=None, value=0.0, calls=None):
    """graph, such as "a, b(a), c(b, a)": c was made of b and a, b of a -> the Nodes, of which the last is the root.

    A node hands on dy times its factor, to its second parent times that factor squared, and so on; dy itself for 1.
    calls (n,) counts how often each node's way back is gone.
    """
    nodes = {}
    for i, (name, of) in enumerate(_WRITTEN.findall(graph)):
        node = nodes[name] = Node(np.array(value, float), name)
        if of:
            node.parents = tuple(nodes[parent] for parent in of.split(", "))
            node.local = _way_back(i, [1.0 if factors is None else factors[i]] * len(node.parents), calls)
    return list(nodes.values())


def _way_back(number, factors, calls):
    def local(dy):
        if calls is not None:
            calls[number] += 1
        return [dy if factor == 1 else dy * factor**place for place, factor in enumerate(factors, 1)]

    return local


def chain(length):
    """The last of so many nodes in a row."""
    node = Node(np.zeros(()))
    for _ in range(length):
        parent, node = node, Node(np.zeros(()))
        node.parents, node.local = (parent,), lambda dy: [dy]
    return node


_WRITTEN = re.compile(r"(\w)(?:\(([^)]*)\))?")

CHAIN = "a, b(a), c(b), d(c)"
SKIP = "a, b(a), c(b), d(c, a)"  # a block with a shortcut around it
UNUSED = "a, b(a), c(a), d(b), e(b, a), f(e, b)"  # c and d lead nowhere
DIAMONDS = "a, b(a), c(a), d(b, c), e(d), f(d), g(f, e, a)"
LADDER = "a, b(a), c(b), d(a, c), e(d, b), f(c, e)"
ALONE = "a"


def _random_graph(rng, n, share=0.45):
    """Every node but the first has a parent, the last one made mostly first; of more parents chance decides."""
    found = ["a"]
    for i in range(1, n):
        numbers = {int(rng.integers(i)), *np.flatnonzero(rng.random(i) < share).tolist()}
        of = sorted((_NAMES[number] for number in numbers), reverse=bool(rng.random() < 0.7))
        found.append(f"{_NAMES[i]}({', '.join(of)})")
    return ", ".join(found)


# ---------------------------------------------------------------- topological_order

PLACED = ("times", "before")

NO_LIST = "`topological_order` returns a list of the nodes themselves, but yours is {what}."
STRANGER = "The list holds something of type {what}, and nodes alone are expected."
OF_ANOTHER_CALL = (
    "The list holds a node that the root was not made of. Does it keep nodes of an earlier call? "
    "A default argument `[]` is made once, for all calls together: begin each call with a new list."
)


def placed(f, graph):
    """Have f put the nodes in order. Returns how often each came, and for each 1 unless it came before a parent."""
    nodes = made(graph)
    found = f(nodes[-1])
    if found is None:
        return None
    if not isinstance(found, (list, tuple, np.ndarray)):
        raise CannotBeJudgedError(NO_LIST.format(what=f"a {type(found).__name__}"))
    order = list(found)
    for one in order:
        if not isinstance(one, Node):
            raise CannotBeJudgedError(STRANGER.format(what=type(one).__name__))
        if one not in nodes:
            raise CannotBeJudgedError(OF_ANOTHER_CALL)
    times = np.array([float(order.count(node)) for node in nodes])
    late = [any(_comes_before(order, node, parent) for parent in node.parents) for node in nodes]
    return times, 1 - np.array(late, float)


def _comes_before(order, node, parent):
    return node in order and parent in order and order.index(node) < order.index(parent)


def _every_path(root):
    return [node for parent in root.parents for node in _every_path(parent)] + [root]


def _on_entering(root, done=None):
    done = {root} if done is None else done
    found = [root]
    for parent in root.parents:
        if parent not in done:
            done.add(parent)
            found += _on_entering(parent, done)
    return found


def _last_in_first_out(root):
    """On entering, too: what is still to do is a list, of which the last node comes first."""
    found, todo = [], [root]
    while todo:
        node = todo.pop()
        if node not in found:
            found.append(node)
            todo += node.parents
    return found


def _first_parents_alone(root):
    return [node for parent in root.parents[:1] for node in _first_parents_alone(parent)] + [root]


def _row_by_row(root):
    found = [root]
    for node in found:
        found += [parent for parent in dict.fromkeys(node.parents) if parent not in found]
    return found


PATHS = (
    "A node stands in the list once for every path that leads to it. It is to stand there once: remember which nodes "
    "are in the list already."
)
NO_ROOT = "The root is missing. The walk back starts with it, so it is the last of the list."
NO_LEAVES = "The nodes without parents are missing: the parameters and the image, for whose gradients all this is done."
NEAREST = "Only the root and its own parents are in the list. Their parents have parents, too."
ONE_PARENT = "Only one parent of each node is followed. A node can have several, and the root was made of them all."
CHILDREN_FIRST = (
    "The list begins with the root: children stand before their parents. Asked for is the order of the forward pass."
)
BY_ROWS = (
    "Nodes are ordered by how few steps they are away from the root. A node with a short way and a long one then comes "
    "too late: all of its uses must come behind it. Put a node into the list when all of its parents are."
)
ENTERED = (
    "A node is put into the list when the walk first meets it. Another path may still lead to one of its parents or "
    "children: put it there when all of its parents are done, on leaving it."
)
DEEP = (
    "It is right, but it fails for 5000 nodes in a row: Python stops at about 1000 calls inside one another. "
    "A list of what is still to do, in place of calls, has no such limit."
)


def _places(tensor, *functions):
    return tuple(WrongAnswer(placed, f, PLACED.index(tensor)) for f in functions)


TOPOLOGICAL_ORDER = Exercise(
    answer=tape.topological_order,
    task=(
        "Write `topological_order(root)`: a list of the root and of all nodes that it was made of, reached by "
        "`.parents`. Each stands there once, and behind all of its parents. (There are several such orders. Each is "
        "right.)"
    ),
    difficulty="medium",
    minutes=12,
    hints=(
        "Which node can be written down at once, whatever the rest of the graph looks like? And which one next?",
        "Ask for a node only: *are all of its parents in the list?* If not, they come first, by the same rule. "
        "A set of the nodes that are done keeps you from writing one down twice.",
        "An inner function `visit(node)` does it: return if the node is done; else note it, visit each of its parents, "
        "and only then append it. Call `visit(root)`.",
    ),
    next_idea="Write it without recursion, with a list of the nodes that are still to do.",
    cases=lambda rng: [{"graph": one} for one in (DIAMONDS, SKIP, UNUSED, LADDER, CHAIN, _random_graph(rng, 8))],
    further=lambda rng: (
        [{"graph": ALONE}] + [{"graph": _random_graph(rng, int(rng.integers(2, 8)))} for _ in range(drawn.COUNT - 1)]
    ),
    small=Small({"n": (1, 2, 3, 4, 5), "seed": tuple(range(12))}, lambda numbers, n, seed: _drawn(n, seed)),
    probe={"graph": SKIP},
    run=placed,
    tensors=PLACED,
    mistakes={
        "times": (
            Mistake("once for every path", PATHS, _places("times", _every_path)),
            Mistake("root missing", NO_ROOT, _places("times", lambda root: topological_order(root)[:-1])),
            Mistake(
                "leaves missing",
                NO_LEAVES,
                _places("times", lambda root: [node for node in topological_order(root) if node.parents]),
            ),
            Mistake("one parent alone", ONE_PARENT, _places("times", _first_parents_alone)),
            Mistake("nearest only", NEAREST, _places("times", lambda root: [*dict.fromkeys(root.parents), root])),
        ),
        "before": (
            Mistake(
                "children first",
                CHILDREN_FIRST,
                _places(
                    "before", lambda root: topological_order(root)[::-1], _on_entering, _last_in_first_out, _row_by_row
                ),
            ),
            Mistake("by steps from the root", BY_ROWS, _places("before", lambda root: _row_by_row(root)[::-1])),
            Mistake(
                "on entering",
                ENTERED,
                _places("before", lambda root: _on_entering(root)[::-1], lambda root: _last_in_first_out(root)[::-1]),
            ),
        ),
    },
    extras={DEEP: lambda f: len(f(chain(LONG))) == LONG + 1},
)


def _drawn(n, seed):
    return {"graph": _random_graph(np.random.default_rng(seed), n)}


# ---------------------------------------------------------------- backpropagate

ONCE = "backpropagate"
AGAIN = "backpropagate, and then once more"
WALKS = ONCE, AGAIN

COLLECTED = ("grads", "sizes", "calls")


def collected(f, graph, factors, value, dy, then):
    """Have f walk back from the last node, or twice. Returns what came to each node: the gradients, how many numbers
    they are, and how often its way back was gone in the last walk."""
    calls = np.zeros(len(factors))
    nodes = made(graph, factors, value, calls)
    given = None if dy is None else dy.copy()
    if then == AGAIN:
        f(nodes[-1], given)
        calls[:] = 0
    f(nodes[-1], given)
    grads = [node.grad for node in nodes]
    if all(grad is None for grad in grads):
        return None
    grads = [np.zeros(value.shape) if grad is None else np.asarray(grad, float) for grad in grads]
    sizes = np.array([float(grad.size) for grad in grads])
    try:
        return np.array([np.broadcast_to(grad, value.shape) for grad in grads]), sizes, calls
    except ValueError:
        shapes = ", ".join(sorted({str(grad.shape) for grad in grads}))
        raise CannotBeJudgedError(f"Values have the shape {value.shape}, but gradients {shapes}.") from None


def walking(seed=None, fresh=True, add=None, order=None, hand=None, upstream=None):
    """A backpropagate of which these parts are replaced."""

    def wrong(root, dy=None):
        nodes = order(root) if order else topological_order(root)
        if fresh:
            for node in nodes:
                node.grad = None
        first = np.ones_like(root.value) if dy is None else dy
        root.grad = seed(root, dy) if seed else first
        for node in reversed(nodes):
            if node.local is None or node.grad is None:
                continue
            dy_of_node = upstream(node, root) if upstream else node.grad
            pairs = list(zip(node.parents, node.local(dy_of_node), strict=True))
            for parent, gradient in hand(pairs) if hand else pairs:
                if parent.grad is None:
                    parent.grad = gradient
                else:
                    parent.grad = add(parent.grad, gradient) if add else parent.grad + gradient

    return wrong


def _in_place(total, gradient):
    total += gradient
    return total


def _path_by_path(root, dy=None):
    for node in topological_order(root):
        node.grad = None
    _without_forgetting(root, dy)


def _without_forgetting(root, dy=None):
    _hand_back(root, np.ones_like(root.value) if dy is None else dy, lambda total, new: total + new)


def _overwriting(root, dy=None):
    _hand_back(root, np.ones_like(root.value) if dy is None else dy, lambda total, new: new)


def _hand_back(node, dy, add):
    node.grad = dy if node.grad is None else add(node.grad, dy)
    if node.local is not None:
        for parent, gradient in zip(node.parents, node.local(dy), strict=True):
            _hand_back(parent, gradient, add)


def _all_that_came(root, dy=None):
    """Calls itself for each parent, and hands on all that has come to a node: also what came in an earlier walk."""
    dy = np.ones_like(root.value) if dy is None else dy
    root.grad = dy if root.grad is None else root.grad + dy
    if root.local is not None:
        for parent, gradient in zip(root.parents, root.local(root.grad), strict=True):
            _all_that_came(parent, gradient)


def _in_the_order_of_coming(root, dy=None):
    for node in topological_order(root):
        node.grad = None
    root.grad = np.ones_like(root.value) if dy is None else dy
    todo = [root]
    for node in todo:
        if node.local is not None:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient if parent.grad is None else parent.grad + gradient
                todo.append(parent)


def _hand_on_all(root, dy=None):
    for node in topological_order(root):
        node.grad = None
    root.grad = np.ones_like(root.value) if dy is None else dy

    def go_on(node):
        if node.local is not None:
            for parent, gradient in zip(node.parents, node.local(node.grad), strict=True):
                parent.grad = gradient if parent.grad is None else parent.grad + gradient
                go_on(parent)

    go_on(root)


def _first_before(root, order=None):
    """A topological order too, as a function that calls itself finds it: a node's first parent before its second."""
    order = [] if order is None else order
    for parent in root.parents:
        if parent not in order:
            _first_before(parent, order)
    order.append(root)
    return order


def _walks(tensor, *functions):
    return tuple(WrongAnswer(collected, f, COLLECTED.index(tensor)) for f in functions)


OVERWRITTEN = "Where a node was used twice, one gradient replaces the other. A node collects from all of its uses: add."
FIRST_USE = (
    "Where a node was used twice, the first gradient stays and the other is lost. "
    "A node collects from all of its uses: add."
)
KEPT = (
    "The gradients of the last walk are still in the sum. A walk starts from nothing: every node that it reaches "
    "forgets its old gradient first."
)
IN_PLACE = (
    "Some gradients change after they have been handed on. A sum gives the *same array* to both of its parents, and "
    "`+=` writes into it. `a = a + b` makes a new array."
)
ONES_ALWAYS = "The `dy` that was given is not used: the walk starts with it, and with ones only where it is None."
ONE_NUMBER = (
    "The walk starts with a single number. A gradient is shaped like its value, that of the root, too: "
    "`np.ones_like(root.value)`."
)
ZEROS = "The walk starts with zeros, so nothing comes back. With no `dy`, the root's gradient is 1 for each number."
VALUE_SEED = "The walk starts with the root's value. The derivative of the root in itself is 1, whatever its value is."
ENTRY_ORDER = (
    "A node hands on before all of its uses have reported. The walk goes through the topological order from its end."
)
FIRST_PARENT = "Only one parent of a node gets its gradient. `local` returns one for each of them."
EXCHANGED = "Gradients go to the wrong parents: the first of `local(dy)` belongs to the first of `.parents`."
EVERY_PATH = (
    "The way back of a node is gone once for each path that leads to it: after 30 doublings in a row, that would be a "
    "thousand million times. Let a node collect everything first, and go back through it once."
)
HANDED_TWICE = (
    "What had come to a node is handed on again whenever more comes. Let it collect everything first, and go back "
    "through it once: that is what the order is for."
)
ROOT_GRAD = "The root has no gradient: it stays in a variable. `root.grad` is where the walk starts."


ROOTS_DY = "Every node hands on the root's gradient. What goes through a node is what has come to it: its own `.grad`."
LEAVES_ALONE = (
    "Only nodes without parents keep a gradient, as in PyTorch. Here every node on the way has one after the walk."
)


def _of_the_root(node, root):
    return root.grad


def _forget_on_the_way(root, dy=None):
    tape.backpropagate(root, dy)
    for node in topological_order(root):
        node.grad = None if node.parents else node.grad


def _forget_between(root, dy=None):
    dy_of_root = np.ones_like(root.value) if dy is None else dy
    _forget_on_the_way(root, dy)
    root.grad = dy_of_root


def _forget_root(root, dy=None):
    tape.backpropagate(root, dy)
    root.grad = None


BACKPROPAGATE = Exercise(
    answer=tape.backpropagate,
    task=(
        "Write `backpropagate(root, dy=None)`. It walks back from `root` and gives every node on the way a new "
        "`.grad`, shaped like its `.value`; what was there before is forgotten. `dy` is the gradient of the root: "
        "ones if it is None. It returns nothing."
    ),
    difficulty="medium",
    minutes=13,
    hints=(
        "When a node's turn comes, everything that it was used for has reported. In which order must you go?",
        "First let all nodes of the order forget. Then start at the root. For each node from the end: "
        "ask `local` for the gradients of its parents, and bring each to its parent, where there may be one already.",
        "Two loops, one inside the other: `for node in reversed(order)`, and over "
        "`zip(node.parents, node.local(node.grad))`. Nodes whose `local` is None have nobody to report to. "
        "Set the parent's gradient where it is None, else replace it by the sum, without `+=`.",
    ),
    next_idea="Let go of a node's gradient as soon as it has been handed on, unless the node has no parents.",
    cases=lambda rng: [
        _walk_case(rng, *one)
        for one in (
            (LADDER, None, (2, 3), True, ONCE),
            (SKIP, 2.0, (2, 2), False, ONCE),
            (DIAMONDS, 1.5, (3,), True, AGAIN),
            (UNUSED, None, (2, 3), False, AGAIN),
            (LADDER, -0.5, (1, 4), True, ONCE),
            (_random_graph(rng, 7), 0.7, (2, 1, 2), True, ONCE),
        )
    ],
    further=drawn.small(lambda rng, values: _drawn_walk(rng, values)),
    small=Small(
        {"W": (1, 2), "n": (1, 2, 3, 4, 5), "seed": tuple(range(8)), "given": (True, False), "then": WALKS},
        lambda numbers, W, n, seed, given, then: {
            **_drawn(n, seed),
            "factors": np.where(numbers(n) % 2 == 0, 1.0, 2.0),
            "value": numbers(W),
            "dy": numbers(W) if given else None,
            "then": then,
        },
    ),
    probe={
        "graph": SKIP,
        "factors": np.array([1.0, 1, 2, 3]),
        "value": np.array([5.0, 7]),
        "dy": np.array([1.0, 3]),
        "then": ONCE,
    },
    run=collected,
    tensors=COLLECTED,
    mistakes={
        "grads": (
            Mistake(
                "overwritten at fan-out",
                OVERWRITTEN,
                _walks(
                    "grads",
                    *(walking(add=lambda total, new: new, order=order) for order in (None, _first_before)),
                    _overwriting,
                ),
            ),
            Mistake(
                "first use alone",
                FIRST_USE,
                _walks(
                    "grads", *(walking(add=lambda total, new: total, order=order) for order in (None, _first_before))
                ),
            ),
            Mistake("kept from the last walk", KEPT, _walks("grads", walking(fresh=False), _without_forgetting)),
            Mistake("added in place", IN_PLACE, _walks("grads", walking(add=_in_place))),
            Mistake(
                "dy ignored", ONES_ALWAYS, _walks("grads", walking(seed=lambda root, dy: np.ones_like(root.value)))
            ),
            Mistake(
                "seed of zeros",
                ZEROS,
                _walks(
                    "grads",
                    walking(seed=lambda root, dy: 0 * root.value),
                    walking(seed=lambda root, dy: 0 * root.value if dy is None else dy),
                ),
            ),
            Mistake(
                "seed is the value",
                VALUE_SEED,
                _walks(
                    "grads",
                    walking(seed=lambda root, dy: root.value),
                    walking(seed=lambda root, dy: root.value if dy is None else dy),
                ),
            ),
            Mistake("the root's gradient everywhere", ROOTS_DY, _walks("grads", walking(upstream=_of_the_root))),
            Mistake("leaves alone", LEAVES_ALONE, _walks("grads", _forget_on_the_way, _forget_between)),
            Mistake(
                "not in topological order",
                ENTRY_ORDER,
                _walks(
                    "grads",
                    walking(order=lambda root: _row_by_row(root)[::-1]),
                    walking(order=lambda root: _on_entering(root)[::-1]),
                    walking(order=lambda root: topological_order(root)[::-1]),
                ),
            ),
            Mistake("one parent alone", FIRST_PARENT, _walks("grads", walking(hand=lambda pairs: pairs[:1]))),
            Mistake(
                "handed on twice",
                HANDED_TWICE,
                _walks("grads", _hand_on_all, _all_that_came, _in_the_order_of_coming),
            ),
            Mistake("root has none", ROOT_GRAD, _walks("grads", _forget_root)),
            Mistake(
                "exchanged",
                EXCHANGED,
                _walks(
                    "grads",
                    walking(
                        hand=lambda pairs: [
                            (parent, gradient) for (parent, _), (_, gradient) in zip(pairs, pairs[::-1], strict=True)
                        ]
                    ),
                ),
            ),
        ),
        "sizes": (
            Mistake(
                "a single number",
                ONE_NUMBER,
                _walks("sizes", walking(seed=lambda root, dy: np.array(1.0) if dy is None else dy)),
            ),
        ),
        "calls": (Mistake("path by path", EVERY_PATH, _walks("calls", _path_by_path)),),
    },
)


def _walk_case(rng, graph, factor, shape, given, then):
    n = len(_WRITTEN.findall(graph))
    factors = np.ones(n) if factor is None else factor * rng.uniform(0.5, 1.5, n)
    dy = rng.standard_normal(shape) if given else None
    return {"graph": graph, "factors": factors, "value": rng.standard_normal(shape), "dy": dy, "then": then}


def _drawn_walk(rng, values):
    shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(1, 3)))
    n = int(rng.integers(1, 7))
    graph = _random_graph(rng, n)
    dy = values(shape) if rng.random() < 0.8 else None
    factors = rng.choice([1.0, 1, 2, -3], n)
    return {
        "graph": graph, "factors": factors, "value": values(shape), "dy": dy, "then": WALKS[int(rng.integers(2))]
    }  # fmt: skip


EXERCISES = (TOPOLOGICAL_ORDER, BACKPROPAGATE)
PREDICTIONS = ()
