"""A recording of a learner's own code, played: beside it a right answer on the same clock, halted where they part."""

from course_lib.frames.parting import clock
from course_lib.frames.traced import TracedStory
from course_lib.widgets.player import Player


class Watched(Player):
    """`story`: the learner's code as a Story, None where a sentence says why there is none; `right`: one beside it."""

    def __init__(self, story: TracedStory | str, right: TracedStory | None = None) -> None:
        self.story = None if isinstance(story, str) else story
        self.right = right
        self.sentence = story if isinstance(story, str) else ""
        super().__init__(*(one for one in (self.story, right) if one is not None))
        if self.story is None:
            self.explain(self.sentence)
        elif right is not None:
            ticks = clock(self.story, right)
            halt = None if self.story.parted is None else [mine for mine, _ in ticks].index(self.story.parted[0])
            self.stories = {**self.stories, "clock": ticks, "halt": halt}

    def __repr__(self) -> str:
        return self.sentence or super().__repr__()
