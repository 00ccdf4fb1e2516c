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
