"""What holds on every system by construction: the encoding of text, and commands as PowerShell reads them."""

import ast
import re

import pytest

from course_lib._support.places import ROOT

SOURCES = [
    path for folder in ("course_lib", "tests", "assets", ".ci") for path in sorted((ROOT / folder).rglob("*.py"))
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
POWERSHELL = re.findall(r"```powershell\n(.*?)```", README, re.DOTALL)


def without_encoding(source):
    """The calls that read or write text in whichever encoding the system has: on Windows, often not UTF-8."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        if None in named or "encoding" in named:
            continue
        if name == "open" and isinstance(node.func, ast.Name):
            mode = node.args[1] if len(node.args) > 1 else named.get("mode", ast.Constant("r"))
            missing = len(node.args) < 4 and not (isinstance(mode, ast.Constant) and "b" in mode.value)
        elif name in ("run", "Popen", "check_output"):
            missing = bool({"text", "universal_newlines"} & named.keys())
        else:
            missing = {"read_text": 1, "write_text": 2}.get(name, 0) > len(node.args)
        if missing:
            yield f"line {node.lineno}: {ast.unparse(node)[:80]}"


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_is_read_and_written_as_utf_8(path):
    assert not list(without_encoding(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("path.read_text()", 1), ("path.read_text(encoding='utf-8')", 0), ("path.read_text('utf-8')", 0),
        ("path.write_text('x')", 1), ("path.write_text('x', 'utf-8')", 0), ("open(name)", 1), ("open(name, 'rb')", 0),
        ("open(name, mode='w')", 1), ("open(name, mode)", 1), ("open(name, mode='wb')", 0), ("lab.open(name)", 0),
        ("subprocess.run(a, text=True)", 1), ("subprocess.run(a, encoding='utf-8')", 0), ("run(a, **more)", 0),
    ],
)  # fmt: skip
def test_a_call_without_an_encoding_is_seen(source, count):
    assert len(list(without_encoding(source))) == count


# ---------------------------------------------------------------- PowerShell

# What the README's commands consist of, and nothing of PowerShell beyond it: words, options, paths with backslashes and
# ";" between commands. Windows PowerShell 5 knows no "&&", and reads "$", "`", "@", "(", "{", "|", "<" and "#" anew.
WORD = re.compile(r"[A-Za-z0-9._\\/=:+-]+")


def commands(block):
    """The commands of a block, each a list of its words. Raises ValueError where PowerShell would read more in it."""
    found = []
    for line in block.strip().splitlines():
        for command in line.split(";"):
            words = command.split()
            odd = [word for word in words if not WORD.fullmatch(word)]
            if odd or not words:
                raise ValueError(f"{line!r}: {odd or 'an empty command'}")
            found.append(words)
    return found


def test_the_readme_has_commands_for_powershell_and_they_do_what_those_for_a_shell_do():
    assert POWERSHELL
    ours = [" ".join(words) for block in POWERSHELL for words in commands(block)]
    for line in re.findall(r"^python3 -m venv .+$", README, re.MULTILINE):
        for command in line.split(" && "):
            wanted = command.replace("python3 ", "py ").replace(".venv/bin/", ".venv\\Scripts\\")
            assert wanted in ours


@pytest.mark.parametrize(
    "block", ["a && b", "a; ; b", "echo $HOME", "a | b", "a > b", "py -c 'x'", "cd ~", ".venv\\Scripts\\pip; # so"]
)
def test_what_powershell_reads_in_another_way_is_refused(block):
    with pytest.raises(ValueError):
        commands(block)
