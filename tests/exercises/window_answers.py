"""Answers to the labs on columns, pooling and layers, as learners write them."""

import numpy as np
from wrong_answers import wrong

from course_lib import functional as F
from course_lib import init
from course_lib.layers import Module, Parameter

# ---------------------------------------------------------------- layers


class Convolution(Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, *, rng=None):
        shape = out_channels, in_channels, kernel_size, kernel_size
        self.weight = Parameter(init.he_normal(shape, rng or np.random.default_rng()))
        self.bias = Parameter(np.zeros(out_channels, np.float32))
        self.stride, self.padding = stride, padding

    def forward(self, x):
        self.x = x
        return F.conv2d(x, self.weight.data, self.bias.data, self.stride, self.padding)

    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
        self.weight.grad += dw
        self.bias.grad += db
        return dx


CLEARED = "gradients cleared in forward"


@wrong("Conv2d", weight_grad=CLEARED, bias_grad=CLEARED)
class ClearsItsGradientsInForward(Convolution):
    def forward(self, x):
        self.zero_grad()
        return super().forward(x)


@wrong("Linear", weight_grad=CLEARED, bias_grad=CLEARED)
class StartsFromZerosInForward(Module):
    def __init__(self, in_features, out_features, *, rng=None):
        self.weight = Parameter(init.he_normal((out_features, in_features), rng or np.random.default_rng()))
        self.bias = Parameter(np.zeros(out_features, np.float32))

    def forward(self, x):
        self.x = x
        self.weight.grad = np.zeros(self.weight.data.shape)
        self.bias.grad = np.zeros(self.bias.data.shape)
        return x @ self.weight.data.T + self.bias.data

    def backward(self, dy):
        self.weight.grad += dy.T @ self.x
        self.bias.grad += dy.sum(axis=0)
        return dy @ self.weight.data


@wrong("Conv2d", dx="stride or padding not used in backward")
class PadsAsItLikes(Convolution):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, *, rng=None):
        super().__init__(in_channels, out_channels, kernel_size, stride, kernel_size // 2, rng=rng)


@wrong("Conv2d", dx="a Parameter in place of an array")
class AddsToTheParameter(Convolution):
    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
        self.weight += dw
        self.bias += db
        return dx


@wrong("Conv2d", dx="a Parameter in place of an array")
class PassesTheParameter(Convolution):
    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight, self.stride, self.padding)
        self.weight.grad += dw
        self.bias.grad += db
        return dx


@wrong("Conv2d", dx="a Parameter in place of an array")
class AsksAParameterForItsShape(Convolution):
    def backward(self, dy):
        self.weight.grad = np.zeros(self.weight.shape)
        return super().backward(dy)


@wrong("Conv2d", dx="arrays that do not fit")
class UnpacksInAnotherOrder(Convolution):
    def backward(self, dy):
        dw, db, dx = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
        self.weight.grad += dw
        self.bias.grad += db
        return dx


@wrong("Conv2d", dx="None in place of x")
class LetsGoOfItsInput(Convolution):
    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, self.x, self.weight.data, self.stride, self.padding)
        self.weight.grad += dw
        self.bias.grad += db
        self.x = None
        return dx


@wrong("Conv2d", dx="taken out of the memory")
class PopsItsInput(Convolution):
    def forward(self, x):
        self.inputs = [x]
        return super().forward(x)

    def backward(self, dy):
        dx, dw, db = F.conv2d_backward(dy, self.inputs.pop(), self.weight.data, self.stride, self.padding)
        self.weight.grad += dw
        self.bias.grad += db
        return dx


# ---------------------------------------------------------------- three gradients as products: half repaired

OTHER_FOLD = "folded in another way"
MIXED = "dy reshaped without the transpose"


def products(dy, x, w, stride, padding, rows=None, weights=None, fold=()):
    N, C_out = dy.shape[:2]
    cols = F.im2col(x, w.shape[2:], stride, padding)
    rows = dy.reshape(N, C_out, -1) if rows is None else rows
    weights = w.reshape(C_out, -1) if weights is None else weights
    dw = (rows @ cols.transpose(0, 2, 1)).sum(axis=0).reshape(w.shape)
    dcols = weights.T @ rows
    dx = F.col2im(dcols, x.shape[2:], w.shape[2:], *fold)
    return dx, dw, rows.sum(axis=(0, 2))


