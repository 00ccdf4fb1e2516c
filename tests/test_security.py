"""Nothing is evaluated, unpickled or fetched unasked; what comes from a learner is text wherever HTML is made."""

import ast
import html.parser
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import every_story
from strategies import anything, arrays_like
from test_fuzz import sentence_or_result
from traitlets import TraitError

import course_lib
from course_lib import exercises, layers, progress, training
from course_lib.exercises import predictions
from course_lib.exercises.engine.symptom import Symptom, guarded_symptom
from course_lib.exercises.engine.verdict import Picture
from course_lib.frames.story import Grid, Step, Story
from course_lib.looks import INPUT
from course_lib.losses import CrossEntropyLoss
from course_lib.optim import SGD
from course_lib.widgets import dashboard, digit_pad, player, still
from course_lib.widgets.flow_explorer import FlowExplorer, explore_flow
from course_lib.widgets.scripts import script

PACKAGE = Path(course_lib.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
RUN_TEXT = {"eval", "exec", "compile", "__import__", "breakpoint"}
RUN_FILES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "subprocess", "imp", "runpy"}
LOAD = {"load", "fromfile", "genfromtxt", "loadtxt", "memmap", "fromregex"}  # NumPy's, which ask for care


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def name_of(function):
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def dangers(source):
    """What a module does that no module of this course should."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {alias.name}" for alias in node.names if alias.name.partition(".")[0] in RUN_FILES)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in RUN_FILES:
            yield f"from {node.module} import"
    for call in calls(tree):
        if isinstance(call.func, ast.Name) and call.func.id in RUN_TEXT:
            yield f"{call.func.id}()"
        if ast.unparse(call.func) in {"os.system", "os.popen", "os.execv", "os.spawnl"}:
            yield ast.unparse(call.func)
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) in {"np", "numpy"}:
            if call.func.attr in LOAD:
                yield ast.unparse(call.func)
        for keyword in call.keywords:
            if keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False":
                yield "allow_pickle"
            if keyword.arg == "shell":
                yield "shell"


THEIR_TASK = {
    # subscripts of a learner's own line, evaluated again in its frame to show which cells it reads
    "_support/statements.py": ["compile()", "eval()"],
    "study.py": ["import subprocess"],  # JupyterLab, and git for what was committed
    "exercises/keeping.py": ["import subprocess"],  # a fresh Python, in which a stored answer is judged
    "classroom/judging.py": ["import subprocess"],  # the same, for what students hand in
    "publish/lite.py": ["import subprocess"],  # the program that builds the site
    "data.py": ["np.load"],  # mapped, and allow_pickle=False is there, or the search would name it too
}


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_evaluates_text_loads_pickles_or_starts_programs(path):
    assert list(dangers(path.read_text(encoding="utf-8"))) == THEIR_TASK.get(path.relative_to(PACKAGE).as_posix(), [])


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')", "exec(text)", "compile(a, b, c)", "import pickle", "from pickle import loads", "import subprocess",
        "np.load(path)", "f(allow_pickle=True)", "f(allow_pickle=wanted)", "os.system('ls')", "run(shell=True)",
    ],
)  # fmt: skip
def test_the_search_would_find_it(source):
    assert list(dangers(source))


IMPORT_ALL = """
import socket, sys

def forbidden(*args, **kwargs):
    raise AssertionError("a connection was opened")

