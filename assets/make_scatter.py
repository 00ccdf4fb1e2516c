"""Makes scatter.gif, the moving picture of the README: python assets/make_scatter.py"""

from pathlib import Path

import numpy as np

from course_lib import frames, still

x, w = np.array([1.0, 2.0, 0.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0])
dy = np.array([1.0, -1.0, 2.0])
story = frames.conv1d_input_gradient_scatter(dy, x, w)
Path(__file__).with_name("scatter.gif").write_bytes(still.film(story))
