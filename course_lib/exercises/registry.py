"""All exercises, in the order in which the lessons give them."""

from course_lib.exercises import lesson_00, lesson_01

_LESSONS = {"00": lesson_00, "01": lesson_01}
_BY_NAME = {}
for _number, _lesson in _LESSONS.items():
    for _exercise in _lesson.EXERCISES:
        _exercise.lesson = _number
        _BY_NAME[_exercise.name] = _exercise


def names():
    """The names of all exercises, in lesson order."""
    return list(_BY_NAME)


def get(name):
    """name -> its Exercise."""
    if name not in _BY_NAME:
        raise ValueError(f"name must be one of the exercises, {', '.join(_BY_NAME)}, but is {name!r}")
    return _BY_NAME[name]
