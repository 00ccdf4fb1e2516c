"""The extension of Jupyter's server: it sends at once, and is in the way of nothing."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest
from tornado import httpserver, netutil, web, websocket

from course_lib import server, study


class Connection:
    """As Jupyter's: made for a handler, and connected when the page has opened it."""

    def __init__(self, websocket_handler):
        self.websocket_handler = websocket_handler

    def connect(self):
        return "connected"


def nodelay_of_a_page(kind):
    """Whether the socket of a page that such a connection is made for sends at once, and what connect returned."""
    found = []

    class Handler(websocket.WebSocketHandler):
        def open(self):
            answer = kind(self).connect()
            sent_at_once = self.ws_connection.stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            found.append((bool(sent_at_once), answer))
            self.close()

    async def visit():
        listening = httpserver.HTTPServer(web.Application([("/", Handler)]))
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        listening.add_sockets(sockets)
        page = await websocket.websocket_connect(f"ws://127.0.0.1:{sockets[0].getsockname()[1]}/")
        assert await page.read_message() is None
        listening.stop()

    asyncio.run(visit())
    return found


def test_a_connection_sends_at_once_and_is_else_as_it_was():
    assert nodelay_of_a_page(Connection) == [(False, "connected")]
    assert nodelay_of_a_page(server.without_delay(Connection)) == [(True, "connected")]


def test_a_connection_that_cannot_be_told_is_made_all_the_same():
    assert server.without_delay(Connection)(None).connect() == "connected"


def test_a_server_that_knows_no_such_class_is_left_alone():
    app = SimpleNamespace(web_app=SimpleNamespace(settings={}))
    server._load_jupyter_server_extension(app)
    assert app.web_app.settings == {}


@pytest.mark.slow
def test_the_server_that_study_starts_has_the_extension_whichever_connections_it_uses(tmp_path):
    asked = (
        "from jupyter_server.serverapp import ServerApp; app = ServerApp();"
        "app.initialize(['--port=0', '--allow-root'], new_httpserver=False);"
        "kind = app.web_app.settings['kernel_websocket_connection_class'];"
        "print(issubclass(kind, app.kernel_websocket_connection_class), kind is app.kernel_websocket_connection_class)"
    )
    folder = study.defaults(tmp_path / "work")
    config = json.loads((folder / "jupyter_server_config.d" / "course.json").read_text(encoding="utf-8"))
    assert config == {"ServerApp": {"jpserver_extensions": {"course_lib.server": True}}}
    own = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    for path, expected in ((str(folder), "True False"), ("", "True True")):
        run = subprocess.run(
            [sys.executable, "-c", asked], env={**os.environ, **own, "JUPYTER_CONFIG_PATH": path},
            cwd=tmp_path, capture_output=True, encoding="utf-8", check=True,
        )  # fmt: skip
        assert run.stdout.split("\n")[-2] == expected
