"""Prints as JSON what the labs make of all right and all independent wrong answers. Run on CPython and in Pyodide."""

import json
import os
import sys
import time
import warnings
from collections import Counter

sys.path.insert(0, os.environ.get("COURSE_ANSWERS", "/tests/exercises"))
warnings.simplefilter("ignore")

import clinic_answers  # noqa: E402, F401 (notes more answers)
import reported_answers  # noqa: E402, F401 (notes more answers)
from right_answers import RIGHT  # noqa: E402
from wrong_answers import WRONG  # noqa: E402

from course_lib import exercises  # noqa: E402

begun = time.monotonic()
told, seen = {}, Counter()
for kind, answers in (("right", RIGHT), ("wrong", [(lab, answer) for lab, _, answer in WRONG])):
    for lab, answer in answers:
        verdict = exercises.get(lab).judge(answer, explain=False)
        name = f"{kind}: {lab} {getattr(answer, '__name__', type(answer).__name__)}"
        seen[name] += 1
        names = {tensor: sorted(sentences) for tensor, sentences in verdict.mistakes.items()}
        told[name if seen[name] == 1 else f"{name} ({seen[name]})"] = [verdict.status, names]
print(json.dumps({"seconds": time.monotonic() - begun, "told": told}))
