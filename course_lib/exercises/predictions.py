"""Predict before you look: `predict(name)` asks, and keeps the first answer; `first_guesses` shows them at the end."""

from dataclasses import dataclass
from typing import Any, ClassVar

from IPython.display import display

from course_lib import progress
from course_lib.exercises import registry
from course_lib.exercises.engine.cards import Card, rich
from course_lib.exercises.engine.prediction import Prediction
from course_lib.looks import number

HEADS = {  # symbol, words, the name of the edge's colour
    True: ("✓", "Right", "right"),
    False: ("✗", "Not quite", "wrong"),
    None: ("?", "Your prediction", "neutral"),
}
SKIPPED = "You skipped it; what follows is open. You can still answer."


def names() -> list[str]:
    """The names of all predictions, in lesson order."""
    return list(registry.predictions())


def get(name: str) -> Prediction:
    """The Prediction of that name, such as "01/last_input", or of the name it had before."""
    return registry.prediction(name)


def predict(name: str, answer: Any = None) -> None:
    """Ask a question, and keep the first answer to it. One that was answered before shows its answer again.

    answer: an answer given in code, in place of a click.
    """
    question = get(name)
    reply = _said_before(question) if answer is None else _judged(question, answer)
    from course_lib.widgets.prediction import Question  # here, so that labs are judged where no widget can be drawn

    widget = Question(
        form(question), reply, lambda given: _judged(question, given, skips=True), Asked(question)._repr_html_(),
        lambda: repr(_feedback(question)),
    )  # fmt: skip
    display(widget)


def form(question: Prediction) -> dict[str, Any]:
    """How a question is asked, and what of its lesson it folds, for the widget."""
    return {
        "name": question.name,
        "choices": [[letter, rich(says)] for letter, (says, _) in question.choices.items()],
        "shape": None if question.shape is None else list(question.shape),
        "how": question.how,
        "reveals": question.reveals,
        "code": question.reveals_code,
    }


def _judged(question: Prediction, answer: Any, skips: bool = False) -> dict[str, Any]:
    """What is replied to an answer, which is noted if it is one. None: skipped, if that is meant."""
    if answer is None and skips:
        trouble = progress.record_prediction(question.name, None, False)
        return _with_trouble(_said_before(question), trouble)
    right, says = question.feedback(answer)
    if right is None:
        before = _said_before(question)
        return before | {"status": "neutral", "head": "", "says": rich(says), "parts": [], "answer": shown(answer)}
    trouble = progress.record_prediction(question.name, question.given(answer), right)
    return _with_trouble(_reply(question, question.given(answer), shown(answer)), trouble)


def _said_before(question: Prediction) -> dict[str, Any]:
    """The reply to the answer that was given last."""
    noted = progress.prediction(question.name)
    answer = noted.get("last")
    if answer is None or question.feedback(answer)[0] is None:  # the question may have changed since
        reply: dict[str, Any] = {
            "status": "neutral", "head": "", "says": [], "answer": None, "parts": [],
            "first": [], "opens": False,
        }  # fmt: skip
        return reply | ({"status": "skipped", "says": rich(SKIPPED), "opens": True} if noted else {})
    return _reply(question, answer, shown(answer))


def _reply(question: Prediction, answer: Any, shown: Any) -> dict[str, Any]:
    right, says = question.feedback(answer)
    return {
        "status": "right" if right else "wrong", "head": " ".join(HEADS[right][:2]), "says": rich(says),
        "answer": shown, "parts": [] if right else question.parts(answer), "first": rich(_first(question, answer)),
        "opens": True,
    }  # fmt: skip


def _with_trouble(reply: dict[str, Any], trouble: list[str]) -> dict[str, Any]:
    """The reply, with what went wrong when it was to be noted; it opens what follows all the same."""
    return reply | {"says": [*reply["says"], *(("", f" {sentence}") for sentence in trouble)], "opens": True}


def _first(question: Prediction, answer: Any) -> str:
    """A sentence about the first answer, where it was another one than this."""
    noted = progress.prediction(question.name)
    if not noted or noted["first"] == answer:
        return ""
    if noted["first"] is None:
        return "You had skipped it first."
    return f"Your first answer was {written(question, noted['first'])}."


def shown(answer: Any) -> Any:
    """An answer as the cells to type in show it: texts."""
    if hasattr(answer, "tolist"):
        answer = answer.tolist()
    if isinstance(answer, (list, tuple)):
        return [shown(part) for part in answer]
    return f"{answer:g}" if isinstance(answer, float) else str(answer)


def written(question: Prediction, answer: Any) -> str:
    """An answer in words: "b: ..." or numbers in brackets."""
    if question.choices:
        says, _ = question.choices.get(str(answer), ("", ""))
        return f"{answer}: {says}" if says else str(answer)
    return _numbers(answer)