def as_found(dy):
    return dy.reshape(dy.shape[1], len(dy), -1).swapaxes(0, 1)


def turned(w):
    return w[:, :, ::-1, ::-1].reshape(len(w), -1)


@wrong("conv2d_backward_gemm", dx=OTHER_FOLD)
def only_dy_mended(dy, x, w, stride=1, padding=0):
    return products(dy, x, w, stride, padding, weights=turned(w))


@wrong("conv2d_backward_gemm", dx=OTHER_FOLD, dw=MIXED, db=MIXED)
def only_the_kernel_mended(dy, x, w, stride=1, padding=0):
    return products(dy, x, w, stride, padding, rows=as_found(dy))


@wrong("conv2d_backward_gemm", dx=(MIXED, "kernel turned"), dw=MIXED, db=MIXED)
def only_the_fold_mended(dy, x, w, stride=1, padding=0):
    return products(dy, x, w, stride, padding, as_found(dy), turned(w), fold=(stride, padding))


@wrong("conv2d_backward_gemm", dx=OTHER_FOLD)
def all_but_the_fold_mended(dy, x, w, stride=1, padding=0):
    return products(dy, x, w, stride, padding)


@wrong("conv2d_backward_gemm", dx=OTHER_FOLD)
def folded_with_the_stride_alone(dy, x, w, stride=1, padding=0):
    return products(dy, x, w, stride, padding, fold=(stride,))


# ---------------------------------------------------------------- columns


def padded(x, padding, value=0.0):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=value)


def view(x, kernel_size, stride, padding):
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, padding), kernel_size, axis=(2, 3))
    return windows[:, :, ::stride, ::stride]


@wrong("im2col", cols="reshape without the transpose")
@wrong("im2col_fast", cols="reshape without the transpose")
def the_view_as_it_comes(x, kernel_size, stride=1, padding=0):
    windows = view(x, kernel_size, stride, padding)
    return windows.reshape(len(x), x.shape[1] * kernel_size[0] * kernel_size[1], -1)


@wrong("im2col_fast", cols="reshape without the transpose")
def slices_stacked_in_front(x, kernel_size, stride=1, padding=0):
    windows = view(x, kernel_size, stride, padding)
    slices = np.stack([windows[..., a, b] for a, b in np.ndindex(*kernel_size)])
    return slices.reshape(len(x), x.shape[1] * kernel_size[0] * kernel_size[1], -1)


@wrong("im2col_fast", cols="another layout")
def the_view_itself(x, kernel_size, stride=1, padding=0):
    return view(x, kernel_size, stride, padding)


def by_number(number, stop=None):
    def im2col(x, kernel_size, stride=1, padding=0):
        windows = view(x, kernel_size, stride, padding)
        N, _, H_out, W_out, *_ = windows.shape
        cols = np.zeros((N, x.shape[1] * kernel_size[0] * kernel_size[1], H_out * W_out))
        for i in range(stop or H_out):
            for j in range(W_out):
                cols[:, :, number(i, j, H_out, W_out)] = windows[:, :, i, j].reshape(N, -1)
        return cols

    return im2col


wrong("im2col", cols="windows by columns")(by_number(lambda i, j, H, W: i + j * W))
wrong("im2col", cols="H and W mixed up")(by_number(lambda i, j, H, W: i * H + j))
wrong("im2col", cols="column of several windows")(by_number(lambda i, j, H, W: i + j))
wrong("im2col", cols="only one row kept")(by_number(lambda i, j, H, W: i * W + j, stop=1))


@wrong("im2col_fast", cols="channels tiled")
def index_arrays_with_tile_for_repeat(x, kernel_size, stride=1, padding=0):
    (kH, kW), C = kernel_size, x.shape[1]
    H_out, W_out = ((n + 2 * padding - k) // stride + 1 for n, k in zip(x.shape[2:], kernel_size, strict=True))
    rows = np.tile(np.repeat(np.arange(kH), kW), C)[:, None] + stride * np.repeat(np.arange(H_out), W_out)
    columns = np.tile(np.arange(kW), kH * C)[:, None] + stride * np.tile(np.arange(W_out), H_out)
    return padded(x, padding)[:, np.tile(np.arange(C), kH * kW)[:, None], rows, columns]


@wrong("im2col", cols="padded in another way")
def edges_repeated(x, kernel_size, stride=1, padding=0):
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode="edge")
    return F.im2col(xp, kernel_size, stride)


