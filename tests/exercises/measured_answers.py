"""Answers to the labs of lesson 00, right and wrong: a measured gradient, and one that goes back through two layers.

They are noted in `right_answers.RIGHT` and `wrong_answers.WRONG`, in the form that is described there.
"""

import numpy as np
from right_answers import right
from wrong_answers import wrong


def slopes(f, x, nudge, distance):
    """f measured on both sides of every entry, nudge away, and divided by distance."""
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = nudge
        grad[index] = (f(x + step) - f(x - step)) / distance
    return grad


@right("numerical_gradient")
def half_of_eps_on_each_side(f, x, eps=1e-5):
    return slopes(f, x, eps / 2, eps)


@right("numerical_gradient")
def two_eps_on_each_side(f, x, eps=1e-5):
    return slopes(f, x, 2 * eps, 4 * eps)


@wrong("numerical_gradient", grad="divided by the wrong distance")
def half_of_eps_and_twice_the_distance(f, x, eps=1e-5):
    return slopes(f, x, eps / 2, 2 * eps)


@wrong("numerical_gradient", grad="eps not used")
def its_own_small_number(f, x, eps=1e-5):
    return slopes(f, x, 1e-4, 2e-4)


@wrong("numerical_gradient", grad="entry not put back")
def one_step_for_all_entries(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad, step = np.zeros_like(x), np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step[index] = eps
        grad[index] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad


@wrong("numerical_gradient", grad="entry not put back")
def up_and_up(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    base, grad = f(x), np.zeros_like(x)
    for index in np.ndindex(x.shape):
        x[index] += eps
        grad[index] = (f(x) - base) / eps
    return grad


@wrong("numerical_gradient", grad="entry not put back")
def put_back_too_far(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        below = f(x)
        x[index] += 2 * eps
        grad[index] = (above - below) / (2 * eps)
    return grad


@wrong("numerical_gradient", grad="all entries nudged at once")
def rows_that_are_views(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for i in range(len(x)):
        kept = x[i]
        x[i] = kept + eps
        above = f(x)
        x[i] = kept - eps
        below = f(x)
        x[i] = kept
        grad[i] = (above - below) / (2 * eps)
    return grad


@wrong("numerical_gradient", grad="two axes only")
def one_index_for_all_entries(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for i in range(x.size):
        kept = x[i]
        x[i] = kept + eps
        above = f(x)
        x[i] = kept - eps
        grad[i] = (above - f(x)) / (2 * eps)
        x[i] = kept
    return grad


@wrong("numerical_gradient", grad="one entry only")
def returns_in_the_loop(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = eps
        grad[index] = (f(x + step) - f(x - step)) / (2 * eps)
        return grad


@wrong("numerical_gradient", grad="one entry only")
def zeros_in_the_loop(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    for index in np.ndindex(x.shape):
        grad, step = np.zeros_like(x), np.zeros_like(x)
        step[index] = eps
        grad[index] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad


@wrong("numerical_gradient", grad="measured around 0")
def set_to_eps(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = eps
        above = f(x)
        x[index] = -eps
        below = f(x)
        x[index] = kept
        grad[index] = (above - below) / (2 * eps)
    return grad


@wrong("numerical_gradient", grad="values added")
def plus_for_minus(f, x, eps=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = eps
        grad[index] = (f(x + step) + f(x - step)) / (2 * eps)
    return grad


# ---------------------------------------------------------------- chain_backward


@wrong("chain_backward", dx="off the path", dw1="off the path")
def back_through_the_value(dz, x, w1, w2):
    y = w1 * x
    dy = dz * y
    return dy * w1, dy * x, dz * y


@wrong("chain_backward", dx="off the path", dw1="off the path")
def back_through_dw2(dz, x, w1, w2):
    dw2 = dz * w1 * x
    dy = dw2 * w2
    return dy * w1, dy * x, dw2


@wrong("chain_backward", dx="off the path")
def back_through_dw1(dz, x, w1, w2):
    dw2 = dz * w1 * x
    dw1 = dz * w2 * x
    return dw1 * w1, dw1, dw2


@wrong("chain_backward", dx="added", dw1="added")
def factor_added(dz, x, w1, w2):
    dy = dz + w2
    return dy * w1, dy * x, dz * w1 * x


@wrong("chain_backward", dw2="wrong input")
def y_with_the_wrong_weight(dz, x, w1, w2):
    y = w2 * x
    dy = dz * w2
    return dy * w1, dy * x, dz * y


@wrong("chain_backward", dw2="wrong input")
def one_name_for_every_gradient(dz, x, w1, w2):
    y = w1 * x
    dz = dz * w2
    dw1 = dz * x
    dw2 = dz * y
    return dz * w1, dw1, dw2
