"""The functions that the finale's network is made of, and whose each of them is.

    parts = Parts()
    parts.im2col(x, 3)      your fastest im2col that is right, or else the library's

A part shows itself as the network, drawn: what you wrote in one colour, what is borrowed in another.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from course_lib.exercises import keeping, registry
from course_lib.exercises.engine.cards import Card

LABS = {  # the name of a part -> the labs that make it, the fastest first
    "im2col": ("im2col_fast", "im2col"),
    "col2im": ("col2im_fast", "col2im"),
    "max_pool2d": ("max_pool2d_fast", "max_pool2d"),
    "max_pool2d_backward": ("max_pool2d_backward_fast", "max_pool2d_backward"),
    "relu_backward": ("relu_backward",),
    "flatten_backward": ("flatten_backward",),
    "linear_backward": ("linear_backward",),
    "cross_entropy_loss": ("cross_entropy_loss",),
    "cross_entropy_gradient": ("cross_entropy_gradient",),
    "adam_step": ("adam_step",),
    "training_step": ("training_step",),
    "fit": ("fit",),
}

CONVOLUTION, POOL = (("im2col",), ("col2im",)), (("max_pool2d",), ("max_pool2d_backward",))
NETWORK = (  # layer, the shape of what it returns, parts of its forward and of its backward
    ("image", "1 × 28 × 28", (), ()),
    ("Conv2d", "8 × 28 × 28", *CONVOLUTION),
    ("ReLU", "8 × 28 × 28", (), ("relu_backward",)),
    ("MaxPool2d", "8 × 14 × 14", *POOL),
    ("Conv2d", "16 × 14 × 14", *CONVOLUTION),
    ("ReLU", "16 × 14 × 14", (), ("relu_backward",)),
    ("MaxPool2d", "16 × 7 × 7", *POOL),
    ("Flatten", "784", (), ("flatten_backward",)),
    ("Linear", "10 logits", (), ("linear_backward",)),
    ("CrossEntropy", "the loss", ("cross_entropy_loss",), ("cross_entropy_gradient",)),
)
AROUND = ("training_step", "adam_step", "fit")  # what trains the network


@dataclass(frozen=True)
class Part:
    """One function: the lab that it answers, and whether it is the learner's."""

    lab: str
    lesson: str
    yours: bool
    function: Callable[..., Any]


def _chosen(labs: tuple[str, ...], library: bool) -> Part:
    for lab in () if library else labs:
        stored = keeping.answer(lab)
        if stored is not None:
            return Part(lab, registry.get(lab).lesson, True, stored)
    exercise = registry.get(labs[0])
    return Part(exercise.name, exercise.lesson, False, exercise.answer)


class Parts(Card):
    """All of them, each as an attribute. library=True borrows them all, to compare with."""

    template: ClassVar[str] = "network.html"
    network, around = NETWORK, AROUND

    def __init__(self, library: bool = False) -> None:
        self._library = library
        self.renew()

    def renew(self) -> None:
        """Choose anew: what was solved since is the learner's from here on."""
        self.chosen = {name: _chosen(labs, self._library) for name, labs in LABS.items()}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        chosen = vars(self).get("chosen", {})
        if name not in chosen:
            raise AttributeError(f"there is no part {name!r}; there are {', '.join(LABS)}")
        function: Callable[..., Any] = chosen[name].function
        return function

    def count(self) -> tuple[int, int]:
        """(yours, all)."""
        return sum(part.yours for part in self.chosen.values()), len(self.chosen)

    @property
    def summary(self) -> str:
        return "{} of {} functions of this network are yours.".format(*self.count())

    @property
    def mark(self) -> str:
        """A short text that differs where other functions are chosen, for the names of files."""
        return f"{zlib.crc32(repr([(part.lab, part.yours) for part in self.chosen.values()]).encode()):08x}"

    @property
    def borrowed(self) -> list[str]:
        """What to write to have the others too."""
        return [f"{part.lab} (lesson {part.lesson})" for part in self.chosen.values() if not part.yours]

    @property
    def loops(self) -> list[str]:
        """The parts of yours that have a faster version in lesson 08."""
        return [part.lab for name, part in self.chosen.items() if part.yours and part.lab != LABS[name][0]]

    def lines(self) -> list[str]:
        def named(names: tuple[str, ...]) -> str:
            return ", ".join(f"{'✓' if self.chosen[name].yours else '○'} {self.chosen[name].lab}" for name in names)

        rows = [
            f"  {layer:12} {shape:13} forward {named(ahead) or '-'}; backward {named(back) or '-'}"
            for layer, shape, ahead, back in NETWORK[1:]
        ]
        ends = [f"Borrowed: {', '.join(self.borrowed)}."] if self.borrowed else []
        return [self.summary, *rows, f"  around it: {named(AROUND)}", *ends]
