"""Answers to the labs of many workers, right and wrong."""

import numpy as np
from right_answers import right
from wrong_answers import wrong

# ---------------------------------------------------------------- add_shards


@right("add_shards")
def as_one_product(gradients, sizes):
    sizes = np.asarray(sizes)
    return sizes / sizes.sum() @ gradients


@right("add_shards")
def numpys_average(gradients, sizes):
    return np.average(gradients, axis=0, weights=sizes)


@wrong("add_shards", total="mean of means")
def plain_mean(gradients, sizes):
    return gradients.mean(axis=0)


@wrong("add_shards", total="means added whole")
def plain_sum(gradients, sizes):
    return sum(gradients)


@wrong("add_shards", total="sum over the images")
def never_divided(gradients, sizes):
    total = np.zeros(gradients.shape[1])
    for row, size in zip(gradients, sizes, strict=True):
        total += size * row
    return total


@wrong("add_shards", total="divided by the workers")
def divides_by_how_many_rows(gradients, sizes):
    return (gradients * np.array(sizes)[:, None]).mean(axis=0)


@wrong("add_shards", total="another worker's size")
def from_the_last_to_the_first(gradients, sizes):
    return sum(size * row for row, size in zip(gradients[::-1], sizes, strict=True)) / sum(sizes)


@wrong("add_shards", total="one worker left out")
def sets_in_place_of_adding(gradients, sizes):
    for row, size in zip(gradients, sizes, strict=True):
        total = size * row / sum(sizes)
    return total


@wrong("add_shards", total="sign")
def takes_away(gradients, sizes):
    total = np.zeros(gradients.shape[1])
    for row, size in zip(gradients, sizes, strict=True):
        total -= size * row / sum(sizes)
    return total


# ---------------------------------------------------------------- sharded_gradients


def _of_run(x, target, w, b):
    dy = 2 * (x @ w + b - target) / target.size
    return x.T @ dy, dy.sum(axis=0)


def _splits(x, target, workers):
    return list(zip(np.array_split(x, workers), np.array_split(target, workers), strict=True))


@right("sharded_gradients")
def split_by_numpy(x, target, w, b, workers):
    parts = [(len(xs), *_of_run(xs, ts, w, b)) for xs, ts in _splits(x, target, workers)]
    return sum(n * dw for n, dw, _ in parts) / len(x), sum(n * db for n, _, db in parts) / len(x)


@right("sharded_gradients")
def every_kth_example(x, target, w, b, workers):
    dw, db = np.zeros(w.shape), np.zeros(b.shape)
    for k in range(workers):
        xs, ts = x[k::workers], target[k::workers]
        dy = 2 * (xs @ w + b - ts) / target.size  # of the whole batch's mean at once, so that nothing is left to weigh
        dw += xs.T @ dy
        db += dy.sum(axis=0)
    return dw, db


@wrong("sharded_gradients", dw="mean of means", db="mean of means")
def averages(x, target, w, b, workers):
    dws, dbs = zip(*(_of_run(xs, ts, w, b) for xs, ts in _splits(x, target, workers)), strict=True)
    return np.mean(dws, axis=0), np.mean(dbs, axis=0)


@wrong("sharded_gradients", dw="mean of means", db="bias counted per worker")
def only_the_cuts_mended(x, target, w, b, workers):
    dw, db = np.zeros(w.shape), np.zeros(b.shape)
    for k in range(workers):
        run = slice(len(x) * k // workers, len(x) * (k + 1) // workers)
        dy = 2 * (x[run] @ w + b - target[run]) / target[run].size
        dw += x[run].T @ dy / workers
        db += dy.sum(axis=0)
    return dw, db


@wrong("sharded_gradients", dw="means added whole", db="bias counted per worker")
def adds_the_means(x, target, w, b, workers):
    dws, dbs = zip(*(_of_run(xs, ts, w, b) for xs, ts in _splits(x, target, workers)), strict=True)
    return sum(dws), sum(dbs)


@wrong("sharded_gradients", db="bias counted per worker")
def weighs_w_only(x, target, w, b, workers):
    dw, db = np.zeros(w.shape), np.zeros(b.shape)
    for xs, ts in _splits(x, target, workers):
        one, other = _of_run(xs, ts, w, b)
        dw += one * len(xs) / len(x)
        db += other
    return dw, db


@wrong("sharded_gradients", dw="examples left over", db="examples left over")
def whole_runs_only(x, target, w, b, workers):
    size = len(x) // workers
    dw, db = np.zeros(w.shape), np.zeros(b.shape)
    for start in range(0, size * workers, size):
        one, other = _of_run(x[start : start + size], target[start : start + size], w, b)
        dw += one / workers
        db += other / workers
    return dw, db


@wrong("sharded_gradients", dw="targets of another worker")
def targets_one_run_too_far(x, target, w, b, workers):
    return split_by_numpy(x, np.roll(target, len(x) // workers, axis=0), w, b, workers)


@wrong("sharded_gradients", dw="sum over the examples", db="sum over the examples")
def multiplies_by_the_length(x, target, w, b, workers):
    dw, db = split_by_numpy(x, target, w, b, workers)
    return dw * len(x), db * len(x)


@wrong("sharded_gradients", dw="without the 2", db="without the 2")
def forgets_the_two(x, target, w, b, workers):
    dw, db = split_by_numpy(x, target, w, b, workers)
    return dw / 2, db / 2


@wrong("sharded_gradients", db="mean instead of sum")
def mean_over_the_run(x, target, w, b, workers):
    dw, _ = split_by_numpy(x, target, w, b, workers)
    db = np.zeros(b.shape)
    for xs, ts in _splits(x, target, workers):
        db += len(xs) / len(x) * (2 * (xs @ w + b - ts) / ts.size).mean(axis=0)
    return dw, db


@wrong("sharded_gradients", dw="sign", db="sign")
def target_minus_result(x, target, w, b, workers):
    dw, db = split_by_numpy(x, target, w, b, workers)
    return -dw, -db
