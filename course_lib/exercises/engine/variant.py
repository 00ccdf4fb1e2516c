"""A recipe whose steps can be exchanged for wrong ones: the material that known mistakes are made of."""


class Variant:
    """A recipe with some of its steps exchanged: a wrong function.

    A recipe is a function that computes one tensor and takes its steps as keyword arguments.
    """

    def __init__(self, recipe, **steps):
        self.recipe, self.steps = recipe, steps

    def __call__(self, *arguments):
        return self.recipe(*arguments, **self.steps)

    def with_(self, other):
        """Both changes at once, or None if they concern the same step."""
        if self.recipe is not other.recipe or self.steps.keys() & other.steps.keys():
            return None
        return Variant(self.recipe, **self.steps, **other.steps)
