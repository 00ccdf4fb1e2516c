import gzip
import hashlib
import importlib.util
import re
import socket
import subprocess
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import mnist_folder

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
    sources = {name: data.Source(arrays[name].shape, hashlib.sha256(packed[name]).hexdigest()) for name in FILES}
    monkeypatch.setattr(data, "FILES", sources)
    return packed


def put(files, folder):
    folder.mkdir(exist_ok=True)
    for name, packed in files.items():
        (folder / name).write_bytes(packed)
    return folder


def read(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


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
        if behaviour == "silent":
            return self.server.over.wait(5)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        if behaviour == "cut":
            return self.connection.shutdown(socket.SHUT_RDWR)
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


def test_a_folder_for_all_hands_out_the_same_images_mapped_and_nobodys_change_reaches_it(small, tmp_path, monkeypatch):
    expected = data.load_mnist(put(small, tmp_path / "mine"), tmp_path / "none", ())
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "mine"))
    data.share(tmp_path / "all")
    assert {*small} < {*read(tmp_path / "all")}
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "all"))
    found = data.mnist()
    for (x, y), (own_x, own_y) in zip(found, expected, strict=True):
        assert type(x) is np.ndarray and isinstance(x.base, np.memmap) and x.dtype == np.float32 and y.dtype == np.int64
        np.testing.assert_array_equal(x, own_x)
        np.testing.assert_array_equal(y, own_y)
        x[...] = 0
    np.testing.assert_array_equal(data.mnist()[0][0], expected[0][0])


@pytest.mark.parametrize("change", [lambda x: x[:4], lambda x: x.astype(float), None])
def test_shared_images_of_another_form_are_named(small, tmp_path, change):
    folder = put(small, tmp_path / "all")
    data.share(folder)
    path = folder / "train-images-idx3-float32.npy"
    if change is None:
        path.write_bytes(path.read_bytes()[:-100])
    else:
        np.save(path, change(np.load(path)))
    with pytest.raises(data.DataUnavailable, match=re.escape(str(path))):
        data.load_mnist(folder, tmp_path / "none", ())


@needs_real_files
@pytest.mark.slow
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


@pytest.mark.slow
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
        folder.touch()
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
    assert f"COURSE_DATA_DIR: {folder} has no file {TEST_LABELS}" in str(caught.value)


# ---------------------------------------------------------------- damaged files


