import _thread
import gzip
import hashlib
import importlib.util
import shutil
import socket
import subprocess
import sys
import threading
import tracemalloc
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import tqdm
from hypothesis import given
from hypothesis import strategies as st
from places import mnist_folder
from stop_button import stop_button

from course_lib import data

ROOT = Path(__file__).resolve().parents[1]
FILES, MIRRORS = data.FILES, data.MIRRORS
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES
REAL = mnist_folder()
needs_real_files = pytest.mark.skipif(
    REAL is None, reason="needs MNIST's four files: name their folder in COURSE_DATA_DIR"
)


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path):
    """No test reads this user's cache, environment or network unless it says so."""
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(data, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(data, "MIRRORS", ())


# ---------------------------------------------------------------- a stand-in for MNIST with 5 and 3 pictures


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


@pytest.fixture
def small(monkeypatch):
    """Name -> packed bytes of four small files, which `data` takes for the real ones."""
    rng = np.random.default_rng(0)
    arrays = {
        TRAIN_IMAGES: rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        TRAIN_LABELS: np.array([5, 0, 4, 1, 9], dtype=np.uint8),
        TEST_IMAGES: rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        TEST_LABELS: np.array([7, 2, 1], dtype=np.uint8),
    }
    packed = {name: gzip.compress(idx(array), mtime=0) for name, array in arrays.items()}
    sources = {
        name: data.Source(arrays[name].shape, len(packed[name]), hashlib.sha256(packed[name]).hexdigest())
        for name in FILES
    }
    monkeypatch.setattr(data, "FILES", sources)
    return packed


def put(files, folder):
    folder.mkdir(exist_ok=True)
    for name, packed in files.items():
        (folder / name).write_bytes(packed)
    return folder


HTML = b"<!DOCTYPE html><html><body>Please log in to this network</body></html>"


class Handler(BaseHTTPRequestHandler):
    """Hands the files out, well or badly: GET /behaviour/name."""

    def do_GET(self):
        _, behaviour, name = self.path.split("/")
        self.server.asked.append((behaviour, name))
        body = self.server.files.get(name, b"")
        if behaviour == "missing":
            return self.send_error(404)
        if behaviour == "html":
            body = HTML
        if behaviour == "wrong":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if behaviour == "silent":
            return self.server.over.wait(5)
        self.send_response(200)
        if behaviour != "unannounced":
            self.send_header("Content-Length", "many" if behaviour == "odd" else str(len(body)))
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        if behaviour in ("cut", "unannounced"):
            return self.connection.shutdown(socket.SHUT_RDWR)
        if behaviour == "interrupt":  # as if the learner pressed stop halfway
            _thread.interrupt_main()
        self.wfile.write(body[half:])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked, server.over = [], threading.Event()
    server.mirror = lambda behaviour: f"http://127.0.0.1:{server.server_port}/{behaviour}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def dead_mirror():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        yield f"http://127.0.0.1:{closed.getsockname()[1]}/"


# ---------------------------------------------------------------- what mnist() returns


def test_pixels_are_scaled_to_one_and_labels_counted_as_integers(small, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(put(small, tmp_path / "mine")))
    (x_train, y_train), (x_test, y_test) = data.mnist()
    assert (x_train.shape, x_test.shape) == ((5, 1, 28, 28), (3, 1, 28, 28))
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.int64
    assert y_train.tolist() == [5, 0, 4, 1, 9]
    assert y_test.tolist() == [7, 2, 1]
    pixels = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    np.testing.assert_array_equal(x_train[:, 0], pixels / np.float32(255))
    assert x_train.max() == 1


def test_what_is_returned_is_the_callers_own_to_change(small, tmp_path):
    put(small, tmp_path / "cache")
    first, second = data.mnist(), data.mnist()
    for x, y in first:
        x[...] = 0
        y[...] = 0
    assert second[0][0].any() and second[0][1].any()
    assert data.mnist()[0][0].any()


@needs_real_files
def test_the_real_mnist_is_what_everybody_knows_it_to_be(monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(REAL))
    (x_train, y_train), (x_test, y_test) = data.mnist()
    assert (x_train.shape, y_train.shape) == ((60000, 1, 28, 28), (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 1, 28, 28), (10000,))
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert x_train.mean() == pytest.approx(0.1307, abs=5e-5)
    assert x_train.std() == pytest.approx(0.3081, abs=5e-5)
    assert (x_train.min(), x_train.max()) == (0, 1)
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@needs_real_files
def test_the_real_files_come_through_a_download_whole(server, dead_mirror, tmp_path):
    server.files = {name: (REAL / name).read_bytes() for name in FILES}
    mirrors = (dead_mirror, server.mirror("good"))
    (x_train, y_train), _ = data.load_mnist(None, tmp_path / "cache", mirrors)
    assert x_train.mean() == pytest.approx(0.1307, abs=5e-5)
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]


