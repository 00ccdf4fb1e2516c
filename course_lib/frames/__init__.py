"""Stories: each operation of the course as the steps of an animation. Names and arguments are those of `loops`.

Every function that is marked with @animation in a module of this package is found here under its name.
"""

import importlib
import pkgutil

from course_lib.frames import story

for _entry in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_entry.name)

globals().update(story.ANIMATIONS)
__all__ = sorted(story.ANIMATIONS)