def damage(packed):
    return {
        "cut short": packed[: len(packed) // 2],
        "a flipped bit": packed[:-9] + bytes([packed[-9] ^ 1]) + packed[-8:],
        "a web page": HTML,
    }


@pytest.mark.parametrize("kind", ["cut short", "a flipped bit", "a web page"])
def test_a_damaged_file_in_course_data_dir_is_named_with_what_to_do(small, server, tmp_path, kind):
    server.files = small
    folder = put(small, tmp_path / "mine")
    (folder / TEST_IMAGES).write_bytes(damage(small[TEST_IMAGES])[kind])
    found, expected = (hashlib.sha256(one[TEST_IMAGES]).hexdigest() for one in (read(folder), small))
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist(folder, tmp_path / "cache", (server.mirror("good"),))
    assert str(caught.value) == (
        f"{folder / TEST_IMAGES} has the SHA-256 {found}, expected {expected}: it is damaged, or another file, such as "
        "a web page. Replace that file, or unset COURSE_DATA_DIR."
    )
    assert server.asked == [], "nothing is downloaded behind the back of whoever put the file there"


@pytest.mark.parametrize("kind", ["cut short", "a flipped bit", "a web page"])
def test_a_damaged_file_in_the_cache_is_downloaded_again(small, server, tmp_path, kind):
    server.files = small
    cache = put(small, tmp_path / "cache")
    (cache / TEST_IMAGES).write_bytes(damage(small[TEST_IMAGES])[kind])
    data.load_mnist(None, cache, (server.mirror("good"),))
    assert server.asked == [("good", TEST_IMAGES)]
    assert read(cache) == small


def test_a_folder_where_a_file_should_be_is_named(small, tmp_path):
    folder = put(small, tmp_path / "mine")
    (folder / TEST_LABELS).unlink()
    (folder / TEST_LABELS).mkdir()
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist(folder, tmp_path / "cache", ())
    assert f"{folder / TEST_LABELS} could not be read" in str(caught.value)


# ---------------------------------------------------------------- downloading


@pytest.mark.parametrize("behaviour", ["missing", "html", "cut", pytest.param("silent", marks=pytest.mark.slow)])
def test_a_bad_mirror_goes_on_to_the_next(small, server, tmp_path, behaviour, monkeypatch):
    monkeypatch.setattr(data, "TIMEOUT", 1.0)
    server.files = small
    mirrors = (server.mirror(behaviour), server.mirror("good"))
    (_, y_train), _ = data.load_mnist(None, tmp_path / "cache", mirrors)
    assert y_train.tolist() == [5, 0, 4, 1, 9]
    assert server.asked == [(who, name) for name in FILES for who in (behaviour, "good")]
    assert read(tmp_path / "cache") == small


def test_when_every_mirror_fails_the_error_says_what_each_did_and_what_to_do(
    small, server, dead_mirror, tmp_path, monkeypatch
):
    monkeypatch.setattr(data, "TIMEOUT", 1.0)
    server.files = small
    reasons = {
        dead_mirror: "refused",
        server.mirror("missing"): "404",
        server.mirror("html"): "does not match the known hash",
        server.mirror("cut"): "IncompleteRead",
        server.mirror("silent"): "timed out",
        "nonsense://": "InvalidSchema",
    }
    with pytest.raises(data.DataUnavailable) as caught:
        data.load_mnist(tmp_path / "nowhere", tmp_path / "cache", tuple(reasons))
    lines = str(caught.value).splitlines()
    assert lines[0] == f"MNIST is not available: no usable {TRAIN_IMAGES}. Tried:"
    assert lines[1] == f"  - COURSE_DATA_DIR: {tmp_path / 'nowhere'} is not a folder"
    for line, (mirror, reason) in zip(lines[2:-2], reasons.items(), strict=True):
        assert line.startswith(f"  - {mirror}{TRAIN_IMAGES}: ")
        assert reason in line
        assert line.count("(") == line.count(")")
    assert "a web page" in lines[-2]
    assert "set COURSE_DATA_DIR" in lines[-1] and "data.digits()" in lines[-1]
    assert all(name in lines[-1] for name in FILES)
    assert isinstance(caught.value, OSError)
    assert read(tmp_path / "cache") == {}, "nothing good came, so nothing was kept"


def test_a_cache_that_cannot_be_written_is_named(small, server, tmp_path):
    server.files = small
    (tmp_path / "file").touch()
    with pytest.raises(data.DataUnavailable, match=re.escape(str(tmp_path / "file"))):
        data.load_mnist(None, tmp_path / "file" / "cache", (server.mirror("good"),))


def test_a_pooch_that_cannot_be_imported_as_in_a_browser_leaves_the_digits(monkeypatch):
    monkeypatch.setattr(data, "MIRRORS", MIRRORS)
    monkeypatch.setitem(sys.modules, "pooch", None)
    ((x_train, _), _), sentence = data.mnist_or_digits()
    assert len(x_train) == 1497 and "not available" in sentence
    with pytest.raises(data.DataUnavailable, match=f"{MIRRORS[-1]}.*: ModuleNotFoundError: .*pooch"):
        data.mnist()


def test_a_file_in_the_cache_needs_no_pooch(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    put(small, tmp_path / "cache")
    assert data.mnist()[0][1].tolist() == [5, 0, 4, 1, 9]


def test_every_mirror_is_encrypted_and_ends_where_a_file_name_begins():
    assert len(MIRRORS) >= 2
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in MIRRORS)


def test_importing_data_loads_no_network_and_no_pictures():
    heavy = "pooch requests urllib3 tqdm matplotlib PIL sklearn IPython".split()
    program = f"import course_lib.data, sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", cwd=ROOT)
    assert result.stdout.strip() == "[]", result.stderr


# ---------------------------------------------------------------- the IDX format, on files made here


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


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        (b"", "starts with nothing"),
        (GOOD[:3], "starts with 00 00 08$"),
        (b"\x01" + GOOD[1:], "starts with 01 00 08 02"),
        (GOOD.replace(b"\x08", b"\x0d", 1), "starts with 00 00 0d 02"),
        (idx(np.zeros(6, np.uint8)), "starts with 00 00 08 01"),
        (idx(np.zeros((3, 2), np.uint8)), "starts with 00 00 08 02 00 00 00 03 00 00 00 02"),
        (GOOD[:-1], "must hold 6 bytes after its header, but holds 5"),
        (GOOD + b"\0", "must hold 6 bytes after its header, but holds 7"),
    ],
)
def test_a_header_or_length_that_lies_is_refused_with_both_sides_of_the_story(contents, sentence):
    with pytest.raises(ValueError, match=f"some.gz .*{sentence}"):
        data.parse_idx(gzip.compress(contents), (2, 3), "some.gz")


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


def keys(distance):
    """Keys 1981, with a = -1/2: how much a pixel at this distance counts."""
    t = np.abs(distance)
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))


def test_enlarging_is_bicubic_interpolation_into_a_box_of_20(rng):
    small = rng.integers(0, 17, (3, 8, 8), dtype=np.uint8)
    weight = keys((np.arange(28)[:, None] - 4 + 0.5) * 8 / 20 - 0.5 - np.arange(8))
    expected = np.clip((weight @ (small / 16) @ weight.T - 0.25) / 0.6, 0, 1)
    np.testing.assert_allclose(data._enlarge(small)[:, 0], expected, atol=1e-6)


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
    assert "MNIST is not available" in sentence and "1,497" in sentence and "300" in sentence
