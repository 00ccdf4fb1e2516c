"""The labs: exercises that tell a learner which mistake it is.

f = check(f)                    in a notebook: a card, and the function to go on with
watch(f)                        plays a learner's code, line by line
examine(name), examine(f)       what a broken function shows, and what a learner's does
case(name), f = treat(f)        in the bug clinic: a case and its question, and a learner's treatment
exercises.get(name).judge(f)    in a program: a Verdict
predict(name)                   a question before you look; the first answer is kept
draw(name)                      a lab that is answered by drawing a gradient
first_guesses(lesson)           those first answers beside the truth
recall()                        up to five questions that have come back after some days
exam(seed)                      an operator without a name: forward, dx and dw on an empty page
board()                         which labs are solved, and which comes next
"""

from course_lib.exercises.board import board
from course_lib.exercises.checking import check
from course_lib.exercises.drawing import draw
from course_lib.exercises.engine.case import Case
from course_lib.exercises.engine.exercise import Exercise
from course_lib.exercises.engine.verdict import Verdict
from course_lib.exercises.examining import case, examine, treat
from course_lib.exercises.exams import exam
from course_lib.exercises.predictions import first_guesses, predict
from course_lib.exercises.recalling import recall
from course_lib.exercises.registry import get, names
from course_lib.exercises.watching import watch

__all__ = [
    "Case", "Exercise", "Verdict", "board", "case", "check", "draw", "exam", "examine", "first_guesses", "get", "names",
    "predict", "recall", "treat", "watch",
]  # fmt: skip
