"""Wrong functions made of right ones: the material that known mistakes are made of."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class Variant:
    """A recipe with some of its steps exchanged: a wrong function.

    A recipe is a function that computes one tensor and takes its steps as keyword arguments.
    """

    def __init__(self, recipe: Callable[..., Any], **steps: Any) -> None:
        self.recipe, self.steps = recipe, steps

    def __call__(self, *arguments: Any) -> Any:
        return self.recipe(*arguments, **self.steps)

    def with_(self, other: Any) -> "Variant | None":
        """Both changes at once, or None if they concern the same step."""
        if not isinstance(other, Variant) or self.recipe is not other.recipe or self.steps.keys() & other.steps.keys():
            return None
        return Variant(self.recipe, **self.steps, **other.steps)


class Changed:
    """A wrong function that is also called with the wrong arguments: change(arguments by name) -> those it gets."""

    def __init__(
        self, wrong: Callable[..., Any], names: Sequence[str], change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        self.wrong, self.names, self.change = wrong, names, change

    def __call__(self, *arguments: Any) -> Any:
        return self.wrong(*self.change(dict(zip(self.names, arguments, strict=True))).values())


class Adjustable:
    """A wrong function with a free number, such as the learning rate of a step that was made too early."""

    def __call__(self, *arguments: Any) -> Any:
        raise NotImplementedError

    def fitted(self, found: np.ndarray, *arguments: Any) -> "Adjustable":
        """The wrong function with the number that brings its result for these arguments closest to `found`."""
        raise NotImplementedError
