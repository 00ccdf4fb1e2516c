"""Answers to labs that ask for an input or a drawing, right and wrong."""

import numpy as np
from right_answers import right
from wrong_answers import wrong

from course_lib import functional as F

# ---------------------------------------------------------------- convict_turned


@right("convict_turned")
def a_random_check():
    rng = np.random.default_rng(0)
    return rng.standard_normal(6), rng.standard_normal(10), rng.standard_normal(4), 2, 2


@right("convict_turned")
def lists_will_do():
    return [1, 2], [0], [1, 3], 1, 1


@wrong("convict_turned", **{"both agree": "zeros"})
def nothing_comes_back():
    return np.zeros(4), np.ones(5), np.array([1.0, 3]), 1, 0


@wrong("convict_turned", **{"both agree": "symmetric kernel"})
def a_blur():
    return np.array([3.0, 1, 4]), np.ones(5), np.array([1.0, 2, 1]), 1, 0


@wrong("convict_turned", **{"both agree": "symmetric kernel"})
def a_single_weight():
    return np.array([3.0, 1, 4]), np.ones(3), np.array([2.0]), 1, 0


@wrong("convict_turned", **{"both agree": "dy of ones"})
def twos_at_full_padding():
    return np.full(5, 2.0), np.ones(4), np.array([1.0, 2]), 1, 1


@wrong("convict_turned", **{"both agree": "one output"})
def only_the_middle_is_seen():
    return np.array([7.0]), np.ones(1), np.array([1.0, 2, 5]), 1, 1


@wrong("convict_turned", **{"both agree": "only padding"})
def the_window_never_reaches_it():
    return np.array([7.0]), np.ones(1), np.array([1.0, 2]), 8, 4


# ---------------------------------------------------------------- tell_apart


@right("tell_apart")
def an_everyday_layer():
    return 12, 11, 3, 2, 1


@right("tell_apart")
def one_weight_four_outputs():
    return 1, 1, 1, 2, 1


@right("tell_apart")
def one_row():
    return 1, 3, 1, 2, 0


@wrong("tell_apart", **{"both agree": "stride 1"})
def as_most_people_test():
    return 5, 5, 3, 1, 1


@wrong("tell_apart", **{"both agree": "one output"})
def the_whole_image_at_once():
    return 3, 3, 3, 2, 0


@wrong("tell_apart", **{"both agree": "both right"})
def only_one_output_reaches_the_pixel():
    return 1, 1, 1, 3, 2


@wrong("tell_apart", **{"both agree": "both wrong"})
def both_lose_the_pixel():
    return 1, 1, 2, 3, 3


# ---------------------------------------------------------------- draw_dx


@right("draw_dx")
def cell_by_cell():
    return [[1, 2, 5, 4, 6], [0, 1, 2, 2, 4], [0, 0, -1, -2, -3], [0, 0, 0, -1, -2], [0, 0, 0, 0, 0]]


@right("draw_dx")
def by_the_library():
    dy, w = np.array([[1.0, 2], [0, -1]]), np.array([[1.0, 2, 3], [0, 1, 2]])
    return F.conv2d_input_gradient(dy[None, None], np.zeros((1, 1, 5, 5)), w[None, None], 2)[0, 0]


@wrong("draw_dx", dx="turned")
def as_a_gather_would():
    return [[2, 1, 4, 2, 0], [3, 2, 7, 4, 2], [0, 0, -2, -1, 0], [0, 0, -3, -2, -1], [0, 0, 0, 0, 0]]


@wrong("draw_dx", dx="overwritten")
def the_second_stamp_on_top():
    return [[1, 2, 2, 4, 6], [0, 1, 0, 2, 4], [0, 0, -1, -2, -3], [0, 0, 0, -1, -2], [0, 0, 0, 0, 0]]


@wrong("draw_dx", dx="stride ignored")
def side_by_side():
    return [[1, 4, 7, 6, 0], [0, 0, 2, 1, 0], [0, 0, -1, -2, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
