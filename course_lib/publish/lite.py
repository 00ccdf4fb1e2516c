"""The course as a web site in which Python runs in the reader's browser: nothing to install, no server.

    python -m course_lib.publish.lite OUT                     Python comes from the public network, as in JupyterLite
    python -m course_lib.publish.lite OUT --pyodide FOLDER    or from this folder: the site then needs no network

Needs requirements-lite.txt. FOLDER is Pyodide's own distribution; the files that the course needs (`pyodide.json`) are
checked against their SHA-256 and copied. MNIST is put into the site if COURSE_DATA_DIR names a folder that has it.
If there is a Python 3.12 (the version of Pyodide's), the site carries compiled files, and a kernel starts sooner.
Try the site with: python -m http.server -d OUT
"""

import argparse
import copy
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import nbformat
from markupsafe import Markup

from course_lib import data, looks
from course_lib._support.folding import fold
from course_lib._support.places import NOTEBOOKS, ROOT, number
from course_lib._support.templates import templates
from course_lib.publish import build

PUBLIC = "https://cdn.jsdelivr.net/pyodide/v{version}/full/"
PYODIDE = json.loads(Path(__file__).with_name("pyodide.json").read_text(encoding="utf-8"))  # what is loaded, with sums
SUMS = {name: file["sha256"] for name, file in PYODIDE["core"].items()}
SUMS |= {one["file_name"]: one["sha256"] for one in PYODIDE["packages"].values()}
OURS = (
    "anywidget",
    "comm",
    "ipywidgets",
    "jinja2",
    "markupsafe",
    "platformdirs",
    "psygnal",
    "tqdm",
    "typing_extensions",
)
KERNEL = "@jupyterlite/pyodide-kernel-extension"
EXTENSIONS = (KERNEL, "@jupyter-widgets/jupyterlab-manager", "anywidget", "jupyterlab_pygments")
PLACE = "static/course"  # in the site: what a kernel loads
START = "start.js"  # there: what it loads first
COURSE = "course.zip"
FONTS = "matplotlib/fontlist.json"  # Pyodide's is of another version, so each kernel would make one, and say so in red
MARK = "conv-gradients-course.json"  # a folder that holds it was made here, and may be replaced
MNIST = "mnist"  # the folder, beside the lessons, in which the course looks for MNIST in a browser
NOT_THERE = {"publish", "classroom", "__pycache__"}  # parts of course_lib that a browser has no use for
NOT_OF_OURS = {"..", "nbextension", "labextension", "tests", "sboms"}  # parts of the packages: likewise
STDLIB = "python_stdlib.zip"
COMPILED_STDLIB = "compiled_stdlib.zip"
SITE_PACKAGES = "/lib/python3.12/site-packages"
# What no start of a kernel imports is not compiled:
RARE = r"/(tests?|f2py|distutils|sphinxext)/|/(matplotlib|numpy)/testing/|/pygments/lexers/(?!__init__|_mapping|python)"
# What a kernel would fetch one by one, with micropip, if its settings did not name it: start.js loads all at once.
ASKED_FOR = ["micropip", "piplite", "ssl", "sqlite3", "ipykernel", "comm", "pyodide_kernel", "jedi", "ipython"]
IN_A_BROWSER = """\
<div class="alert alert-info">

**This course runs inside your browser.** What you write is kept there, on this computer, and nothing is sent anywhere:
download what you want to keep (right click on a file, *Download*). Three things differ from the course on a computer:

- A check stops an answer after 20 s. Elsewhere there is no stop button: a cell that never ends is stopped by
  *Kernel > Restart Kernel*. Nothing that you solved is lost by it.
- NumPy does not warn of a division by zero or an overflow here.
- MNIST is used if its four files are in the folder `mnist` (drag them there); else the course's own digits are.

</div>
"""

_TEMPLATES = templates("course_lib.publish")


