"""The 1D convolution as a matrix: how it is filled, turned over, and read by columns and by rows; and its stamps."""

import numpy as np

from course_lib.frames.one_dimension import Line, _arrays, _line
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, mark
from course_lib.looks import GRADIENT, INPUT, KERNEL, OUTPUT, UPSTREAM, amount, bracketed

_BETWEEN = 1.7


def _banded(line, w):
    """T, of shape (outputs, padded inputs): row j holds w from its window on."""
    T = np.zeros((line.m, line.n + 2 * line.padding))
    for j in range(line.m):
        T[j, line.window(j)] = w
    return T


def _column(line):
    """How an array along the inputs stands upright: counted by one index, where no padding is left out."""
    return {"pad": (line.padding, 0), "folded": 0 if line.padding else line.n}


def _row_of(matrix, row):
    width = matrix.shape[1]
    return list(range(row * width, (row + 1) * width))


@animation
def conv1d_as_matrix(x, w, stride=1, padding=0):
    """The story of y = T x: x (n,), w (k,) -> y (m,). Row j of T holds w, shifted to window j.

    Its grids are T, and w, x and y as columns.
    """
    x, w = _arrays(x=x, w=w)
    line = Line(len(x), len(w), stride, padding)
    xp = np.pad(x, line.padding)
    T = _banded(line, w)
    rows, columns = T.shape
    middle = (columns - rows) / 2
    grids = by_key(
        Grid("w", KERNEL, w[None], (0, middle - 2.2)),
        Grid("T", KERNEL, np.zeros(T.shape), (0, middle), collects=True),
        Grid("x", INPUT, xp[:, None], (columns + _BETWEEN, 0), **_column(line)),
        Grid(
            "y",
            OUTPUT,
            np.zeros((rows, 1)),
            (columns + 2 * _BETWEEN + 1, middle),
            folded=rows,
            collects=True,
            empty=True,
        ),
    )
    steps = [Step("T will have a row for each output and a column for each input. At first, all of it is 0.")]
    for j in range(rows):
        window = line.window(j)
        filled = [j * columns + i for i in window]
        value = float(T[j] @ xp)
        steps.append(
            Step(
                f"Row {j} of T holds the kernel, laid on window {j}, and zeros elsewhere.",
                f"{mark('T', f'T[{j}, {window[0]}:{window[-1] + 1}]')} = {mark('w', 'w')}",
                flows=(Flow("T", filled, (("w", list(range(line.k))),)),),
                looks={"T": _row_of(T, j)},
                moves={"w": (window[0], middle - 2.2)},
            )
        )
        products = " + ".join(
            f"{mark('T', bracketed(w[t]))}·{mark('x', bracketed(xp[i]))}" for t, i in enumerate(window)
        )
        steps.append(
            Step(
                f"Row {j} times x is y[{j}]: every weight meets the input of its column.",
                f"{mark('y', f'y[{j}]')} = {products} = {mark('y', amount(value))}",
                flows=(Flow("y", [j] * line.k, (("x", window), ("T", filled)), amounts=(w * xp[window]).tolist()),),
                looks={"T": _row_of(T, j)},
            )
        )
    steps.append(Step("T is complete: the same weights in every row, each time further to the right."))
    return Story(f"As a matrix: y = T x{line.title()}", grids, steps)


@animation
def conv1d_transposed_matrix(dy, x, w, stride=1, padding=0, by="columns"):
    """The story of dx = Tᵀ dy: dy (m,), x (n,), w (k,) -> dx (n,), with padding. Of x only the length matters.

    by    "columns" multiplies each column of Tᵀ by its dy, which is scatter; "rows" sums along each row: gather
    """
    if by not in ("columns", "rows"):
        raise ValueError(f"by must be 'columns' or 'rows', but is {by!r}")
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    line = _line(dy, x, w, stride, padding)
    T = _banded(line, w)
    m, n = T.shape
    right = n + _BETWEEN
    grids = by_key(
        Grid("T", KERNEL, T, (0, (n - m) / 2)),
        Grid("Tᵀ", KERNEL, np.zeros((n, m)), (right, 0), collects=True),
        Grid("dy", UPSTREAM, dy[:, None], (right + m + _BETWEEN, (n - m) / 2), folded=m),
        Grid("dx", GRADIENT, np.zeros((n, 1)), (right + m + 2 * _BETWEEN + 1, 0), collects=True, **_column(line)),
    )
    steps = [Step("T made y = T x. On the way back its rows become columns.")]
    for j in range(m):
        row, column = _row_of(T, j), [i * m + j for i in range(n)]
        steps.append(
            Step(
                f"Row {j} of T becomes column {j} of Tᵀ.",
                f"{mark('Tᵀ', f'Tᵀ[:, {j}]')} = {mark('T', f'T[{j}, :]')}",
                flows=(Flow("Tᵀ", column, (("T", row),)),),
            )
        )
    steps += _by_columns(line, T, dy) if by == "columns" else _by_rows(line, T, dy)
    ending = "column by column is scatter" if by == "columns" else "row by row is gather"
    steps.append(Step(f"dx is complete: Tᵀ dy, {ending}."))
    name = "by columns, as scatter" if by == "columns" else "by rows, as gather"
    return Story(f"Transposed: dx = Tᵀ dy, {name}{line.title()}", grids, steps)


