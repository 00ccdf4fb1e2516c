"""All exercises, in the order in which the lessons give them."""

from course_lib.exercises import (
    clinic,
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
    lesson_07,
    lesson_08,
)

_MODULES = {
    "00_start_here": [lesson_00],
    "01_conv1d": [lesson_01],
    "02_conv2d": [lesson_02],
    "03_channels_and_batches": [lesson_03],
    "04_im2col_col2im": [lesson_04],
    "05_pooling_and_friends": [lesson_05],
    "06_conv2d_layer": [lesson_06],
    "07_gradient_flow": [lesson_07, clinic],
    "08_training": [lesson_08],
}
LESSONS = {  # notebook -> its exercises
    notebook: [exercise for module in modules for exercise in module.EXERCISES]
    for notebook, modules in _MODULES.items()
}
PREDICTIONS = [prediction for modules in _MODULES.values() for module in modules for prediction in module.PREDICTIONS]

_BY_NAME = {}
for _notebook, _exercises in LESSONS.items():
    for _exercise in _exercises:
        _exercise.lesson = _notebook[:2]
        _BY_NAME[_exercise.name] = _exercise


def names():
    """The names of all exercises, in lesson order."""
    return list(_BY_NAME)


def get(name):
    """name -> its Exercise."""
    if name not in _BY_NAME:
        raise ValueError(f"name must be one of the exercises, {', '.join(_BY_NAME)}, but is {name!r}")
    return _BY_NAME[name]