# ---------------------------------------------------------------- where it looks


def test_course_data_dir_comes_before_the_cache_and_the_cache_before_the_mirrors(small, server, tmp_path):
    server.files = small
    mirrors = (server.mirror("good"),)
    cache, folder = tmp_path / "cache", tmp_path / "mine"

    data.load_mnist(None, cache, mirrors)
    assert server.asked == [("good", name) for name in FILES]
    data.load_mnist(None, cache, mirrors)
    assert len(server.asked) == 4, "the cache was filled, so nothing is asked again"

    put(small, folder)
    for file in cache.iterdir():
        file.write_bytes(b"never looked at")
    data.load_mnist(folder, cache, mirrors)
    assert len(server.asked) == 4
    assert all(file.read_bytes() == b"never looked at" for file in cache.iterdir())


def test_a_home_sign_in_course_data_dir_is_understood(small, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA_DIR", "~/mine")
    assert not data.mnist_at_hand()
    put(small, tmp_path / "mine")
    assert data.mnist_at_hand()
    assert data.mnist()[0][1].tolist() == [5, 0, 4, 1, 9]


def test_an_empty_course_data_dir_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", "")
    with pytest.raises(data.DataUnavailable) as caught:
        data.mnist()
    assert "COURSE_DATA_DIR:" not in str(caught.value)


@pytest.mark.parametrize("lacking", ["folder", "file", "folder is a file"])
def test_what_course_data_dir_lacks_is_downloaded(small, server, tmp_path, lacking):
    server.files = small
    folder = tmp_path / "mine"
    if lacking == "file":
        put(small, folder)
        (folder / TEST_IMAGES).unlink()
    if lacking == "folder is a file":
        folder.write_text("not a folder")
    _, (x_test, _) = data.load_mnist(folder, tmp_path / "cache", (server.mirror("good"),))
    assert x_test.shape == (3, 1, 28, 28)
    assert len(server.asked) == (1 if lacking == "file" else 4)


def test_the_error_mentions_a_course_data_dir_that_is_no_folder(tmp_path):
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist(tmp_path / "nowhere", tmp_path / "cache", ())
    assert f"COURSE_DATA_DIR: {tmp_path / 'nowhere'} is not a folder" in str(caught.value)


def test_the_error_mentions_the_file_that_course_data_dir_lacks(small, tmp_path):
    folder = put(small, tmp_path / "mine")
    (folder / TEST_LABELS).unlink()
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist(folder, tmp_path / "cache", ())
    assert f"no usable {TEST_LABELS}" in str(caught.value)
    assert f"COURSE_DATA_DIR: {folder} has no such file" in str(caught.value)


# ---------------------------------------------------------------- damaged files


def damage(small, name):
    other = TRAIN_LABELS if name == TEST_LABELS else TEST_LABELS
    packed = small[name]
    return {
        "cut short": (packed[: len(packed) // 2], f"{len(packed) // 2:,} bytes, expected {len(packed):,}"),
        "too long": (packed + b"more", f"is too long, expected {len(packed):,} bytes"),
        "empty": (b"", f"found 0 bytes, expected {len(packed):,}"),
        "a flipped bit": (packed[:-9] + bytes([packed[-9] ^ 1]) + packed[-8:], "SHA-256"),
        "swapped": (small[other], f"holds the contents of {other}, expected those of {name}"),
        "a web page": (HTML, "holds a web page, expected a gzip file"),
    }


KINDS = ["cut short", "too long", "empty", "a flipped bit", "swapped", "a web page"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_in_course_data_dir_is_named_with_what_was_found(small, server, tmp_path, kind, name):
    server.files = small
    contents, sentence = damage(small, name)[kind]
    folder = put(small, tmp_path / "mine")
    (folder / name).write_bytes(contents)
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist(folder, tmp_path / "cache", (server.mirror("good"),))
    assert str(folder / name) in str(caught.value)
    assert sentence in str(caught.value)
    assert "Replace that file, or unset COURSE_DATA_DIR" in str(caught.value)
    assert server.asked == [], "nothing is downloaded behind the back of whoever put the file there"


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_in_the_cache_is_downloaded_again(small, server, tmp_path, kind):
    server.files = small
    cache = put(small, tmp_path / "cache")
    (cache / TEST_IMAGES).write_bytes(damage(small, TEST_IMAGES)[kind][0])
    data.load_mnist(None, cache, (server.mirror("good"),))
    assert server.asked == [("good", TEST_IMAGES)]
    assert (cache / TEST_IMAGES).read_bytes() == small[TEST_IMAGES]


def test_a_damaged_file_in_the_cache_is_named_when_no_mirror_answers(small, dead_mirror, tmp_path):
    cache = put(small, tmp_path / "cache")
    (cache / TEST_IMAGES).write_bytes(HTML)
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist(None, cache, (dead_mirror,))
    assert f"the cache: {cache / TEST_IMAGES} holds a web page" in str(caught.value)


def test_a_folder_where_a_file_should_be_is_named(small, tmp_path):
    folder = put(small, tmp_path / "mine")
    (folder / TEST_LABELS).unlink()
    (folder / TEST_LABELS).mkdir()
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist(folder, tmp_path / "cache", ())
    assert f"{folder / TEST_LABELS} could not be read" in str(caught.value)


def test_a_huge_file_is_refused_without_being_read_whole(small, tmp_path):
    folder = put(small, tmp_path / "mine")
    with open(folder / TRAIN_IMAGES, "wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(data.DataUnavailable, match="is too long"):
        peak_of(lambda: data.load_mnist(folder, tmp_path / "cache", ()), at_most=1_000_000)


@needs_real_files
def test_two_real_files_swapped_in_course_data_dir_are_told_apart(tmp_path, monkeypatch):
    shutil.copy(REAL / TEST_LABELS, tmp_path / TRAIN_IMAGES)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    with pytest.raises(data.DataUnavailable, match=f"{TRAIN_IMAGES} holds the contents of {TEST_LABELS}"):
        data.mnist()


# ---------------------------------------------------------------- downloading


@pytest.mark.parametrize("behaviour", ["missing", "html", "wrong", "cut", "unannounced", "odd", "silent"])
def test_a_bad_mirror_goes_on_to_the_next(small, server, tmp_path, behaviour, monkeypatch):
    monkeypatch.setattr(data, "TIMEOUT", 0.2)
    server.files = small
    mirrors = (server.mirror(behaviour), server.mirror("good"))
    (_, y_train), _ = data.load_mnist(None, tmp_path / "cache", mirrors)
    assert y_train.tolist() == [5, 0, 4, 1, 9]
    assert server.asked == [(who, name) for name in FILES for who in (behaviour, "good")]
    assert {file.name: file.read_bytes() for file in (tmp_path / "cache").iterdir()} == small


def test_a_dead_mirror_goes_on_to_the_next(small, server, dead_mirror, tmp_path):
    server.files = small
    (_, y_train), _ = data.load_mnist(None, tmp_path / "cache", (dead_mirror, server.mirror("good")))
    assert y_train.tolist() == [5, 0, 4, 1, 9]


def test_when_every_mirror_fails_the_error_says_what_each_did_and_what_to_do(
    small, server, dead_mirror, tmp_path, monkeypatch
):
    monkeypatch.setattr(data, "TIMEOUT", 0.2)
    server.files = small
    reasons = {
        dead_mirror: "refused",
        server.mirror("missing"): "404",
        server.mirror("html"): "holds a web page, expected a gzip file",
        server.mirror("wrong"): "is damaged: found SHA-256",
        server.mirror("cut"): "IncompleteRead",
        server.mirror("unannounced"): "is cut short",
        server.mirror("silent"): "timed out",
        "nonsense://": "InvalidSchema",
    }
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist(tmp_path / "nowhere", tmp_path / "cache", tuple(reasons))
    lines = str(caught.value).splitlines()
    assert lines[0] == f"MNIST could not be had: no usable {TRAIN_IMAGES}. Tried:"
    assert lines[1] == f"  - COURSE_DATA_DIR: {tmp_path / 'nowhere'} is not a folder"
    assert lines[2] == f"  - the cache: {tmp_path / 'cache'} has no such file"
    for line, (mirror, reason) in zip(lines[3:-1], reasons.items(), strict=True):
        assert line.startswith(f"  - {mirror}{TRAIN_IMAGES}: ")
        assert reason in line
        assert line.count("(") == line.count(")")
    assert "set COURSE_DATA_DIR" in lines[-1] and "data.digits()" in lines[-1]
    assert all(name in lines[-1] for name in FILES)
    assert isinstance(caught.value, OSError)
    assert not (tmp_path / "cache").exists(), "nothing good came, so nothing was written"


@pytest.fixture
def a_stop_button():
    with stop_button():
        yield


@pytest.mark.usefixtures("a_stop_button")
def test_a_download_stopped_halfway_leaves_no_half_file(small, server, tmp_path):
    server.files = small
    with pytest.raises(KeyboardInterrupt):
        data.load_mnist(None, tmp_path / "cache", (server.mirror("interrupt"), server.mirror("good")))
    assert not (tmp_path / "cache").exists()
    assert server.asked == [("interrupt", TRAIN_IMAGES)], "stop means stop, not the next mirror"


def test_a_cache_that_cannot_be_written_costs_a_warning_but_not_the_data(small, server, tmp_path):
    server.files = small
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="could not be written .* downloaded again next time") as caught:
        (_, y_train), _ = data.load_mnist(None, tmp_path / "file" / "cache", (server.mirror("good"),))
    assert y_train.tolist() == [5, 0, 4, 1, 9]
    assert str(tmp_path / "file" / "cache" / TRAIN_IMAGES) in str(caught[0].message)


def test_progress_is_shown_by_file_name_while_downloading(small, server, tmp_path, capsys, monkeypatch):
    server.files = small
    moved = dict.fromkeys(FILES, 0)
    monkeypatch.setattr(tqdm.tqdm, "update", lambda bar, n: moved.update({bar.desc: moved[bar.desc] + n}))
    data.load_mnist(None, tmp_path / "cache", (server.mirror("good"),))
    shown = capsys.readouterr().err
    assert all(name in shown for name in FILES)
    assert all(moved[name] >= len(small[name]) for name in FILES)


def test_every_mirror_is_encrypted_and_ends_where_a_file_name_begins():
    assert len(MIRRORS) >= 2
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in MIRRORS)


def test_importing_data_loads_no_network_and_no_pictures():
    heavy = "pooch requests urllib3 tqdm matplotlib sklearn IPython".split()
    program = f"import course_lib.data, sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]", result.stderr


# ---------------------------------------------------------------- the IDX format, on files made here


def peak_of(action, at_most):
    tracemalloc.start()
    try:
        return action()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < at_most


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple),
    st.integers(0, 2**32),
    st.integers(0, 9),
)
def test_parsing_undoes_writing(shape, seed, level):
    array = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    parsed = data.parse_idx(gzip.compress(idx(array), level), shape, "made here")
    assert parsed.dtype == np.uint8
    np.testing.assert_array_equal(parsed, array)


GOOD = idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


def header(*sizes, type_code=8, axes=None):
    count = len(sizes) if axes is None else axes
    return bytes([0, 0, type_code, count]) + b"".join(n.to_bytes(4, "big") for n in sizes)


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        (b"", "starts with nothing"),
        (GOOD[:3], "starts with 00 00 08$"),
        (b"\x01" + GOOD[1:], "starts with 01 00 08 02"),
        (header(2, 3, type_code=13) + GOOD[12:], "starts with 00 00 0d 02"),
        (header(6) + GOOD[12:], "starts with 00 00 08 01"),
        (header(2, 3, axes=255) + GOOD[12:], "starts with 00 00 08 ff"),
        (header(3, 2) + GOOD[12:], "starts with 00 00 08 02 00 00 00 03 00 00 00 02"),
        (header(2**32 - 1, 2**32 - 1) + GOOD[12:], "starts with 00 00 08 02 ff ff ff ff ff ff ff ff"),
        (GOOD[:-1], "must hold 6 bytes after its header, but holds 5"),
        (GOOD + b"\0", "must hold 6 bytes after its header, but holds more"),
    ],
)
def test_a_header_or_length_that_lies_is_refused_with_both_sides_of_the_story(contents, sentence):
    with pytest.raises(ValueError, match=f"some.gz .*{sentence}"):
        peak_of(lambda: data.parse_idx(gzip.compress(contents), (2, 3), "some.gz"), at_most=500_000)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        GOOD,
        HTML,
        gzip.compress(GOOD)[:-4],
        gzip.compress(GOOD)[:15],
        gzip.compress(GOOD)[:-8] + bytes(8),
        gzip.compress(GOOD) + b"trailing",
        gzip.compress(GOOD)[:12] + b"\xff\xff" + gzip.compress(GOOD)[14:],
    ],
    ids="empty unpacked html cut cut-early checksum trailing bits".split(),
)
def test_what_is_not_one_whole_gzip_file_is_refused_by_name(packed):
    with pytest.raises(ValueError, match=r"some\.gz must"):
        data.parse_idx(packed, (2, 3), "some.gz")


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused_without_unpacking_it():
    packed = gzip.compress(header(2, 3) + bytes(50_000_000))
    with pytest.raises(ValueError, match="holds more"):
        peak_of(lambda: data.parse_idx(packed, (2, 3), "some.gz"), at_most=500_000)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_bring_out_another_error(contents):
    for packed in (contents, gzip.compress(contents), gzip.compress(GOOD)[:10] + contents):
        with pytest.raises(ValueError, match=r"some\.gz must"):
            data.parse_idx(packed, (2, 3), "some.gz")


