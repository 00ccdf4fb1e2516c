"""Questions come back after 1, 3, 10 and 30 days: `recall()` asks up to five of them, in about three minutes.

Those answered wrongly come first. What has numbers comes back with others. Nothing reminds anybody: who never calls
`recall` never hears of it.
"""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import numpy as np
from IPython.display import display

from course_lib import progress
from course_lib.exercises import predictions, registry
from course_lib.exercises.engine.cards import Card, rich
from course_lib.exercises.engine.prediction import Prediction

DAYS = 1, 3, 10, 30  # until each return, counted from the one before
AT_ONCE = 5
MINUTES = 3
LEFT_OUT = "It comes back another time. The answer is {answer}. {why}"
NONE_YET = "Nothing can come back yet: questions that you answer in the lessons return here after a day."
NONE_NOW = "Nothing has come back. The next question returns in {when}."
NONE_EVER = "Everything has come back as often as it does. There is nothing left to ask."
MORE = "For the others, run the cell again when you have answered these."


def recall(now: datetime | None = None) -> None:
    """Ask up to five questions that have come back, those answered wrongly first.

    now: the time to go by; without a time zone it is UTC. None: the present.
    """
    now = _in_utc(now)
    waiting = due(now)
    asked, noted = waiting[:AT_ONCE], progress.predictions()
    display(Returns(_summary(asked, waiting, now)))
    for number, name in enumerate(asked, start=1):
        question = predictions.get(name)
        drawn = question.redrawn(_generator(name, noted[name]))
        display(Returning(f"{number} of {len(asked)}", *_place(question), drawn.text))
        display(_widget(drawn, now))


def due(now: datetime | None = None) -> list[str]:
    """The names of the questions that have come back: those answered wrongly first, then the longest waiting."""
    now = _in_utc(now)
    noted = progress.predictions()
    returns = [(_was_right(noted[name]), time, name) for name, time in _returns(noted).items() if time <= now]
    return [name for *_, name in sorted(returns)]


def _in_utc(now: datetime | None) -> datetime:
    if now is None:
        return datetime.now(UTC)
    if not isinstance(now, datetime):
        raise TypeError(f"now must be a datetime, but is {now!r}")
    return now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)


def _returns(noted: progress.Entries) -> dict[str, datetime]:
    """Question -> the time of its next return, for all that were answered or skipped and still return."""
    found = {}
    for name in (name for name in predictions.names() if name in noted):
        slot = max(0, noted[name].get("slot", 0))
        since = _time(noted[name].get("since") or noted[name]["answered"])
        if since is not None and slot < len(DAYS) and predictions.get(name).comes_back:
            found[name] = since + timedelta(days=DAYS[slot])
    return found


def _time(text: str | None) -> datetime | None:
    """None for what is no time: the file may have been written by hand."""
    try:
        return _in_utc(datetime.fromisoformat(text)) if text else None
    except ValueError:
        return None


def _was_right(noted: dict[str, Any]) -> bool:
    """Whether the last answer that counted was right: that at the last return, or the first of all."""
    return bool(noted.get("again", noted.get("right")))


def _generator(name: str, noted: dict[str, Any]) -> np.random.Generator:
    """The same numbers until the question is answered, however often the cell is run."""
    return np.random.default_rng(zlib.crc32(f"{name} {noted.get('slot')} {noted.get('since')}".encode()))


def _place(question: Prediction) -> tuple[str, str]:
    """(notebook, without its ending; the number of its lesson) in which a question was asked first."""
    number = question.name.partition("/")[0]
    notebook = next((notebook for notebook in registry.lessons() if notebook.startswith(f"{number}_")), "")
    return notebook, number


def _summary(asked: list[str], waiting: list[str], now: datetime) -> str:
    if asked:
        of = "" if len(asked) == len(waiting) else f"of the {len(waiting)} questions that have "
        minutes = max(1, round(MINUTES * len(asked) / AT_ONCE))
        unit = "minute" if minutes == 1 else "minutes"
        if of:
            return f"{len(asked)} {of}come back, about {minutes} {unit}. {MORE}"
        counted = "1 question has" if len(asked) == 1 else f"{len(asked)} questions have"
        return f"{counted} come back, about {minutes} {unit}."
    noted = progress.predictions()
    returns = _returns(noted).values()
    if returns:
        return NONE_NOW.format(when=_span(min(returns) - now))
    return NONE_EVER if any(name in noted for name in predictions.names()) else NONE_YET


def _span(left: timedelta) -> str:
    hours = -(-left // timedelta(hours=1))
    if hours < 48:
        return "an hour" if hours == 1 else f"{hours} hours"
    return f"{-(-hours // 24)} days"


def _widget(question: Prediction, now: datetime) -> Any:
    """Asks a question that has come back; only the first answer counts for when it comes back next."""
    from course_lib.widgets.prediction import Question  # here, so that labs are judged where no widget can be drawn

    counted = False

    def judged(given: Any) -> dict[str, Any]:
        nonlocal counted
        if given is None:
            says = LEFT_OUT.format(answer=predictions.written(question, question.right_answer), why=question.why)
            return _reply("skipped", "", says, None)
        right, says = question.feedback(given)
        if right is None:
            return _reply("neutral", "", says, None) | {"opens": False}
        trouble = [] if counted else progress.record_return(question.name, right, now)
        counted = True
        head = " ".join(predictions.HEADS[right][:2])
        reply = _reply("right" if right else "wrong", head, " ".join([says, *trouble]), question.given(given))
        return reply | {"parts": [] if right else question.parts(given)}

    asked = predictions.form(question) | {"name": f"{question.name} again", "reveals": None, "code": False}
    reply = _reply("neutral", "", "", None) | {"says": [], "opens": False}
    still = predictions.Asked(question)
    return Question(asked, reply, judged, still._repr_html_(), lambda: repr(still))


def _reply(status: str, head: str, says: str, answer: Any) -> dict[str, Any]:
    return {
        "status": status, "head": head, "says": rich(says),
        "answer": None if answer is None else predictions.shown(answer), "parts": [], "first": [], "opens": True,
    }  # fmt: skip


@dataclass(repr=False)
class Returns(Card):
    """The line above the questions that have come back, or about when the next one does."""

    summary: str

    template: ClassVar[str] = "returns.html"

    def lines(self) -> list[str]:
        return [self.summary]


@dataclass(repr=False)
class Returning(Card):
    """The text of one question that has come back, and where it was asked first."""

    number: str
    notebook: str
    lesson: str
    text: str

    template: ClassVar[str] = "returning.html"

    def lines(self) -> list[str]:
        return [f"{self.number} · lesson {self.lesson}: {self.text}"]
