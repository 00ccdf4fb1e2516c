"""Makes scatter.gif, the animation in the README: python assets/make_scatter.py"""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from course_lib import frames
from course_lib.looks import PAPER
from course_lib.widgets import still

SECONDS = 1.8  # for each step; the last is shown longer
COLOURS = 64


def film(story):
    """Returns one Pillow image for each step of a story, all of one size and with one palette."""
    steps = [still.Frame(story, step, story.bounds, still.WIDTH - 2 * still.MARGIN) for step in range(len(story.steps))]
    height = math.ceil(max(step.height for step in steps)) + 2 * still.MARGIN
    images = []
    for step in steps:
        fine = Image.new("RGB", (still.FINE * still.WIDTH, still.FINE * height), PAPER.light)
        step.draw(still.Pen(fine, still.MARGIN, still.MARGIN))
        images.append(fine.resize((still.WIDTH, height), Image.Resampling.LANCZOS))
    palette = still.with_white_paper(images[-1].quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))
    return [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]


x = np.array([[1.0, 2, 0], [3, 1, 4], [0, 2, 1]])
w = np.array([[1.0, 2], [3, 4]])
dy = np.array([[1.0, -1], [2, 3]])
first, *others = film(frames.conv2d_single_input_gradient_scatter(dy, x, w))
first.save(
    Path(__file__).with_name("scatter.gif"), save_all=True, append_images=others, loop=0, optimize=True,
    duration=[int(1000 * SECONDS)] * len(others) + [int(2500 * SECONDS)],
)  # fmt: skip