# ---------------------------------------------------------------- the bundled digits


@pytest.fixture(scope="module")
def digits():
    return data.digits()


def test_digits_have_the_form_of_mnist(digits):
    (x_train, y_train), (x_test, y_test) = digits
    assert (x_train.shape, y_train.shape) == ((1497, 1, 28, 28), (1497,))
    assert (x_test.shape, y_test.shape) == ((300, 1, 28, 28), (300,))
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.int64
    for x in (x_train, x_test):
        assert (x.min(), x.max()) == (0, 1)


def test_digits_have_every_class_and_as_many_of_each_to_test_on(digits):
    (_, y_train), (_, y_test) = digits
    assert np.bincount(y_test).tolist() == [30] * 10
    assert np.bincount(y_train).min() > 100
    assert set(y_train[:50]) == set(range(10)), "a lesson that takes the first few sees every class"


def test_digits_are_the_same_every_time_and_each_time_ones_own(digits):
    again = data.digits()
    for (x, y), (x_again, y_again) in zip(digits, again, strict=True):
        np.testing.assert_array_equal(x, x_again)
        np.testing.assert_array_equal(y, y_again)
        assert not np.shares_memory(x, x_again)
        x_again[...] = 0
        assert x.any()


def test_no_digit_to_test_on_was_among_those_to_train_on(digits):
    (x_train, _), (x_test, _) = digits
    seen = {x.tobytes() for x in x_train}
    assert len(seen) == len(x_train)
    assert not any(x.tobytes() in seen for x in x_test)