def _by_columns(line, T, dy):
    m = len(T)
    for j in range(m):
        window = line.window(j)
        yield Step(
            f"Column {j} holds the kernel as it stands. Times dy[{j}] = {amount(dy[j])}, it is added to dx.",
            f"{mark('dx', 'dx')} += {mark('Tᵀ', f'Tᵀ[:, {j}]')} · {mark('dy', f'dy[{j}]')}",
            flows=(_paid(window, [j] * len(window), T, dy),),
            looks={"Tᵀ": [i * m + j for i in range(T.shape[1])]},
        )


def _by_rows(line, T, dy):
    m, n = T.shape
    for i in range(n):
        met = [j for j in range(m) if i in line.window(j)]
        turned = ", turned round" if len(met) > 1 else ""
        weights = ", ".join(amount(T[j, i]) for j in met)
        yield Step(
            f"Row {i} holds what input {i} met{turned}: {weights}. Times dy, it sums to dx."
            if met
            else f"Row {i} is zeros: no window held this input, and its gradient is 0.",
            f"{mark('dx', f'dx[{i - line.padding}]')} = {mark('Tᵀ', f'Tᵀ[{i}, :]')} · {mark('dy', 'dy')}",
            flows=(_paid([i] * len(met), met, T, dy),) if met else (),
            looks={"Tᵀ": _row_of(T.T, i)},
        )


def _paid(inputs, outputs, T, dy):
    """The products of dy and Tᵀ that are added to some inputs, one from each of some outputs."""
    cells = [i * len(T) + j for i, j in zip(inputs, outputs, strict=True)]
    same = outputs[0] if len(set(outputs)) == 1 and len(outputs) > 1 else outputs
    return Flow("dx", inputs, (("dy", same), ("Tᵀ", cells)), amounts=(dy[outputs] * T[outputs, inputs]).tolist())


@animation
def conv1d_stamps(dy, x, w, stride=1, padding=0):
    """The story of the stamps and their sum: dy (m,), x (n,), w (k,) -> dx (n,). Of x only the length matters.

    Row j of the grid of stamps is dy[j] · w on its window; dx adds up the columns.
    """
    dy, x, w = _arrays(dy=dy, x=x, w=w)
    line = _line(dy, x, w, stride, padding)
    n = line.n + 2 * line.padding
    grids = by_key(
        Grid("w", KERNEL, w[None], (_BETWEEN + 1, -2.4)),
        Grid("dy", UPSTREAM, dy[:, None], (0, 0), folded=line.m),
        Grid("stamps", GRADIENT, np.zeros((line.m, n)), (_BETWEEN + 1, 0), collects=True, empty=True),
        Grid(
            "dx", GRADIENT, np.zeros((1, n)), (_BETWEEN + 1, line.m + 1.7), pad=(0, line.padding), ndim=1,
            collects=True, empty=True,
        ),
    )  # fmt: skip
    steps = [Step("Every output has a row for its stamp. At the end, the columns will be added up.")]
    for j in range(line.m):
        window = line.window(j)
        steps.append(
            Step(
                f"dy[{j}] = {amount(dy[j])} stamps the kernel, times itself, on its own window.",
                f"{mark('stamps', f'stamps[{j}, {window[0]}:{window[-1] + 1}]')} = "
                f"{mark('dy', f'dy[{j}]')} · {mark('w', 'w')}",
                flows=(Flow("stamps", [j * n + i for i in window], (("dy", j), ("w", list(range(line.k))))),),
                moves={"w": (_BETWEEN + 1 + window[0], -2.4)},
            )
        )
    for i in range(n):
        met = [j for j in range(line.m) if i in line.window(j)]
        values = [float(dy[j] * w[i - j * line.stride]) for j in met]
        cell = f"dx[{i - line.padding}]" if not grids["dx"].is_filler(i) else "pad"
        steps.append(
            Step(
                f"Column {i}: {_stamped(len(met))}.",
                f"{mark('dx', cell)} = {' + '.join(map(bracketed, values)) or '0'} = {mark('dx', amount(sum(values)))}",
                flows=(_added(i, [j * n + i for j in met], values),),
            )
        )
    steps.append(Step("dx is the sum of the stamps. Scatter wrote the rows; gather adds up the columns."))
    return Story(f"Stamps, and their sum: dx{line.title()}", grids, steps)


def _added(i, stamps, values):
    """What a column of stamps adds to its input; where nobody stamped, 0 is written."""
    if not stamps:
        return Flow("dx", [i], (), amounts=[0.0])
    return Flow("dx", [i] * len(stamps), (("stamps", stamps),), amounts=values)


def _stamped(count):
    return "nobody stamped here" if not count else "one stamp reaches it" if count == 1 else f"{count} stamps overlap"