for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, forbidden)
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = forbidden
import importlib, pkgutil
import course_lib
names = [module.name for module in pkgutil.walk_packages(course_lib.__path__, "course_lib.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
try:
    socket.create_connection(("127.0.0.1", 9))
except AssertionError:
    print("would be seen")
"""


@pytest.mark.slow
def test_importing_every_module_opens_no_connection_and_writes_no_file(tmp_path):
    run = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, encoding="utf-8", cwd=tmp_path)
    count, guarded = run.stdout.split("\n")[:2]
    assert run.returncode == 0 and guarded == "would be seen", run.stderr
    assert int(count) >= len(SOURCES) - 5
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- HTML

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&"  # leaves an attribute first, if it is in one
ALLOWED = {
    "div", "span", "b", "em", "code", "pre", "table", "tr", "th", "td", "a", "p", "br", "img", "style",
    "details", "summary",
}  # fmt: skip


class Tags(html.parser.HTMLParser):
    """What a browser would make of some markup: every tag, with its attributes."""

    def __init__(self, markup):
        super().__init__()
        self.found = []
        self.feed(markup)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def assert_harmless(markup):
    """No tag but those of our own cards, and nothing in any of them that runs, or loads from elsewhere."""
    tags = Tags(markup).found
    assert tags and {tag for tag, _ in tags} <= ALLOWED, markup[:3000]
    for _, attributes in tags:
        assert not [name for name in attributes if name.startswith("on")], attributes
        assert not attributes.get("href", "").lower().strip().startswith("javascript:"), attributes
        assert attributes.get("src", "data:").startswith("data:"), attributes


def test_the_search_for_harm_would_find_it():
    far = ("<img src='http://x'>", "<a href='javascript:1'>", "<b onclick=1>", "<iframe>", "<svg/onload=1>")
    for markup in (EVIL, *far):
        with pytest.raises(AssertionError):
            assert_harmless(markup)


class Evil:
    """Calls itself a script, whatever it is asked."""

    __doc__ = EVIL

    def __repr__(self):
        return EVIL

    __str__ = __repr__


EvilError = type(EVIL, (ValueError,), {"__str__": lambda self: EVIL})


def throws(*case):
    print(EVIL)
    thing = Evil()
    raise EvilError(thing)


def warns(*case):
    import warnings

    warnings.warn(EVIL, stacklevel=1)
    return np.zeros(3)


def named(function):
    function.__name__ = function.__qualname__ = EVIL
    function.__doc__ = EVIL
    return function


def renamed_code():
    """A function whose code, file, line and variables are all called so."""
    names = {}
    source = f"def f(*case):\n    evil = {EVIL!r}\n    raise ValueError({EVIL!r}, evil)  # {EVIL}\n"
    exec(compile(source, EVIL, "exec"), names)
    return names["f"]


def printed_card(answer, name="conv1d"):
    verdict = exercises.get(name).judge(answer)
    return verdict._repr_html_()


ANSWERS = {
    "an exception": throws,
    "a warning": warns,
    "its own name": named(lambda *case: 1 / 0),
    "its source": renamed_code(),
    "text": lambda *case: EVIL,
    "an array of text": lambda *case: np.array([EVIL] * 3),
    "an array of objects": lambda *case: np.array([Evil()] * 3),
    "the names in its dtype": lambda *case: np.zeros(3, [(EVIL, "f8")]),
    "a tuple": lambda *case: (Evil(), EVIL),
    "an object": lambda *case: Evil(),
    "a class": type(EVIL, (), {"__call__": throws}),
    "no function": EVIL,
}


@pytest.mark.sampled(5)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("name", ["conv1d", "conv2d_backward", "Conv2d", "clinic_01"])
def test_a_card_shows_what_comes_from_a_learner_as_text(answer, name):
    assert_harmless(printed_card(answer, name))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_symptom_shows_what_comes_from_a_learner_as_text(answer):
    for name in exercises.names():
        if exercises.get(name).symptom:
            assert_harmless(exercises.get(name).symptom(answer)._repr_html_())


def test_every_field_of_a_symptom_is_text():
    picture = Picture(EVIL, np.ones(2), np.zeros(2), 1e-6, names=(EVIL, EVIL))
    assert_harmless(Symptom(EVIL, head=(EVIL,), rows=[(EVIL, Evil())], picture=picture)._repr_html_())
    assert_harmless(guarded_symptom(lambda f: f())(throws)._repr_html_())


@pytest.mark.parametrize("name", predictions.names())
def test_feedback_shows_an_answer_as_text(name):
    for answer in (EVIL, [EVIL], Evil(), [Evil()], {EVIL: EVIL}, np.array([EVIL])):
        assert_harmless(predictions.Feedback(*predictions.get(name).feedback(answer))._repr_html_())


def test_an_answer_to_a_prediction_can_be_anything_and_is_never_an_exception():
    for name in predictions.names():
        for answer in ("1e400", "1e999999999", "1/0", 10**400, "nan", 1j, [[1], [1, 2]], b"x", lambda: 1, {1}):
            right, says = predictions.get(name).feedback(answer)
            assert right is not True and says


def test_the_dashboard_of_progress_shows_what_a_file_holds_as_text(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    for name in (EVIL, "conv1d"):
        progress.record(name, True)
    board = exercises.board()
    board.lessons[EVIL] = [EVIL]
    assert_harmless(board._repr_html_())


def story(text):
    grid = Grid(text, INPUT, np.ones((2, 2)), (0, 0), caption=text)
    return Story(text, {text: grid}, [Step(text, formula=text), Step(text, numbers=text)])


def puts_out(monkeypatch, module, show):
    """Everything that a widget puts into a notebook, at first and when it is updated: HTML of each."""
    shown = []

    class Handle:
        def update(self, data, **options):
            shown.append(data)

    def display(data, display_id=None, **options):
        shown.append(data)
        return Handle()

    monkeypatch.setattr(module, "display", display)
    show()
    return [data["text/html"] for data in shown if "text/html" in data]


def test_a_still_picture_of_a_story_shows_its_words_as_text(monkeypatch):
    (markup,) = puts_out(monkeypatch, player, player.play(story(EVIL))._ipython_display_)
    assert "alert(1)" in markup  # as words: without them this would not be a test
    assert_harmless(markup)
    assert_harmless(still.fallback_html("", EVIL))


class Named(layers.Linear):
    """A layer whose class is called so."""


Named.__name__ = Named.__qualname__ = EVIL


def reader():
    """A network that reads digits, or would if it were trained."""
    return layers.Sequential(layers.Flatten(), Named(784, 10, rng=np.random.default_rng(0)))


class FailingLoss(CrossEntropyLoss):
    def backward(self):
        raise EvilError


def test_a_board_that_watches_a_training_puts_names_and_errors_out_as_text(monkeypatch, rng):
    monkeypatch.setattr(dashboard, "get_ipython", object)
    x, y = rng.random((8, 1, 28, 28), dtype=np.float32), np.arange(8)
    board = dashboard.Dashboard()

    def train(loss):
        model = reader()
        training.fit(model, loss, SGD(model.parameters(), 0.1), x, y, epochs=1, batch_size=8, rng=rng, watch=board)

    markup = puts_out(monkeypatch, dashboard, lambda: train(CrossEntropyLoss()))
    assert len(markup) == 2 and any(EVIL in name for name, *_ in board.board.norms)
    for piece in markup:
        assert_harmless(piece)

    def fail():
        with pytest.raises(EvilError):
            train(FailingLoss())

    for piece in puts_out(monkeypatch, dashboard, fail):
        assert_harmless(piece)


def test_a_pad_puts_out_what_is_sent_to_it_as_text(monkeypatch):
    pad = digit_pad.DigitPad(reader())
    line = {"strokes": [[[10, 10], [90, 90]]], "example": None, "number": 1}
    for evil in ({"number": EVIL}, {"strokes": [EVIL]}, {"strokes": [[EVIL]]}, {"example": EVIL}):
        with pytest.raises(TraitError):
            pad.drawing = {**line, **evil}
    pad.drawing = {**line, EVIL: EVIL}
    assert pad.drawing == line
    (markup,) = puts_out(monkeypatch, player, pad._ipython_display_)
    assert_harmless(markup)


def test_the_explorer_of_gradient_flow_puts_its_words_out_as_text(monkeypatch):
    explorer = explore_flow(depth=5)
    monkeypatch.setattr(FlowExplorer, "_settings", lambda self: EVIL)
    explorer._measure()
    assert "alert(1)" in explorer.measured["words"]  # which the page sets as text: see MAKES_MARKUP
    for piece in puts_out(monkeypatch, player, explorer._ipython_display_):
        assert_harmless(piece)


# ---------------------------------------------------------------- scripts

MAKES_MARKUP = re.compile(r"(innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|createContextualFragment)")
RUNS_OR_LOADS = re.compile(
    r"\b(eval|Function|fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|import|Worker|open)\s*\("
    r"|\bset(Timeout|Interval)\(\s*[\"'`]|^\s*import\b|https?://(?!www\.w3\.org/)|javascript:|\.(src|href)\s*=",
    re.MULTILINE,
)


def risks(script):
    """What a script does by which data could become markup or code, or be sent away."""
    return MAKES_MARKUP.findall(script) + [match[0] for match in RUNS_OR_LOADS.finditer(script)]


SCRIPTS = [
    "player",
    "dashboard",
    "digit_pad",
    "drawing",
    "flow_explorer",
    "prediction",
    "sketch",
    "walk_explorer",
    "way_to_cell",
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_or_code_of_data_or_talks_to_anybody_but_the_kernel(name):
    pixels = "image.src = `data:image/png;base64,${text}`"  # decoded as pixels, whatever the text is
    assert risks(script(name).replace(pixels, "")) == []
    assert script(name).count(pixels) == (name == "sketch")


def test_every_file_with_javascript_is_part_of_a_script():
    scripts = "".join(map(script, SCRIPTS))
    for path in PACKAGE.glob("widgets/*.js"):  # those of publish/ are parts of pages that have no kernel
        check, headline, *_ = path.read_text(encoding="utf-8").splitlines()
        assert check == "// @ts-check" and headline in scripts


@pytest.mark.parametrize(
    "script",
    [
        "node.innerHTML = x", "document.write(x)", "a.insertAdjacentHTML('x', y)", "eval(x)", "new Function(x)",
        "fetch(x)", "import(x)", "import x from 'y'", "setTimeout('x', 1)", "new WebSocket(x)", "image.src = x",
        "'https://example.org'",
    ],
)  # fmt: skip
def test_the_search_in_scripts_would_find_it(script):
    assert risks(script)


# ---------------------------------------------------------------- files of weights from elsewhere


def model():
    return layers.Sequential(layers.Flatten(), layers.Linear(4, 2, rng=np.random.default_rng(0)))


class Touch:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def array_file(header_shape, dtype="<f4", body=b"", version=1):
    """An .npy file whose header says whatever it is told to."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {header_shape}, }}".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2, "little") + text + body


def pickled(path):
    np.savez(path, **{"1.weight": np.array([Touch(path.parent / "touched")] * 8).reshape(2, 4), "1.bias": np.zeros(2)})


def from_parts(weight, compression=0, **more):
    import zipfile

    def write(path):
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("1.weight.npy", weight)
            archive.writestr("1.bias.npy", array_file("(2,)", body=bytes(8)))
            for name, contents in more.items():
                archive.writestr(name, contents)

    return write


def bare_pickle(path):
    np.save(path.open("wb"), np.array([Touch(path.parent / "touched")]), allow_pickle=True)


GIGANTIC = 10**12
HOSTILE = {
    "a pickle among the arrays": pickled,
    "a pickle alone": bare_pickle,
    "a shape of terabytes": from_parts(array_file(f"({GIGANTIC}, 4)")),
    "a shape beyond every integer": from_parts(array_file(f"({10**40},)")),
    "a negative shape": from_parts(array_file("(-2, 4)")),
    "the right shape and too few bytes": from_parts(array_file("(2, 4)", body=b"x")),
    "a bomb of zeros": from_parts(array_file("(100000000,)", body=bytes(10**8)), compression=8),
    "a header without end": from_parts(array_file("(" + "1," * 30000 + ")"), compression=8),
    "a header that calculates": from_parts(array_file("(2, __import__('os').getpid())")),
    "a dtype of objects": from_parts(array_file("(2, 4)", dtype="|O", body=b"cos\nsystem\n(S'true'\ntR.")),
    "a dtype that is none": from_parts(array_file("(2, 4)", dtype="<script>")),
    "another version": from_parts(array_file("(2, 4)", version=9)),
    "an array more": from_parts(array_file("(2, 4)", body=bytes(32)), extra=b"x"),
    "a path that climbs": from_parts(array_file("(2, 4)", body=bytes(32)), **{"../../evil.npy": b"x"}),
    "a web page": lambda path: path.write_text("<!doctype html><title>404</title>", encoding="utf-8"),
    "nothing": lambda path: path.write_bytes(b""),
}


def damaged_lzma(path):
    from_parts(array_file("(2, 4)", body=bytes(range(32))), compression=14)(path)
    content = bytearray(path.read_bytes())
    start = content.index(b"1.weight.npy") + 12
    content[start + 9 : start + 20] = b"\xff" * 11
    path.write_bytes(content)


HOSTILE["damaged lzma"] = damaged_lzma  # of all ways to pack, the one with an exception of its own


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_weights_are_refused_with_a_reason_and_change_nothing(make, tmp_path):
    path = tmp_path / "weights.npz"
    make(path)
    net = model()
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"weights\.npz must hold weights of this model.*: \S"):
        training.load_weights(net, path)
    assert all(np.array_equal(before[name], array) for name, array in net.state_dict().items())
    assert [one.name for one in tmp_path.iterdir()] == ["weights.npz"]