def test_digits_look_as_mnist_does_in_box_place_and_contrast(digits):
    x = np.concatenate([x for x, _ in digits])[:, 0]
    assert x[:, 4:24, 4:24].sum() > 0.99 * x.sum(), "a box of 20 x 20 in the middle"
    ink = x.mean(0)
    for axis in (0, 1):
        centre = (ink.sum(1 - axis) * np.arange(28)).sum() / ink.sum()
        assert abs(centre - 13.5) < 0.5
    assert x.mean() == pytest.approx(0.1307, abs=0.02)
    assert x.std() == pytest.approx(0.3081, abs=0.02)


def test_enlarging_keeps_up_up_and_left_left():
    corner = np.zeros((1, 8, 8), dtype=np.uint8)
    corner[0, 1, 5:] = 16
    big = data._enlarge(corner)[0, 0]
    rows, columns = np.nonzero(big > 0.5)
    assert rows.max() < 10 and columns.min() > 14


def test_enlarging_a_white_square_gives_white_inside_and_black_outside():
    big = data._enlarge(np.full((1, 8, 8), 16))[0, 0]
    assert (big[5:23, 5:23] == 1).all()
    assert not big[:3].any() and not big[25:].any() and not big[:, :3].any() and not big[:, 25:].any()
    np.testing.assert_allclose(big, big[::-1, ::-1], atol=1e-6)