def _numbers(answer: Any) -> str:
    if isinstance(answer, (list, tuple)):
        return f"[{', '.join(map(_numbers, answer))}]"
    return number(float(answer)) if isinstance(answer, (int, float)) else str(answer)


def _feedback(question: Prediction) -> "Feedback":
    """What a question says as it stands, for those who see no widget."""
    return Feedback(*question.feedback(progress.prediction(question.name).get("last")))


@dataclass(repr=False)
class Feedback(Card):
    """What is said to an answer: right is True, False, or None where there is nothing to judge."""

    right: bool | None
    says: str

    template: ClassVar[str] = "feedback.html"

    @property
    def head(self) -> tuple[str, str]:
        return HEADS[self.right][:2]

    @property
    def colour(self) -> str:
        return HEADS[self.right][2]

    def lines(self) -> list[str]:
        symbol, words = self.head
        return [f"{symbol} {words}: {self.says}"]


@dataclass(repr=False)
class Asked(Card):
    """A question where nothing can be clicked: each choice opens to what is said to it; a number is folded."""

    question: Prediction

    template: ClassVar[str] = "question.html"

    @property
    def choices(self) -> list[tuple[str, str, tuple[str, str]]]:
        """(letter, what it says, (head, what one who picks it is told)) of every choice."""
        found = []
        for letter, (says, _) in self.question.choices.items():
            right, told = self.question.feedback(letter)
            found.append((letter, says, (" ".join(HEADS[right][:2]), told)))
        return found

    @property
    def answer(self) -> str:
        return written(self.question, self.question.right_answer)

    @property
    def why(self) -> str:
        return self.question.why

    @property
    def reveals(self) -> int:
        return self.question.reveals

    @property
    def show(self) -> str:
        """The class of the fold that opens what follows."""
        from course_lib.widgets.prediction import ASKS, slug

        return f"{ASKS}-{slug(self.question.name)}-show"

    def lines(self) -> list[str]:
        return [self.question.how]


# ---------------------------------------------------------------- the end of a lesson


def first_guesses(lesson: str) -> "Guesses":
    """A learner's first guesses of a lesson, such as "01", beside the truth: shows itself in a notebook."""
    asked = [get(name) for name in names() if name.partition("/")[0] == lesson]
    if not asked:
        known = ", ".join(dict.fromkeys(name.partition("/")[0] for name in names()))
        raise ValueError(f"lesson must be one of {known}, but is {lesson!r}")
    noted = progress.predictions()
    return Guesses([_guess(one, noted[one.name]) for one in asked if one.name in noted], len(asked))


def predicted_in() -> dict[str, tuple[int, int]]:
    """Number of a lesson -> (right, all) first answers to its questions, skipped ones left out."""
    noted, found = progress.predictions(), dict[str, tuple[int, int]]()
    for name in names():
        one = noted.get(name, {})
        if one.get("first") is not None:
            number = name.partition("/")[0]
            right, every = found.get(number, (0, 0))
            found[number] = right + bool(one.get("right")), every + 1
    return found


@dataclass
class Guess:
    """One line: a sign, the question, the first guess, the truth; and for a wrong one what was said to it."""

    sign: str
    text: str
    yours: str
    truth: str
    says: str


def _guess(question: Prediction, noted: dict[str, Any]) -> Guess:
    truth = written(question, question.right_answer)
    if noted["first"] is None:
        return Guess("–", question.text, "skipped", truth, question.why)
    if noted.get("right"):
        return Guess("✓", question.text, written(question, noted["first"]), truth, "")
    says = f"{question.explained(noted['first'])} {question.why}".strip()
    return Guess("✗", question.text, written(question, noted["first"]), truth, says)


@dataclass(repr=False)
class Guesses(Card):
    """First guesses beside the truth, those that were wrong with what there is to say."""

    guesses: list[Guess]
    asked: int

    template: ClassVar[str] = "guesses.html"

    @property
    def summary(self) -> str:
        if not self.guesses:
            return f"You have answered none of the {self.asked} questions of this lesson yet."
        right = sum(guess.sign == "✓" for guess in self.guesses)
        summary = f"You predicted {right} of {len(self.guesses)} at the first guess."
        left = self.asked - len(self.guesses)
        return f"{summary} {left} {'question is' if left == 1 else 'questions are'} still open." if left else summary

    def lines(self) -> list[str]:
        lines = [self.summary]
        for guess in self.guesses:
            lines.append(f"{guess.sign} {guess.text} You: {guess.yours}. The answer: {guess.truth}.")
            lines += [f"  {guess.says}"] if guess.says else []
        return lines
