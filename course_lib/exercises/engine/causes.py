"""What a learner is told of a mistake that any lab can have: a factor, a sign, other axes, a sum too many.

Each sentence says how the array relates to the right one, which was tried in every call, and asks what may cause it.
"""

from collections.abc import Sequence

from course_lib import looks

FIGURES = 4

SIGN = "Every value of {tensor} has the wrong sign."
ZERO = "Every value of {tensor} is 0. Is anything written into the array that is returned?"
LARGER = (
    "Every value of {tensor} is {number} times as large as it should be. "
    "Is something counted more than once, or is a factor left over, such as the 2 of a squared error?"
)
SMALLER = (
    "Every value of {tensor} is {number} times what it should be. "
    "Is a mean taken where a sum belongs, or is a factor left over, such as a learning rate?"
)
NEGATIVE = "Every value of {tensor} is {number} times what it should be: the sign is wrong, and a factor is left over."
MULTIPLIED = "Every value of {{tensor}} {wrong}is multiplied by {name}. Is something counted that often?"
DIVIDED = "Every value of {{tensor}} {wrong}is divided by {name}. Is a mean taken where a sum belongs?"
TIMES_ARGUMENT = (
    "Every value of {{tensor}} {wrong}is multiplied by {name}. Is it a factor too many, or is a division by it missing?"
)
DIVIDED_BY_ARGUMENT = (
    "Every value of {{tensor}} {wrong}is divided by {name}. Is that a division too many, or is the factor missing?"
)
SIGN_TOO = "has the wrong sign, and "

SQUARED = "Every value of {tensor} is the square of what it should be."
RECIPROCAL = "Every value of {tensor} is one divided by what it should be."
WITHOUT_SIGN = "The negative values of {tensor} have lost their sign."
WHOLE_NUMBERS = (
    "Every entry of {tensor} is a whole number. "
    "Either an integer array drops the decimals, or a number is hard-coded and does not depend on the arguments."
)
SHIFTED = "Every value of {tensor} differs from the right one by the same number, {shift}. Where is that added?"
ADDED = (
    "{{tensor}} contains {times}{name} in addition. "
    "The gradient of the loss does not: what is added for another reason, such as weight decay, belongs elsewhere."
)
STARTED = "{{tensor}} contains {name} in addition. Does an array start from {name} in place of zeros?"
TIMES = "{tensor} is multiplied by {name}, entry by entry, once too often."
ARGUMENT = "What comes out as {tensor} is {text}. What is still to be done with it?"

REORDERED = (
    "{{tensor}} has the right values, but {text}. "
    "Is a transpose missing, is there one too many, or are two indices exchanged?"
)
REVERSED = (
    "{{tensor}} has the right values, but {text}. "
    "Is it turned without need, or does an index run in the wrong direction?"
)
RESHAPED = (
    "{tensor} has the right values in the right order, but another shape. "
    "Is an axis of length 1 left over (`keepdims`, `[:, None]`) or lost (`squeeze`), or is a reshape missing?"
)
UNSUMMED = "{{tensor}} would be right if it were summed over its axis {axes}. Does a sum leave something out?"
OVERSUMMED = "{{tensor}} is summed over axis {axes} of the right one as well. That axis must remain."
CUT_OFF = (
    "{tensor} is too small: its values are right, but the end is missing. "
    "Is the number of outputs, or of turns of a loop, too small?"
)
AROUND = (
    "{tensor} is too large: the right values are in it, with more entries around them. "
    "Is padding left over, or is a size too large?"
)

ONE_END_WRONG = "Only the {end} entry of {{tensor}} along axis {axis} is wrong. Does your loop reach it?"
ONE_END_RIGHT = (
    "Only the {end} entry of {{tensor}} along axis {axis} is right. "
    "Is `return` inside a loop, is the array made anew inside it, or does an index never change?"
)
HOLES = (
    "Every value of {tensor} that is not 0 is right, but some are 0 that should not be. "
    "Are they never filled, or filled and then overwritten?"
)
MOVED = "{{tensor}} has the right values, moved by {far} along {axes}. From where do you count?"

ADDED_UP = (
    "{{tensor}} is a running total along axis {axis}: each entry holds those before it as well. "
    "Is an array or a number to be set back to 0 inside the loop?"
)
SUM_EVERYWHERE = (
    "Every entry of {{tensor}} along axis {axes} holds the sum over that axis. "
    "Each of them must get its own value. Is an index missing?"
)
ONE_EVERYWHERE = "All entries of {{tensor}} along axis {axis} hold the {end} one. Does an index never change?"
WHERE_WRONG = "Wherever {tensor} is wrong: "
STILL = "It still does what it did when you found it, and something else is wrong as well."
MOST_CAUSES = 3  # that are told of the same arrays
OR = " Or: "  # between two causes that explain the same arrays

AS_IF = "{{tensor}} is in every call what would be right {says}. {why}"


def of_factor(number: float) -> str:
    text = looks.number(number, FIGURES)
    chosen = NEGATIVE if number < 0 else LARGER if number > 1 else SMALLER
    return chosen.format(number=text, tensor="{tensor}")


def of_quantity(verb: str, name: str, sign: int) -> str:
    """What is said of a factor: a size of an array, which a sum or a mean may bring, or a number that was given."""
    is_size = "." in name or "[" in name
    of_size, of_argument = (MULTIPLIED, TIMES_ARGUMENT) if verb == "times" else (DIVIDED, DIVIDED_BY_ARGUMENT)
    return (of_size if is_size else of_argument).format(name=name, wrong=SIGN_TOO if sign < 0 else "")


def of_added(name: str, times: float) -> str:
    """What is said of a multiple of an argument that was added."""
    if abs(times - 1) < 1e-6:
        return STARTED.format(name=name)
    return ADDED.format(times=f"{looks.number(times, FIGURES)} times ", name=name)


def of_axes(text: str, reordered: bool) -> str:
    return (REORDERED if reordered else REVERSED).format(text=text)


def either(explanations: Sequence[Sequence[str]]) -> list[str]:
    """The sentences of an explanation; where several explain the same arrays, all of them, joined by "or"."""
    found = list({frozenset(sentences): list(sentences) for sentences in reversed(explanations)}.values())[::-1]
    found = found[:MOST_CAUSES]
    if len(found) < 2:
        return found[0] if found else []
    shared = [sentence for sentence in found[0] if all(sentence in others for others in found)]
    rest = [" ".join(sentence for sentence in one if sentence not in shared) for one in found]
    return [*shared, OR.join(rest)]