@pytest.mark.parametrize("contents", [None, b"", b"no zip", "half", "other arrays", "pickled"])
def test_missing_or_damaged_digits_are_named_with_the_way_back(tmp_path, monkeypatch, contents):
    path = tmp_path / "digits.npz"
    good = data.DIGITS.read_bytes()
    if contents == "half":
        path.write_bytes(good[: len(good) // 2])
    elif contents == "other arrays":
        np.savez(path, x=np.zeros(3))
    elif contents == "pickled":
        np.savez(path, x_train=np.array([print], dtype=object))
    elif contents is not None:
        path.write_bytes(contents)
    monkeypatch.setattr(data, "DIGITS", path)
    with pytest.raises(data.DataUnavailable) as caught:
        data.digits()
    assert str(path) in str(caught.value)
    assert "git checkout assets/digits.npz" in str(caught.value)


@pytest.mark.parametrize("place", [1, 149, 5000, -70, -123, -126])
def test_a_flipped_bit_among_the_digits_is_noticed(tmp_path, monkeypatch, place):
    damaged = bytearray(data.DIGITS.read_bytes())
    damaged[place] ^= 1
    (tmp_path / "digits.npz").write_bytes(damaged)
    monkeypatch.setattr(data, "DIGITS", tmp_path / "digits.npz")
    with pytest.raises(data.DataUnavailable, match=r"digits\.npz"):
        data.digits()


def test_the_bundled_file_is_small_holds_no_pickle_and_keeps_the_original_values():
    assert data.DIGITS.stat().st_size < 60_000
    with np.load(data.DIGITS, allow_pickle=False) as file:
        assert {name: file[name].dtype for name in file.files} == dict.fromkeys(
            ("x_train", "y_train", "x_test", "y_test"), np.dtype(np.uint8)
        )
        assert (file["x_train"].min(), file["x_train"].max()) == (0, 16)


def test_the_script_makes_the_bundled_digits_again():
    pytest.importorskip("sklearn", reason="scikit-learn, which the digits were made from, is not installed")
    spec = importlib.util.spec_from_file_location("make_digits", ROOT / "assets" / "make_digits.py")
    make_digits = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_digits)
    with np.load(data.DIGITS) as bundled:
        for name, array in make_digits.split().items():
            np.testing.assert_array_equal(array, bundled[name])


# ---------------------------------------------------------------- one or the other


def test_mnist_is_preferred_and_the_sentence_says_so(small, tmp_path):
    put(small, tmp_path / "cache")
    ((_, y_train), _), sentence = data.mnist_or_digits()
    assert y_train.tolist() == [5, 0, 4, 1, 9]
    assert sentence.startswith("MNIST: 60,000")


def test_without_mnist_the_digits_come_and_the_sentence_says_so(dead_mirror, monkeypatch):
    monkeypatch.setattr(data, "MIRRORS", (dead_mirror,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ((x_train, _), (x_test, _)), sentence = data.mnist_or_digits()
    assert (len(x_train), len(x_test)) == (1497, 300)
    assert "could not be had" in sentence and "1,497" in sentence and "300" in sentence