def test_hostile_weights_are_refused_within_little_memory(tmp_path):
    """The bombs again, in a process that may hold 300 MB more than it does: nothing of theirs is unpacked."""
    pytest.importorskip("resource", reason="this system cannot limit memory")
    paths = []
    for number, kind in enumerate(("a shape of terabytes", "a bomb of zeros", "a header without end")):
        paths.append(str(tmp_path / f"{number}.npz"))
        HOSTILE[kind](Path(paths[-1]))
    program = """
import sys
from course_lib import layers, training
from course_lib.exercises.engine.guard import _memory
net = layers.Linear(4, 2)
with _memory(50 * 2**20):
    for path in sys.argv[1:]:
        try:
            training.load_weights(net, path)
        except ValueError as error:
            print("refused")
"""
    run = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, encoding="utf-8")
    assert run.stdout.split() == ["refused"] * 3, run.stderr


def test_the_files_above_would_be_read_if_they_were_right(tmp_path):
    path = tmp_path / "weights.npz"
    from_parts(array_file("(2, 4)", body=np.arange(8, dtype="<f4").tobytes()))(path)
    net = model()
    training.load_weights(net, path)
    assert net[1].weight.data.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


# ---------------------------------------------------------------- what a page or a learner hands to pictures


@pytest.mark.parametrize("drawing", [
    {}, {"number": 1, "strokes": []}, {"number": 1, "strokes": [[]], "example": None},
    {"number": 1, "strokes": [[[0, np.nan]]], "example": None}, {"number": 1, "strokes": [], "example": 3},
    {"number": True, "strokes": [], "example": None}, {"number": 1, "strokes": [[[0, 10**400]]], "example": 0},
])  # fmt: skip
def test_a_pad_refuses_what_is_no_drawing_and_keeps_the_one_it_had(drawing, rng):
    model = layers.Sequential(layers.Flatten(), layers.Linear(784, 10, rng=rng))
    pad = digit_pad.DigitPad(model, rng.random((3, 1, 28, 28)))
    before = dict(pad.drawing)
    with pytest.raises(TraitError, match=r"^drawing must have .* below 3\), but is \{"):
        pad.set_state({"drawing": drawing})
    assert pad.drawing == before


