"""Makes scatter.gif, the animation in the README: python assets/make_scatter.py"""

from pathlib import Path

import numpy as np

from course_lib import frames, widgets

x = np.array([[1.0, 2, 0], [3, 1, 4], [0, 2, 1]])
w = np.array([[1.0, 2], [3, 4]])
dy = np.array([[1.0, -1], [2, 3]])
story = frames.conv2d_single_input_gradient_scatter(dy, x, w)
widgets.save(story, Path(__file__).with_name("scatter.gif"))
