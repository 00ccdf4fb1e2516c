"""Where the time goes, and how fast something is: measured here and now, shown as cards.

by_part(step, parts)      which of the functions that a step is made of takes how much of it
by_line(f, *arguments)    the same, for the lines of one function
compare({name: call})     several calls beside each other
rates({name: step}, n)    images a second of steps that learn from n images each
ladder, card              pictures of such speeds
"""

import ast
import inspect
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, ClassVar, Literal, NamedTuple

from course_lib import looks
from course_lib._support.clock import fastest, patience, step_of_the_clock
from course_lib.exercises.engine.cards import Card

__all__ = ["Bars", "by_line", "by_part", "card", "compare", "fastest", "ladder", "rates"]

TEXT_BAR = 24  # characters
MNIST = 60_000  # images of an epoch


Role = Literal["input", "output", "gradient", "count"]  # as in looks


class Bar(NamedTuple):
    """A row of a card: `share` (0 to 1) is the length of its bar, `text` what is written beside it."""

    label: str
    share: float
    text: str
    role: Role = "input"

    @property
    def percent(self) -> str:
        """The length of the bar for a style, never too short to be seen."""
        return f"{max(100 * self.share, 0.4):.1f}%"

    @property
    def colour(self) -> str:
        return looks.PALETTE[self.role].light


@dataclass(repr=False)
class Bars(Card):
    """Bars with a heading above and sentences below them; is_code: their labels are lines of a program."""

    title: str
    bars: list[Bar]
    says: tuple[str, ...] = ()
    is_code: bool = False

    template: ClassVar[str] = "bars.html"

    def lines(self) -> list[str]:
        labels, texts = (max(len(bar[column]) for bar in self.bars) for column in (0, 2))
        rows = []
        for bar in self.bars:
            block = ("█" * round(TEXT_BAR * bar.share)).ljust(TEXT_BAR)
            rows.append(
                f"  {bar.text:>{texts}} {block} {bar.label}".rstrip()
                if self.is_code
                else f"  {bar.label:<{labels}} {block} {bar.text}"
            )
        return [self.title, *rows, *(f"  {sentence}" for sentence in self.says)]


# ---------------------------------------------------------------- where the time goes


def by_part(step: Callable[[dict[str, Any]], Any], parts: Mapping[str, Callable[..., Any]], rounds: int = 15) -> Bars:
    """Run step(parts) a few times, and show how much of the fastest run each of the functions in `parts` took."""
    runs, begun = [], time.perf_counter()
    while not runs or (len(runs) < rounds and time.perf_counter() - begun < patience()):
        runs.append(_shares_of_a_run(step, parts))
    whole, spent = min(runs, key=lambda run: run[0])
    bars = [Bar(name, value / whole, _share(value / whole)) for name, value in spent.items()]
    return Bars(f"One step: {_duration(whole)}", sorted(bars, key=lambda bar: -bar.share))


def _shares_of_a_run(
    step: Callable[[dict[str, Any]], Any], parts: Mapping[str, Callable[..., Any]]
) -> tuple[float, dict[str, float]]:
    """(seconds of step(parts), seconds in each part and in everything else)."""
    spent = dict.fromkeys(parts, 0.0)

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = function(*args, **kwargs)
            spent[name] += time.perf_counter() - start
            return result

        return call

    clocked = {name: timed(name, function) for name, function in parts.items()}
    start = time.perf_counter()
    step(clocked)
    whole = max(time.perf_counter() - start, step_of_the_clock())
    return whole, {**spent, "everything else": whole - sum(spent.values())}


