"""Gradients that come back from several workers, and are added."""

import numpy as np

from course_lib import loops
from course_lib._support import checks, geometry
from course_lib.frames.story import Flow, Grid, Step, Story, animation, by_key, drawable, mark
from course_lib.looks import GRADIENT, KERNEL, UPSTREAM, number


@animation
def add_shards(gradients, sizes):
    """The story of (n,), to which every row of gradients (workers, n) is added, weighed by sizes (workers,)."""
    gradients = drawable(gradients=gradients)
    checks.ndim("gradients", gradients, "(workers, n)")
    workers, n = gradients.shape
    sizes = geometry.shares(gradients, sizes).tolist()
    shares = np.array(sizes) / sum(sizes)
    grids = by_key(
        Grid("share", KERNEL, shares[:, None]),
        Grid("gradients", UPSTREAM, gradients, at=(2.5, 0)),
        Grid("total", GRADIENT, np.zeros((1, n)), at=(2.5, workers + 1.5), ndim=1, collects=True),
    )
    images = ", ".join(map(str, sizes))
    steps = [Step(f"The workers had {images} of {sum(sizes)} images. Each row is a gradient of a worker's own mean.")]
    for k in range(workers):
        row = list(range(k * n, (k + 1) * n))
        steps.append(
            Step(
                f"Worker {k} had {sizes[k]} of {sum(sizes)} images: its row counts {number(shares[k])}.",
                f"{mark('total', 'total')} += {mark('share', f'{sizes[k]}/{sum(sizes)}')} · "
                f"{mark('gradients', f'gradients[{k}]')}",
                line="total += sizes[k] / sum(sizes) * gradients[k]",
                flows=(Flow("total", list(range(n)), (("gradients", row), ("share", k))),),
                beside=f"k = {k}, sizes[k] = {sizes[k]}",
            )
        )
    steps.append(Step("This is the gradient of the mean over all images, as if one process had seen them all."))
    return Story("Many workers: add the shares", grids, steps, loops.add_shards)
