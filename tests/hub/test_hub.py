"""The recipe of docs/hub.md, as it stands there, on this machine: a hub, an environment that learners cannot write to,
two real users, and an update of the course while they work.

COURSE_HUB names a folder to keep the installed environment in, so that the next run starts at once.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest

requests, websocket = pytest.importorskip("requests"), pytest.importorskip("websocket")

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")
UPSTREAM = "https://github.com/OWNER/NAME"
SYSTEM_PYTHON = Path("/usr/bin/python3")  # one that every user may run
TOKEN = secrets.token_hex(16)
LESSON = "01_conv1d"
SETTINGS = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = {users!r}
c.JupyterHub.services = [{{"name": "test", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "test", "scopes": ["admin:users", "admin:servers", "access:servers"], "services": ["test"]}}
]
"""
RIGHT = """
import numpy as np

def conv1d(x, w, stride=1, padding=0):
    x = np.pad(x, padding)
    return np.array([x[i : i + len(w)] @ w for i in range(0, len(x) - len(w) + 1, stride)])
"""
TURNED = RIGHT.replace("@ w ", "@ w[::-1] ")
CHECKED = "from course_lib.exercises import check\nconv1d = check('conv1d')"


def missing():
    """Why this cannot be run here, or ""."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "makes users: needs root on Linux"
    tools = [tool for tool in ("useradd", "userdel", "runuser", "git", "npm", "node") if shutil.which(tool) is None]
    if tools:
        return f"needs {', '.join(tools)}"
    version = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"
    if not SYSTEM_PYTHON.exists() or subprocess.run([SYSTEM_PYTHON, "-c", version], capture_output=True).returncode:
        return f"needs {SYSTEM_PYTHON} of 3.11 or newer, with venv"
    return ""


pytestmark = pytest.mark.long  # it installs some 600 MB and starts four servers: minutes


def blocks(language):
    """The code blocks of docs/hub.md in this language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def shell(script, cwd="/"):
    done = subprocess.run(["bash", "-e", "-c", script], cwd=cwd, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Hub:
    """The course installed below a folder as the page says, and a hub for users of this machine."""

    def __init__(self, folder, users):
        self.folder, self.users = folder, users
        self.origin, self.course = folder / "origin", folder / "course"
        self.port = free_port()
        self.process = None

    def here(self, text):
        """A block of the page with this test's folder and repository in it."""
        return text.replace(UPSTREAM, str(self.origin)).replace("/srv/", f"{self.folder}/")

    def install(self):
        shell(f"git clone -q --no-hardlinks {ROOT} {self.origin}")
        lines = self.here(blocks("sh")[0]).replace("python3 -m venv", f"{SYSTEM_PYTHON} -m venv").splitlines()
        installed = (self.folder / "hub" / "bin" / "jupyterhub").exists() and (self.folder / "proxy").exists()
        kept = [one for one in lines if not (installed and re.search(r"-m venv|pip install|npm install", one))]
        shutil.rmtree(self.course, ignore_errors=True)
        shell("\n".join(kept))
        config = self.folder / "hub" / "etc" / "ipython" / "ipython_kernel_config.py"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(blocks("python")[1], encoding="utf-8")

    def make_users(self):
        for user in self.users:
            shell(blocks("sh")[1].replace("anna", user))

    def start(self):
        ports = {"port": self.port, "hub": free_port(), "api": free_port()}
        own = SETTINGS.format(**ports, users=set(self.users), token=TOKEN)
        config = self.folder / "jupyterhub_config.py"
        config.write_text(self.here(blocks("python")[0]) + own, encoding="utf-8")
        state = self.folder / "state"
        state.mkdir()
        with open(state / "log", "w", encoding="utf-8") as log:
            command = self.here(blocks("sh")[2]).split()
            self.process = subprocess.Popen(command, cwd=state, stdout=log, stderr=log)
        for _ in range(240):
            with suppress(OSError, AssertionError):
                if self.ask("GET", "/hub/api/") is not None:
                    return
            assert self.process.poll() is None, (state / "log").read_text(encoding="utf-8")[-3000:]
            time.sleep(0.5)
        raise AssertionError((state / "log").read_text(encoding="utf-8")[-3000:])

    def ask(self, method, path, body=None):
        head = {"Authorization": f"token {TOKEN}"}
        reply = requests.request(method, f"http://127.0.0.1:{self.port}{path}", headers=head, json=body, timeout=60)
        assert reply.ok, f"{method} {path}: {reply.status_code} {reply.text[:500]}"
        return reply.json() if reply.content else {}

    def serve(self, user):
        """Start a user's server, and wait until it is there."""
        self.ask("POST", f"/hub/api/users/{user}/server")
        self._until(user, lambda about: about["servers"].get("", {}).get("ready"))

    def stop_server(self, user):
        self.ask("DELETE", f"/hub/api/users/{user}/server")
        self._until(user, lambda about: not about["servers"])

    def _until(self, user, holds):
        for _ in range(400):
            if holds(self.ask("GET", f"/hub/api/users/{user}")):
                return
            time.sleep(0.5)
        raise AssertionError((self.folder / "state" / "log").read_text(encoding="utf-8")[-3000:])

    def close(self):
        if self.process is not None:
            self.process.terminate()  # its servers, its proxy, then itself
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
            self.process.kill()
        for user in self.users:
            for _ in range(20):  # refused while a process of the user's is still going
                if subprocess.run(["userdel", "--remove", user], capture_output=True).returncode in (0, 6):
                    break
                time.sleep(0.5)


class Kernel:
    """A kernel on a user's server, as JupyterLab talks to it."""

    def __init__(self, hub, user):
        self.number = hub.ask("POST", f"/user/{user}/api/kernels", {"name": "python3", "path": "gradients"})["id"]
        url = f"ws://127.0.0.1:{hub.port}/user/{user}/api/kernels/{self.number}/channels"
        self.socket = websocket.create_connection(url, header=[f"Authorization: token {TOKEN}"], timeout=180)

    def run(self, code):
        """What a cell prints. AssertionError with its traceback if it raises."""
        mark, printed = uuid.uuid4().hex, []
        head = {"msg_id": mark, "msg_type": "execute_request", "username": "", "session": mark, "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = {"header": head, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self.socket.send(json.dumps(message))
        while True:
            reply = json.loads(self.socket.recv())
            if reply["parent_header"].get("msg_id") != mark:
                continue
            kind, said = reply["msg_type"], reply["content"]
            assert kind != "error", "\n".join(said["traceback"])
            if kind == "stream":
                printed.append(said["text"])
            if kind == "status" and said["execution_state"] == "idle":
                return "".join(printed).strip()

    def value(self, expression):
        return json.loads(self.run(f"import json; print(json.dumps({expression}))"))


@pytest.fixture(scope="module")
def hub():
    if lacking := missing():
        pytest.skip(lacking)
    kept = os.environ.get("COURSE_HUB")
    folder = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="hub-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    for name in ("origin", "course", "state"):
        shutil.rmtree(folder / name, ignore_errors=True)
    mark = secrets.token_hex(3)
    one = Hub(folder, [f"ann{mark}", f"ben{mark}"])
    try:
        one.install()
        one.make_users()
        one.start()
        yield one
    finally:
        one.close()
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def as_user(user, code, hub):
    """What Python prints for a user of the machine."""
    python = str(hub.folder / "hub" / "bin" / "python")
    done = subprocess.run(
        ["runuser", "-u", user, "--", python, "-c", code], capture_output=True, encoding="utf-8", cwd="/"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def copy_of(hub, user):
    return hub.ask("GET", f"/user/{user}/api/contents/gradients/{LESSON}.ipynb")["content"]


def write(hub, user, text):
    """Put a text into the cell of the first lab, as a learner who saves the notebook."""
    notebook = copy_of(hub, user)
    cell = next(one for one in notebook["cells"] if one.get("id") == "lab-conv1d-stub")
    cell["source"] = text
    hub.ask("PUT", f"/user/{user}/api/contents/gradients/{LESSON}.ipynb", {"type": "notebook", "content": notebook})


def source(notebook, mark):
    return next("".join(one["source"]) for one in notebook["cells"] if one.get("id") == mark)


def ship_an_update(hub):
    """As the teacher: a new sentence in the lesson and a new name in the library, pulled as the page says."""
    path = hub.origin / "notebooks" / f"{LESSON}.ipynb"
    lesson = nbformat.read(path, as_version=4)
    lesson.cells[0].source += "\n\nThis sentence is new."
    nbformat.write(lesson, path)
    with open(hub.origin / "course_lib" / "looks.py", "a", encoding="utf-8") as file:
        file.write("\nNEW = True\n")
    who = "-c user.name=Course -c user.email=course@example.org"
    shell(f"git {who} commit -qam update", cwd=hub.origin)
    shell(hub.here(blocks("sh")[3]))


def test_two_users_of_one_course_that_they_cannot_write_to(hub):
    ann, ben = hub.users
    for user in hub.users:
        hub.serve(user)
    kernels = {user: Kernel(hub, user) for user in hub.users}

    # Both have the teacher's course, which they may not write to, and folders of their own.
    for user, kernel in kernels.items():
        kernel.run("import os, sys, course_lib, numpy")
        assert kernel.value("course_lib.__file__") == str(hub.course / "course_lib" / "__init__.py")
        places = [str(hub.course), str(hub.course / "course_lib"), str(hub.course / "notebooks"), str(hub.folder)]
        assert kernel.value(f"[os.access(one, os.W_OK) for one in [*{places}, sys.prefix]]") == [False] * 5
        assert kernel.value("os.access(os.path.dirname(numpy.__file__), os.W_OK)") is False
        assert kernel.value("os.getcwd()") == f"/home/{user}/gradients"
        assert Path(f"/home/{user}/gradients").owner() == user
        home = f"/home/{ben if user == ann else ann}"
        assert as_user(user, f"import os; print(os.access('{home}', os.R_OK | os.X_OK))", hub) == "False"

    # Each has answers, predictions and `mine` of their own.
    write(hub, ann, RIGHT)
    write(hub, ben, TURNED)
    kernels[ann].run(f"{RIGHT}\n{CHECKED}")
    kernels[ben].run(f"{TURNED}\n{CHECKED}")
    kernels[ann].run("from course_lib import progress\nprogress.record_prediction('01/q', 3, True)")
    states = "from course_lib import looks, mine, progress\nfrom course_lib.exercises import keeping"
    own = "[progress.solved('conv1d'), progress.tries('conv1d'), keeping.state('conv1d'), [*progress.predictions()]]"
    for user, expected in ((ann, [True, 1, "yours", ["01/q"]]), (ben, [False, 1, "none", []])):
        kernels[user].run(states)
        assert kernels[user].value(own) == expected
    assert Path(f"/home/{ann}/gradients/mine/conv1d.py").owner() == ann
    assert not Path(f"/home/{ben}/gradients/mine/conv1d.py").exists()

    # What a cell has freed is the machine's again.
    resident = "int(open('/proc/self/statm').read().split()[1]) * 4096 >> 20"
    before = kernels[ann].value(resident)
    many = "many = [bytes(1000) for _ in range(10**5)]\nlast = bytes(1000)"
    kernels[ann].run(f"{many}\nfull = {resident}\ndel many")
    assert kernels[ann].value("full") > before + 80 and kernels[ann].value(resident) < before + 40

    # The teacher updates the course while both work: no home changes, and what runs goes on.
    ship_an_update(hub)
    assert "This sentence is new." not in source(copy_of(hub, ann), copy_of(hub, ann)["cells"][0]["id"])
    kernels[ben].run(f"{RIGHT}\n{CHECKED}")
    write(hub, ben, RIGHT)
    assert kernels[ben].value("[progress.solved('conv1d'), progress.tries('conv1d')]") == [True, 2]

    # The next start merges, and loses nothing.
    for user in hub.users:
        hub.stop_server(user)
        hub.serve(user)
        kernel = Kernel(hub, user)
        kernel.run(f"{states}\nassert looks.NEW\nassert mine.conv1d([1, 2, 3], [1, 2]).tolist() == [5, 8]")
        predicted = ["01/q"] if user == ann else []
        assert kernel.value(own) == [True, 1 if user == ann else 2, "yours", predicted]
        notebook = copy_of(hub, user)
        assert source(notebook, notebook["cells"][0]["id"]).endswith("This sentence is new.")
        assert source(notebook, "lab-conv1d-stub") == RIGHT
        kept = list(Path(f"/home/{user}/gradients/earlier").glob(f"{LESSON}_*.ipynb"))
        assert len(kept) == 1 and "This sentence is new." not in kept[0].read_text(encoding="utf-8")
        assert kept[0].owner() == user