def by_line(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Bars:
    """Call f, and show how much of its time went by while each of its lines ran, with all that the line calls."""
    own = inspect.unwrap(f)
    source, first = inspect.getsourcelines(own)
    spent, untraced = _seconds_of_lines(own, args, kwargs)
    whole = max(sum(spent.values()), step_of_the_clock())
    rows = []
    for number in _lines_of_code("".join(source)):
        share = spent.get(first + number - 1, 0.0) / whole
        rows.append(Bar(source[number - 1].rstrip(), share, _share(share) if share else ""))
    return Bars(
        f"{own.__name__}, line by line",
        rows,
        (
            f"Without the clock it takes {_duration(untraced)}, with a clock at every line {_duration(whole)}: "
            "the clock lengthens lines that run often and do little.",
        ),
        is_code=True,
    )


def _lines_of_code(source: str) -> list[int]:
    """The numbers of a function's lines from `def` on, without empty ones, comments and the docstring."""
    (node,) = ast.parse(textwrap.dedent(source)).body
    assert isinstance(node, ast.FunctionDef)
    first, lines = node.body[0], source.splitlines()
    docstring = range(0)
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        docstring = range(first.lineno, (first.end_lineno or first.lineno) + 1)
    return [
        number
        for number, text in enumerate(lines, 1)
        if number >= node.lineno and number not in docstring and text.strip() and not text.lstrip().startswith("#")
    ]


def _seconds_of_lines(
    own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], rounds: int = 15
) -> tuple[dict[int, float], float]:
    """({line number: seconds} of the fastest of a few calls, seconds of a call without the clock)."""
    spent: dict[int, float] = {}
    now, line = 0.0, 0

    def local(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal now, line
        passed = time.perf_counter() - now
        if line:
            spent[line] = spent.get(line, 0.0) + passed
        line = 0 if event == "return" else frame.f_lineno
        now = time.perf_counter()
        return local

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        return local if frame.f_code is own.__code__ else None  # type: ignore[attr-defined]

    untraced = fastest({"call": lambda: own(*args, **kwargs)}, rounds)["call"]
    before, begun, runs = sys.gettrace(), time.perf_counter(), []
    while not runs or (len(runs) < rounds and time.perf_counter() - begun < patience()):
        spent = {}
        sys.settrace(trace)
        try:
            own(*args, **kwargs)
        finally:
            sys.settrace(before)
        runs.append(spent)
    return min(runs, key=lambda run: sum(run.values())), untraced


# ---------------------------------------------------------------- how fast it is


def compare(calls: Mapping[str, Callable[[], Any]], title: str = "Time of one call", rounds: int = 40) -> Bars:
    """Time calls beside each other; each is compared with the fastest of them."""
    seconds = fastest(calls, rounds)
    least, most = min(seconds.values()), max(seconds.values())
    bars = []
    for name, value in seconds.items():
        times = f", {_rounded(value / least)} times the least" if value > 1.05 * least else ""
        bars.append(Bar(name, value / most, f"{_duration(value)}{times}"))
    return Bars(title, bars)


def rates(
    steps: Mapping[str, Callable[[], Any]], images: int, rounds: int = 15, seconds: float | None = None
) -> dict[str, float]:
    """Images a second, for steps that learn from so many images each; they take turns, and the best of each counts."""
    return {name: images / taken for name, taken in fastest(steps, rounds, seconds).items()}


def ladder(rates: Mapping[str, float], title: str = "Images a second", others: tuple[str, ...] = ()) -> Bars:
    """Speeds from the first to the last as bars; each is compared with the first. others: names drawn in grey."""
    highest, first = max(rates.values()), next(iter(rates.values()))
    bars = []
    for number, (name, value) in enumerate(rates.items()):
        times = f", {_rounded(value / first)} times the first" if number else ""
        role: Role = "count" if name in others else "input"
        bars.append(Bar(name, value / highest, f"{_rounded(value)}{times}", role))
    return Bars(title, bars)


def card(before: float, now: float, library: float, whose: str = "", images: int = MNIST) -> Bars:
    """The speed card: images a second of a network on loops, of the same network now, and of the library's.

    whose: a sentence on whose functions those are. images: how many an epoch has.
    """
    found = ladder(
        {"with loops": before, "now": now, "the library": library},
        f"{_rounded(before)} images a second with loops, now {_rounded(now)}; the library {_rounded(library)}",
        others=("the library",),
    )
    epoch = (
        f"An epoch of {images:,} images takes {_duration(images / now)} with it; "
        f"with loops it would be {_duration(images / before)}.".replace(",", " ")
    )
    found.says = (epoch, whose) if whose else (epoch,)
    return found


def _rounded(value: float) -> str:
    """A speed in two figures, as 1700 for 1685: the next run gives another third one."""
    return looks.number(float(f"{value:.2g}"), 2)


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"


def _duration(seconds: float) -> str:
    """12 ms, 3.4 s, 19 minutes, 2.1 hours."""
    for unit, size in (("hours", 3600), ("minutes", 60), ("s", 1)):
        if seconds >= size * (2 if size > 1 else 1):
            return f"{_rounded(seconds / size)} {unit}"
    return f"{_rounded(1000 * seconds)} ms"