@wrong("im2col", cols="wrong number of windows")
def starts_within_the_bare_image(x, kernel_size, stride=1, padding=0):
    xp, (kH, kW) = padded(x, padding), kernel_size
    tops, lefts = (range(0, n - k + 1, stride) for n, k in zip(x.shape[2:], kernel_size, strict=True))
    return np.stack([xp[:, :, i : i + kH, j : j + kW].reshape(len(x), -1) for i in tops for j in lefts], axis=2)


@wrong("im2col_fast", cols="stride between the cells")
def stride_of_the_cells(x, kernel_size, stride=1, padding=0):
    xp, (kH, kW) = padded(x, padding), kernel_size
    H_out, W_out = ((n - k) // stride + 1 for n, k in zip(xp.shape[2:], kernel_size, strict=True))
    cells = np.empty((*x.shape[:2], kH, kW, H_out, W_out))
    for a, b in np.ndindex(kH, kW):
        top, left = a * stride, b * stride
        cells[:, :, a, b] = xp[:, :, top : top + stride * H_out : stride, left : left + stride * W_out : stride]
    return cells.reshape(len(x), -1, H_out * W_out)


def slices_added(read=None, cells=lambda k: k, room=lambda p: 2 * p, spread=lambda a, stride: a):
    def col2im(cols, output_size, kernel_size, stride=1, padding=0):
        (H, W), (kH, kW), p = output_size, kernel_size, padding
        H_out, W_out = ((n + 2 * p - k) // stride + 1 for n, k in zip(output_size, kernel_size, strict=True))
        shape = len(cols), cols.shape[1] // (kH * kW), kH, kW, H_out, W_out
        six = read(cols, shape) if read else cols.reshape(shape)
        x = np.zeros((*shape[:2], H + room(p), W + room(p)))
        for a, b in np.ndindex(cells(kH), cells(kW)):
            top, left = spread(a, stride), spread(b, stride)
            place = slice(top, top + stride * H_out, stride), slice(left, left + stride * W_out, stride)
            x[(..., *place)] += six[:, :, a, b]
        return x[:, :, p : p + H, p : p + W]

    return col2im


@wrong("col2im_fast", x="reshape without the transpose")
@slices_added
def places_before_cells(cols, shape):
    N, C, kH, kW, H_out, W_out = shape
    return cols.reshape(N, C, H_out, W_out, kH, kW).transpose(0, 1, 4, 5, 2, 3)


@wrong("col2im_fast", x="reshape without the transpose")
@slices_added
def images_last(cols, shape):
    return cols.reshape(*shape[1:], shape[0]).transpose(5, 0, 1, 2, 3, 4)


wrong("col2im_fast", x="cells skipped")(slices_added(cells=lambda k: k - 1))
wrong("col2im_fast", x="room on one side")(slices_added(room=lambda p: p))
wrong("col2im_fast", x="stride between the cells")(slices_added(spread=lambda a, stride: a * stride))


def windows_added(number=lambda i, j, H_out, W_out: i * W_out + j, less=0, size=lambda H, W: (H, W), stop=None):
    def col2im(cols, output_size, kernel_size, stride=1, padding=0):
        (H, W), (kH, kW), p = output_size, kernel_size, padding
        H_out, W_out = ((n + 2 * p - k) // stride + 1 for n, k in zip(output_size, kernel_size, strict=True))
        x = np.zeros((len(cols), cols.shape[1] // (kH * kW), *(n + 2 * p for n in size(H, W))))
        for i in range(stop or H_out - less):
            for j in range(W_out - less):
                window = cols[:, :, number(i, j, H_out, W_out)].reshape(*x.shape[:2], kH, kW)
                x[:, :, i * stride : i * stride + kH, j * stride : j * stride + kW] += window
        return x[:, :, p : p + H, p : p + W]

    return col2im


wrong("col2im", x="windows by columns")(windows_added(lambda i, j, H_out, W_out: i + j * W_out))
wrong("col2im", x="H and W mixed up")(windows_added(lambda i, j, H_out, W_out: i * H_out + j))
wrong("col2im", x="H and W mixed up")(windows_added(size=lambda H, W: (W, H)))
wrong("col2im", x="column of several windows")(windows_added(lambda i, j, H_out, W_out: i + j))
wrong("col2im", x="windows skipped")(windows_added(less=1))
wrong("col2im", x="only one row kept")(windows_added(stop=1))


@wrong("col2im", x="wrong number of windows")
def columns_counted_in_a_range_that_ends_early(cols, output_size, kernel_size, stride=1, padding=0):
    (H, W), (kH, kW), n = output_size, kernel_size, 0
    x = np.zeros((len(cols), cols.shape[1] // (kH * kW), H + 2 * padding, W + 2 * padding))
    for top in range(0, H + 2 * padding - kH, stride):
        for left in range(0, W + 2 * padding - kW, stride):
            x[:, :, top : top + kH, left : left + kW] += cols[:, :, n].reshape(*x.shape[:2], kH, kW)
            n += 1
    return x[:, :, padding : padding + H, padding : padding + W]


# ---------------------------------------------------------------- max pooling


def searched(row=None, value=None, slices=None, step=None, start=None, fill=-np.inf):
    """max_pool2d by loops; row(i, j, r, q, s, k, p, W, H) is the number that is noted."""

    def max_pool2d(x, kernel_size, stride=None, padding=0):
        k, s, p, (N, C, H, W) = kernel_size, stride or kernel_size, padding, x.shape
        xp = padded(x, p, fill)
        y = np.zeros((N, C, (H + 2 * p - k) // s + 1, (W + 2 * p - k) // s + 1))
        indices = np.zeros(y.shape, int)
        for n, c, i, j in np.ndindex(y.shape):
            top, left = slices(i, j, s) if slices else (i * s, j * s)
            window = xp[n, c, top : top + k, left : left + k]
            r, q = divmod(int(window.argmax()), k)
            y[n, c, i, j] = value(window) if value else window.max()
            found = row(i, j, r, q, s, k, p, W, H) if row else (top + r - p) * W + left + q - p
            indices[n, c, i, j] = found if start is None or y[n, c, i, j] > start else 0
        return (y if start is None else np.maximum(y, start)), indices

    return max_pool2d


def numbered(name, row):
    wrong("max_pool2d", indices=name)(searched(row))


numbered("padding taken off once", lambda i, j, r, q, s, k, p, W, H: (i * s + r - p) * W + j * s + q)
numbered("padding taken off once", lambda i, j, r, q, s, k, p, W, H: (i * s + r) * W + j * s + q - p)
numbered("flat place added to the corner", lambda i, j, r, q, s, k, p, W, H: (i * s - p) * W + j * s - p + r * k + q)
numbered("flat place added to the corner", lambda i, j, r, q, s, k, p, W, H: i * s * W + j * s + r * k + q)
numbered("corner of the window", lambda i, j, r, q, s, k, p, W, H: (i * s - p) * W + j * s - p)
numbered("window begins elsewhere", lambda i, j, r, q, s, k, p, W, H: (i + r - p) * W + j + q - p)
numbered("window begins elsewhere", lambda i, j, r, q, s, k, p, W, H: (i * k + r - p) * W + j * k + q - p)
numbered("H and W mixed up", lambda i, j, r, q, s, k, p, W, H: (i * s + q - p) * W + j * s + r - p)

wrong("max_pool2d", y="search begins at 0", indices="search begins at 0")(searched(start=0))
wrong("max_pool2d", y="padding wins", indices="padding wins")(searched(fill=np.inf))
wrong("max_pool2d", y="not the maximum")(searched(value=np.min))
wrong("max_pool2d", y="not the maximum")(searched(value=np.mean))
wrong("max_pool2d", y="stride missing", indices="stride missing")(searched(slices=lambda i, j, s: (i, j)))


@wrong("max_pool2d", indices="first pixel of the same value")
def looked_up_in_the_image(x, kernel_size, stride=None, padding=0):
    y, indices = F.max_pool2d(x, kernel_size, stride, padding)
    for n, c, i, j in np.ndindex(y.shape):
        indices[n, c, i, j] = np.argmax(x[n, c] == y[n, c, i, j])
    return y, indices


def clipped(length=None, moved=False):
    def max_pool2d(x, kernel_size, stride=None, padding=0):
        k, s, p, W = kernel_size, stride or kernel_size, padding, x.shape[3]
        y, indices = F.max_pool2d(x, k, s, p)
        for n, c, i, j in np.ndindex(y.shape):
            top, left = max(i * s - p, 0), max(j * s - p, 0)
            bottom, right = (top + k, left + k) if moved else (i * s - p + k, j * s - p + k)
            window = x[n, c, top:bottom, left:right]
            r, q = divmod(int(window.argmax()), length or window.shape[1])
            y[n, c, i, j], indices[n, c, i, j] = window.max(), (top + r) * W + left + q
        return y, indices

    return max_pool2d


wrong("max_pool2d", y="clipped window too long", indices="clipped window too long")(clipped(moved=True))


@wrong("max_pool2d", indices="rows of a clipped window")
def divided_by_the_whole_length(x, kernel_size, stride=None, padding=0):
    return clipped(length=kernel_size)(x, kernel_size, stride, padding)


@wrong("max_pool2d", y="largest value never reset")
def best_set_before_the_loops(x, kernel_size, stride=None, padding=0):
    k, s = kernel_size, stride or kernel_size
    y, indices = F.max_pool2d(x, k, stride, padding)
    xp, best = padded(x, padding, -np.inf), -np.inf
    for n, c, i, j in np.ndindex(y.shape):
        for pixel in xp[n, c, i * s : i * s + k, j * s : j * s + k].ravel():
            best = max(best, pixel)
        y[n, c, i, j] = best
    return y, indices


@wrong("max_pool2d_fast", y="window of another size", indices="window of another size")
def view_one_cell_longer(x, kernel_size, stride=None, padding=0):
    k, s, W = kernel_size + 1, stride or kernel_size, x.shape[3]
    H_out, W_out = ((n + 2 * padding - kernel_size) // s + 1 for n in x.shape[2:])
    xp = np.pad(padded(x, padding, -np.inf), ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(xp, (k, k), axis=(2, 3))[:, :, ::s, ::s][:, :, :H_out, :W_out]
    best = windows.reshape(*windows.shape[:4], -1).argmax(-1)
    rows, columns = np.indices((H_out, W_out)) * s - padding
    return windows.max(axis=(4, 5)), (rows + best // k) * W + columns + best % k


def flat(name, offset, minlength=True):
    @wrong("max_pool2d_backward_fast", dx=name)
    @wrong("max_pool2d_backward", dx=name)
    def max_pool2d_backward(dy, indices, input_shape):
        N, C, H, W = input_shape
        planes = offset(np.arange(N)[:, None], np.arange(C), N, C) * H * W
        places = (indices + planes[:, :, None, None]).ravel()
        sums = np.bincount(places, dy.ravel(), minlength=N * C * H * W if minlength else 0)
        return sums.reshape(input_shape)


flat("planes in the wrong place", lambda n, c, N, C: n + c)
flat("planes in the wrong place", lambda n, c, N, C: n + N * c)
flat("end of the row missing", lambda n, c, N, C: n * C + c, minlength=False)


@wrong("max_pool2d_backward", dx="rows as long as those of y")
def rows_of_y(dy, indices, input_shape):
    dx = np.zeros(input_shape)
    for n, c, i, j in np.ndindex(dy.shape):
        row, column = divmod(indices[n, c, i, j], dy.shape[3])
        dx[n, c, row, column] += dy[n, c, i, j]
    return dx


@wrong("max_pool2d_backward", dx="a border of dy skipped")
def last_outputs_forgotten(dy, indices, input_shape):
    dx = np.zeros(input_shape)
    for n, c in np.ndindex(dy.shape[:2]):
        for i in range(dy.shape[2] - 1):
            for j in range(dy.shape[3] - 1):
                dx[n, c].flat[indices[n, c, i, j]] += dy[n, c, i, j]
    return dx


# ---------------------------------------------------------------- average pooling


def averages(x, kernel_size, stride, padding, longer=0, distance=None, pad="constant", bare=False, swapped=False):
    k, s = kernel_size + longer, stride or kernel_size
    xp = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode=pad)
    y = np.zeros((*x.shape[:2], *((n - kernel_size) // s + 1 for n in xp.shape[2:])))
    for i, j in np.ndindex(y.shape[2:]):
        top, left = i * (distance or s), j * (distance or s)
        top, left = (left, top) if swapped else (top, left)
        y[:, :, i, j] = (x if bare else xp)[:, :, top : top + k, left : left + k].mean(axis=(2, 3))
    return y


def averaged(name, **how):
    @wrong("avg_pool2d", y=name)
    def avg_pool2d(x, kernel_size, stride=None, padding=0):
        return averages(x, kernel_size, stride, padding, **how)


averaged("x not padded", bare=True)
averaged("padded in another way", pad="edge")
averaged("stride missing", distance=1)
averaged("window of another size", longer=-1)
averaged("window of another size", longer=1)
averaged("H and W mixed up", swapped=True)


def clipped_shares(name, sums=True, of_what_is_there=False, by_kernel=False, moved=False, longer=0):
    @wrong("avg_pool2d_backward", dx=name)
    def avg_pool2d_backward(dy, input_shape, kernel_size, stride=None, padding=0):
        stride = kernel_size if stride is None else stride
        dx, k = np.zeros(input_shape), kernel_size + longer
        for i, j in np.ndindex(dy.shape[2:]):
            top, left = i * stride - padding, j * (kernel_size if by_kernel else stride) - padding
            if moved:
                top, left = max(top, 0), max(left, 0)
            window = dx[:, :, max(top, 0) : top + k, max(left, 0) : left + k]
            share = dy[:, :, i, j, None, None]
            share = share / (max(window[0, 0].size, 1) if of_what_is_there else kernel_size**2)
            window[...] = window + share if sums else share
        return dx


SHARE, OVERLAPS, DISTANCE = "divided by the pixels inside", "overlaps overwritten", "kernel_size in place of the stride"

clipped_shares((SHARE, OVERLAPS), sums=False, of_what_is_there=True)
clipped_shares((OVERLAPS, DISTANCE), sums=False, by_kernel=True)
clipped_shares((SHARE, DISTANCE), of_what_is_there=True, by_kernel=True)
clipped_shares(DISTANCE, by_kernel=True)
clipped_shares("clipped window too long", moved=True)
clipped_shares("window of another size", longer=1)


# ---------------------------------------------------------------- entry by entry

wrong("relu_backward", dx="only what passes")(lambda dy, x: dy[x > 0])
wrong("dropout_backward", dx="only what passes")(lambda dy, mask, p: dy[mask] / (1 - p))
wrong("dropout_backward", dx="brackets missing")(lambda dy, mask, p: dy * mask / 1 - p)
wrong("dropout_backward", dx="wrong scale")(lambda dy, mask, p: dy * mask / (1 + p))


@wrong("dropout_backward", dx="mask missing")
def only_what_was_kept_is_scaled(dy, mask, p):
    dx = dy.copy()
    dx[mask] /= 1 - p
    return dx


# ---------------------------------------------------------------- three gradients as products

LAST = "dy read with its filters last"


@wrong("conv2d_backward_gemm", dx=LAST, dw=LAST, db=LAST)
def filters_moved_by_a_reshape(dy, x, w, stride=1, padding=0):
    rows = dy.reshape(len(dy), -1, dy.shape[1]).transpose(0, 2, 1)
    return products(dy, x, w, stride, padding, rows, fold=(stride, padding))


@wrong("conv2d_backward_gemm", dw="cols reshaped without the transpose")
def one_long_matrix_of_columns(dy, x, w, stride=1, padding=0):
    dx, _, db = F.conv2d_backward(dy, x, w, stride, padding)
    cols = F.im2col(x, w.shape[2:], stride, padding)
    rows = dy.transpose(1, 0, 2, 3).reshape(len(w), -1)
    return dx, (rows @ cols.reshape(cols.shape[1], -1).T).reshape(w.shape), db