def calls_of_stories():
    """{name: (function, its arguments by name)} of every story that is made of arrays."""
    made = {
        n: make for n, make in every_story().items() if n not in ("backward_walk", "computation")
    }  # of other things
    return {name: (m.func, inspect.signature(m.func).bind(*m.args, **m.keywords).arguments) for name, m in made.items()}


@pytest.mark.slow
@given(st.sampled_from(sorted(calls_of_stories())), st.data())
@settings(max_examples=500)
def test_a_story_is_made_of_anything_or_refuses_it_in_a_sentence_that_names_an_argument(name, data):
    function, arguments = calls_of_stories()[name]
    changed = data.draw(st.sampled_from(sorted(arguments)))
    value = arguments[changed]
    arguments[changed] = data.draw(arrays_like(value.shape) if isinstance(value, np.ndarray) else anything)
    names = [*inspect.signature(function).parameters, "kernel_size", "output_size", "input_shape", "size", "weights"]
    story = sentence_or_result(lambda: function(**arguments), names)
    if story is not None:
        json.dumps(player.to_json(story), allow_nan=False)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", sorted(calls_of_stories()))
def test_the_largest_and_the_smallest_numbers_are_sent_and_drawn_and_larger_ones_refused_by_their_place(name):
    function, arguments = calls_of_stories()[name]
    arrays = {key: value for key, value in arguments.items() if isinstance(value, np.ndarray)}
    for size in (1e100, 1e-300):
        story = function(**arguments | {key: np.abs(array) * size / 10 for key, array in arrays.items()})
        json.dumps(player.to_json(story), allow_nan=False)
        assert still.png(story)
    for key, array in arrays.items():
        for size in (np.inf, -1e101):
            large = array.astype(float)
            large.flat[-1] = size
            with pytest.raises(
                ValueError, match=rf"^{key} must be (within ±1e\+?100 to be drawn|numbers, none below 0)"
            ):
                function(**arguments | {key: large})