def site(out, pyodide=None):
    """Build the site in the folder `out`, which is new, or was made here before. Raises SystemExit with a sentence."""
    out = Path(out).absolute()
    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise SystemExit(f"{out} holds something else: name a new folder")
    if find_spec("jupyterlite_core") is None or find_spec("jupyterlite_pyodide_kernel") is None:
        raise SystemExit("JupyterLite is missing: pip install -r requirements-lite.txt")
    with tempfile.TemporaryDirectory() as scratch:
        made, contents = Path(scratch) / "site", Path(scratch) / "contents"
        _write_lessons(contents)
        _jupyterlite(Path(scratch), contents, made)
        lock = add_python(made, pyodide and Path(pyodide))
        _write_first_page(made, lock, "" if pyodide else PUBLIC.format(version=PYODIDE["info"]["version"]))
        (made / MARK).write_text(json.dumps({"pyodide": PYODIDE["info"]["version"]}), encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(made, out)
    return out


# ---------------------------------------------------------------- lessons


def _write_lessons(contents):
    """A reader's copies: what would answer an open question is folded."""
    contents.mkdir()
    for name in build.notebooks():
        path = NOTEBOOKS / f"{name}.ipynb"
        if build.was_changed(path):
            raise SystemExit(f"{path} holds somebody's work, or was not built here: build it anew first")
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["kernelspec"] = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
        cells = json.loads(json.dumps(notebook.cells))
        fold(cells, lambda question: False)
        notebook.cells = nbformat.from_dict(cells)
        if name == build.lessons()[0]:
            notebook.cells.insert(1, nbformat.v4.new_markdown_cell(IN_A_BROWSER, id="in-a-browser"))
        # texts whole: no server joins their lines here, and JupyterLab puts commas between
        nbformat.write(notebook, contents / f"{name}.ipynb", split_lines=False)
    folder = contents / MNIST
    folder.mkdir()
    (folder / "README.md").write_text(
        "# MNIST\n\nPut these four files here to train on MNIST itself:\n\n"
        + "".join(f"- {name}\n" for name in data.FILES),
        encoding="utf-8",
    )
    own = data.own_folder()
    if own and all((own / name).is_file() for name in data.FILES):
        for name in data.FILES:
            shutil.copy(own / name, folder)


# ---------------------------------------------------------------- JupyterLite


def _jupyterlite(scratch, contents, made):
    """JupyterLab without a server, with the extensions that the course needs and no others, and the lessons."""
    extensions = [Path(sys.prefix) / "share" / "jupyter" / "labextensions" / name for name in EXTENSIONS]
    missing = [path.name for path in extensions if not path.is_dir()]
    if missing:
        raise SystemExit(f"These extensions of JupyterLab are missing from {sys.prefix}: {', '.join(missing)}")
    settings = {
        "pyodideUrl": f"./{PLACE}/{START}",
        "disablePyPIFallback": True,
        "loadPyodideOptions": {
            "lockFileURL": f"./{PLACE}/lock.json",
            "packages": ASKED_FOR,
            "env": {
                "HOME": "/home/pyodide", "PYTHONPATH": "/drive", "COURSE_WORK": "/drive",
                "COURSE_DATA_DIR": f"/drive/{MNIST}",
            },
        },
    }  # fmt: skip
    config = {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "Gradients through a convolutional network",
            "exposeAppInBrowser": True,
            "litePluginSettings": {f"{KERNEL}:kernel": settings},
        },
    }
    lite = scratch / "lite"
    lite.mkdir()
    (lite / "jupyter-lite.json").write_text(json.dumps(config), encoding="utf-8")
    options = {"LiteBuildConfig": {"ignore_sys_prefix": ["federated_extensions"]}}
    options["LiteBuildConfig"]["federated_extensions"] = list(map(str, extensions))
    (lite / "jupyter_lite_config.json").write_text(json.dumps(options), encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable, "-m", "jupyterlite_core", "build", "--apps", "lab", "--no-sourcemaps", "--no-libarchive",
            "--lite-dir", lite, "--contents", contents, "--output-dir", made,
        ],
        cwd=lite, capture_output=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    page = made / "lab" / "index.html"
    if done.returncode or not page.exists():
        raise SystemExit(f"JupyterLite could not be built:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    text, again = page.read_text(encoding="utf-8"), _TEMPLATES.get_template("again.html").render()
    page.write_text(text.replace("<head>\n", f"<head>\n{again}\n", 1), encoding="utf-8")


def _kernel_wheels():
    """The packages of the kernel itself, name to wheel, from where JupyterLite's extension has them."""
    folder = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / KERNEL / "static" / "pypi"
    found = {path.name.split("-")[0].replace("_", "-"): path for path in sorted(folder.glob("*.whl"))}
    return {name: found[name] for name in ("ipykernel", "piplite", "pyodide-kernel")}


# ---------------------------------------------------------------- Python, and the course as one file


def add_python(made, folder):
    """What is loaded before a kernel starts: a list with addresses and SHA-256 sums, and what is not on the network."""
    place = made / PLACE
    place.mkdir(parents=True)
    lock = {"info": PYODIDE["info"], "packages": copy.deepcopy(PYODIDE["packages"])}
    public = "" if folder else PUBLIC.format(version=PYODIDE["info"]["version"])
    for one in lock["packages"].values():
        one["depends"] = [name for name in one["depends"] if name in lock["packages"]]
        one["file_name"] = public + one["file_name"]
    if folder:
        for name, wanted in SUMS.items():
            (place / name).write_bytes(_checked(_read(folder / name), folder / name, wanted))
    for name, wheel in _kernel_wheels().items():
        shutil.copy(wheel, place)
        lock["packages"][name] = _entry(place / wheel.name, name, [name.replace("-", "_")])
    _pack_course(place / COURSE)
    compiled = _compile(place, public)
    ours = _entry(place / COURSE, "conv-gradients-course", ["course_lib", *OURS])
    lock["packages"]["conv-gradients-course"] = ours | {"depends": ["matplotlib"]}  # unpacked after it
    start = _TEMPLATES.get_template(START).render(
        public=public, packages=sorted(lock["packages"]), stdlib=COMPILED_STDLIB if compiled else ""
    )
    (place / START).write_text(start, encoding="utf-8")
    (place / "lock.json").write_text(json.dumps(lock), encoding="utf-8")
    return lock


def _read(path):
    try:
        return path.read_bytes()
    except OSError as error:
        raise SystemExit(f"{path.parent} must hold {path.name}, but: {error.strerror}") from error


def _checked(content, place, wanted):
    if hashlib.sha256(content).hexdigest() != wanted:
        raise SystemExit(f"{place} must be the file of Pyodide {PYODIDE['info']['version']}, but is another one")
    return content


def _entry(path, name, imports):
    content = path.read_bytes()
    return {
        "name": name, "version": "1", "file_name": path.name, "install_dir": "site", "package_type": "package",
        "sha256": hashlib.sha256(content).hexdigest(), "imports": imports, "depends": [], "unvendored_tests": False,
        "size": len(content),
    }  # fmt: skip


def _pack_course(path):
    """One file with the course, the bundled digits, and the packages in pure Python that Pyodide does not have."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted((ROOT / "course_lib").rglob("*")):
            inside = file.relative_to(ROOT)
            if file.is_file() and not NOT_THERE & set(inside.parts):
                packed.write(file, inside.as_posix())
        for file in sorted((ROOT / "assets").glob("*.npz")):
            packed.write(file, f"assets/{file.name}")
        packed.write(ROOT / "requirements.txt", "requirements.txt")
        packed.write(Path(__file__).with_name(Path(FONTS).name), FONTS)
        for name in build.notebooks():  # the board reads their titles
            head = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
            head.cells = head.cells[:1]
            packed.writestr(f"notebooks/{name}.ipynb", nbformat.writes(head))
        for name in OURS:
            for file in metadata.distribution(name).files or ():
                parts = file.parts
                if file.suffix not in {".so", ".pyd", ".pyc"} and not NOT_OF_OURS & set(parts):
                    packed.write(file.locate(), file.as_posix())


# ---------------------------------------------------------------- compiled files


def _compile(place, public):
    """Put what Python would compile at each start of a kernel into the site. Whether that was done, else a sentence.

    Files are compiled for good: Python asks neither for the time nor for the text of their source.
    """
    python = python_of_pyodide()
    if python is None:
        print("A kernel will start more slowly: no Python 3.12 is here to compile for it", file=sys.stderr)
        return False
    with tempfile.TemporaryDirectory() as scratch:
        wheels, stdlib = Path(scratch) / "packages", Path(scratch) / "stdlib"
        try:
            _unpack(_content(STDLIB, place, public), stdlib)
            for one in PYODIDE["packages"].values():
                _unpack(_content(one["file_name"], place, public), wheels)
        except OSError as error:
            print(f"A kernel will start more slowly: {error}, and nothing is compiled for it", file=sys.stderr)
            return False
        for path in (place / COURSE, *(place / wheel.name for wheel in _kernel_wheels().values())):
            _unpack(path.read_bytes(), wheels)
        _run_compiler(python, wheels, SITE_PACKAGES)
        _run_compiler(python, stdlib, "/lib/python312.zip", "-b")  # beside its source, as in a zip it must be
        with zipfile.ZipFile(place / COURSE, "a", zipfile.ZIP_DEFLATED) as packed:
            for file in sorted(wheels.rglob("*.pyc")):
                packed.write(file, file.relative_to(wheels).as_posix())
        with zipfile.ZipFile(place / COMPILED_STDLIB, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in sorted(path for path in stdlib.rglob("*") if path.is_file()):
                packed.write(file, file.relative_to(stdlib).as_posix())
    (place / STDLIB).unlink(missing_ok=True)
    return True


def python_of_pyodide():
    """A Python whose compiled files Pyodide can read, or None."""
    for python in (sys.executable, shutil.which("python3.12")):
        told = [python, "-c", "import sys; print(sys.version_info[:2])"]
        if python and subprocess.run(told, capture_output=True, encoding="utf-8").stdout.strip() == "(3, 12)":
            return python
    return None


def _content(name, place, public):
    """A file of Pyodide's: from the site if it holds it, else from the public network. Raises OSError."""
    if not public:
        return (place / name).read_bytes()
    with urllib.request.urlopen(public + name, timeout=60) as answer:
        return _checked(answer.read(), public + name, SUMS[name])


def _unpack(content, folder):
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        packed.extractall(folder)


def _run_compiler(python, folder, seen_as, *options):
    """Compile what is in a folder. A file that is no Python of today, as a template is not, is left out."""
    how = ["--invalidation-mode", "unchecked-hash", "-qq", "-x", RARE, *options]
    subprocess.run([python, "-m", "compileall", *how, "-s", folder, "-p", seen_as, folder], capture_output=True)


# ---------------------------------------------------------------- the first page


def _write_first_page(made, lock, core):
    """What the reader sees first: what is fetched, how far it is, and a way into each lesson."""
    files = [(core + name, file["size"]) for name, file in PYODIDE["core"].items()]
    compiled = made / PLACE / COMPILED_STDLIB
    if compiled.exists():
        files = [one for one in files if one[0] != core + STDLIB] + [(compiled.name, compiled.stat().st_size)]
    files += [(one["file_name"], one["size"]) for one in lock["packages"].values()]
    page = _TEMPLATES.get_template("lite.html").render(
        lessons=[_lesson(name) for name in build.notebooks()],
        address=lambda name: f"lab/index.html?path={name}.ipynb",
        megabytes=round(sum(size for _, size in files) / 1e6),
        files=[(address if "//" in address else f"{PLACE}/{address}", size) for address, size in files],
        style=Markup(looks.jupyter_css()),
    )
    (made / "index.html").write_text(page, encoding="utf-8")


def _lesson(name):
    cell = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells[0].source
    title = re.search(r"^# (.+)$", cell, re.MULTILINE)
    minutes = re.search(r"^\*Lesson [^·\n]*· (.+)\*$", cell, re.MULTILINE)
    return {
        "name": name, "number": number(name), "title": title[1] if title else name,
        "minutes": minutes[1] if minutes else "",
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.lite", description=__doc__.splitlines()[0])
    parser.add_argument("out", metavar="OUT", type=Path, help="a new folder, or one that this command made before")
    parser.add_argument(
        "--pyodide", metavar="FOLDER", type=Path, help="Pyodide's distribution (default: from the network)"
    )
    arguments = parser.parse_args()
    out = site(arguments.out, arguments.pyodide)
    print(f"{out} holds the course. Try it: {os.path.basename(sys.executable)} -m http.server -d {out}")


if __name__ == "__main__":
    main()
