"""Data sets and their files: found, fetched, checked, gone on with, and read without running anything."""

import gzip
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nbtape as tf
from nbtape.train.datasets import images, text

get_file = tf.keras.utils.get_file


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nobody's own files are seen, and nothing is written beside them."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def server():
    """What serves `files`; it breaks off after `limit` bytes, and remembers the ranges that it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            data = Handler.files.get(self.path[1:])
            asked = self.headers.get("Range")
            Handler.ranges.append(asked)
            if data is None:
                return self.send_error(404)
            start = int(asked[6:-1]) if asked and Handler.resumes else 0
            if start >= len(data) > 0:
                return self.send_error(416)
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start : None if Handler.limit is None else start + Handler.limit])

        def log_message(self, format, *args):
            pass

    Handler.files, Handler.ranges, Handler.limit, Handler.resumes = {}, [], None, True
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        Handler.url = f"http://127.0.0.1:{httpd.server_address[1]}/"
        yield Handler
        httpd.shutdown()
        thread.join()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_fetched_once_and_kept(server, home):
    server.files["a.bin"] = data = b"abc" * 1000
    path = get_file(origin=server.url + "a.bin", file_hash=sha256(data))
    assert path == get_file(origin=server.url + "a.bin") == str(home / "cache/nbtape/datasets/a.bin")
    assert Path(path).read_bytes() == data and len(server.ranges) == 1


def test_a_broken_download_goes_on_where_it_broke(server):
    server.files["a.bin"], server.limit = b"abc" * 1000, 1000
    with pytest.raises(ConnectionError, match="the connection broke"):
        get_file(origin=server.url + "a.bin")
    server.limit = None
    path = get_file(origin=server.url + "a.bin", file_hash=sha256(b"abc" * 1000))
    assert Path(path).read_bytes() == b"abc" * 1000 and server.ranges == [None, "bytes=1000-"]


def test_a_server_that_begins_anew_is_followed(server):
    server.files["a.bin"], server.limit, server.resumes = b"abc" * 1000, 1000, False
    with pytest.raises(ConnectionError):
        get_file(origin=server.url + "a.bin")
    server.limit = None
    assert Path(get_file(origin=server.url + "a.bin")).read_bytes() == b"abc" * 1000


def test_a_part_of_another_file_is_dropped(server, home):
    folder = home / "cache/nbtape/datasets"
    folder.mkdir(parents=True)
    (folder / "a.bin.part").write_bytes(b"xyz")
    server.files["a.bin"] = data = b"abc" * 1000
    path = get_file(origin=server.url + "a.bin", md5_hash=hashlib.md5(data).hexdigest())
    assert Path(path).read_bytes() == data


def test_what_has_another_hash_is_refused(server, home):
    server.files["a.bin"] = b"abc"
    with pytest.raises(ValueError, match="Incomplete or corrupted file"):
        get_file(origin=server.url + "a.bin", file_hash=sha256(b"abd"))
    assert not list((home / "cache/nbtape/datasets").iterdir())


def test_without_a_network_it_says_what_to_do(server):
    with pytest.raises(ConnectionError, match="(?s)URL fetch failure.*404.*put it at .*missing.bin.*digits"):
        get_file(origin=server.url + "missing.bin")


def test_files_that_keras_fetched_are_taken(server, home):
    (home / "keras/datasets").mkdir(parents=True)
    (home / "keras/datasets/a.bin").write_bytes(b"abc")
    assert get_file("a.bin", server.url + "a.bin") == str(home / "keras/datasets/a.bin") and not server.ranges


def test_archives_are_unpacked_beside_themselves(server, home):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("folder/a.txt")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    server.files["a.tar.gz"] = packed.getvalue()
    path = get_file("a.tar.gz", server.url + "a.tar.gz", extract=True)
    assert path == str(home / "cache/nbtape/datasets/a_extracted")
    assert Path(path + "/folder/a.txt").read_bytes() == b"abc"


def test_archives_do_not_write_elsewhere(server, home):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../evil"), io.BytesIO())
    server.files["a.tar"] = packed.getvalue()
    with pytest.raises(tarfile.OutsideDestinationError):
        get_file("a.tar", server.url + "a.tar", extract=True)


def split(n, shape=(28, 28), seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *shape), np.uint8), rng.integers(0, 10, n, np.uint8)


def same(found, wanted):
    for pair, other in zip(found, wanted, strict=True):
        for a, b in zip(pair, other, strict=True):
            np.testing.assert_array_equal(a, b)
    return True


def write_npz(path, train, test):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder, train, test, packed):
    folder.mkdir(parents=True)
    for name, array in zip(images._IDX, (*train, *test)):
        data = gzip.compress(idx(array)) if packed else idx(array)
        (folder / (f"{name}.gz" if packed else name)).write_bytes(data)


def test_mnist_is_read_from_an_npz_file(home):
    train, test = split(5), split(3, seed=1)
    write_npz(home / "mine.npz", train, test)
    assert same(tf.keras.datasets.mnist.load_data(path=home / "mine.npz"), (train, test))


def test_mnist_is_fetched_where_keras_has_it(server, home, monkeypatch):
    train, test = split(5), split(3, seed=1)
    write_npz(home / "source.npz", train, test)
    server.files["mnist.npz"] = data = (home / "source.npz").read_bytes()
    monkeypatch.setattr(images, "_KERAS", server.url)
    monkeypatch.setattr(images, "_MNIST_HASH", sha256(data))
    for _ in range(2):
        assert same(tf.datasets.mnist.load_data(), (train, test))
    assert len(server.ranges) == 1


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_is_read_from_idx_files(home, packed):
    train, test = split(5), split(3, seed=1)
    write_idx(home / "idx", train, test, packed)
    write_idx(home / "keras/datasets/fashion-mnist", test, train, packed)
    assert same(tf.keras.datasets.mnist.load_data(home / "idx"), (train, test))
    assert same(tf.keras.datasets.fashion_mnist.load_data(), (test, train))


def test_idx_files_hold_other_dtypes_and_are_whole(home):
    (home / "a").write_bytes(bytes([0, 0, 12, 1]) + struct.pack(">I2i", 2, 5, -6))
    assert images.read_idx(str(home / "a")).tolist() == [5, -6]
    for data in (b"", b"\0\0\x08", bytes([0, 0, 8, 1]) + struct.pack(">I", 4) + b"abc"):
        (home / "a").write_bytes(data)
        with pytest.raises(ValueError, match="no whole idx file"):
            images.read_idx(str(home / "a"))


def test_cifar10_is_read_from_its_binary_version(server, monkeypatch):
    parts = [split(2, (3, 32, 32), seed=i) for i in range(6)]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, (x, y) in zip([*[f"data_batch_{i}" for i in range(1, 6)], "test_batch"], parts):
            data = np.concatenate([y[:, None], x.reshape(2, -1)], 1).tobytes()
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    server.files["c.tar.gz"] = packed.getvalue()
    monkeypatch.setattr(images, "_CIFAR", server.url + "c.tar.gz")
    monkeypatch.setattr(images, "_CIFAR_HASH", sha256(packed.getvalue()))
    (x, y), (x_test, y_test) = tf.keras.datasets.cifar10.load_data()
    assert x.shape == (10, 32, 32, 3) and y.shape == (10, 1) and x_test.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(x[2:4], parts[1][0].transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(y_test[:, 0], parts[5][1])


@pytest.mark.parametrize("lengths", [[3, 0, 1], [1], [], range(1003), [70000, 2]])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickled_arrays_of_lists_are_read(lengths, protocol):
    rng = np.random.default_rng(0)
    lists = [(rng.integers(0, 100000, n) ** rng.integers(0, 2, n)).tolist() for n in lengths]
    array = np.empty(len(lists), object)
    array[:] = lists
    assert text.lists_of_ints(pickle.dumps(array, protocol)) == lists


class Trap:
    def __reduce__(self):
        return pytest.fail, ("a pickle was run",)


@pytest.mark.parametrize("held", [Trap(), "text", [1.5], [[1]], None])
def test_other_pickles_are_refused_and_not_run(home, held):
    array = np.empty(2, object)
    array[:] = [[1, 2], held]
    x = np.arange(2)
    with zipfile.ZipFile(home / "imdb.npz", "w") as archive:
        for name, values in (("x_train", array), ("y_train", x), ("x_test", array), ("y_test", x)):
            file = io.BytesIO()
            np.lib.format.write_array(file, values)
            archive.writestr(f"{name}.npy", file.getvalue())
    with pytest.raises(ValueError, match="not just lists of whole numbers|holds 3 elements"):
        tf.keras.datasets.imdb.load_data(home / "imdb.npz")


def test_imdb_numbers_words_as_keras_does(home):
    lists = np.empty(3, object)
    lists[:] = [[1, 2, 30], [4], [5, 6]]
    write_npz(home / "imdb.npz", (lists, np.array([1, 0, 1])), (lists[:2], np.array([0, 1])))
    (x, y), (x_test, _) = tf.keras.datasets.imdb.load_data(home / "imdb.npz", num_words=10)
    assert sorted(zip(x, y.tolist())) == [([1, 4, 5, 2], 1), ([1, 7], 0), ([1, 8, 9], 1)]
    assert sorted(x_test) == [[1, 4, 5, 2], [1, 7]]
    (x, _), _ = tf.keras.datasets.imdb.load_data(home / "imdb.npz", maxlen=3, start_char=None)
    assert sorted(x) == [[7], [8, 2]]  # without num_words the highest counts as unknown, as in Keras
    (home / "words.json").write_text('{"the": 1}')
    assert tf.keras.datasets.imdb.get_word_index(home / "words.json") == {"the": 1}


def test_imdb_comes_in_the_order_of_keras(home):
    lists = np.empty(5, object)
    lists[:] = [[1], [2], [3], [4], [5]]
    write_npz(home / "imdb.npz", (lists, np.arange(5)), (lists, np.arange(5)))
    (_, y), (_, y_test) = tf.keras.datasets.imdb.load_data(home / "imdb.npz")
    assert (y.tolist(), y_test.tolist()) == ([1, 0, 3, 2, 4], [3, 0, 1, 4, 2])  # recorded from Keras


def test_files_of_something_else_are_refused(home):
    np.savez(home / "a.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="no data set: wanted an .npz file with the arrays x_train"):
        tf.keras.datasets.mnist.load_data(home / "a.npz")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        tf.keras.datasets.mnist.load_data(home / "b.npz")
    with pytest.raises(FileNotFoundError, match="has not all of train-images-idx3-ubyte"):
        tf.keras.datasets.mnist.load_data(home)


def test_digits_need_no_download():
    (x, y), (x_test, y_test) = tf.datasets.digits.load_data()
    assert x.shape == (1437, 8, 8) and x_test.shape == (360, 8, 8) and x.dtype == y.dtype == np.uint8
    assert x.max() == 16 and np.bincount(y_test, minlength=10).min() > 25


@pytest.mark.parametrize(
    "found, wanted",
    [
        (lambda u: u.to_categorical([1, 0]), [[0, 1], [1, 0]]),
        (lambda u: u.to_categorical([[2], [0]], num_classes=3), [[0, 0, 1], [1, 0, 0]]),
        (lambda u: u.to_categorical(tf.constant([[1], [0]]), 2), [[0, 1], [1, 0]]),
        (lambda u: u.normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]]),
        (lambda u: u.normalize(np.array([[3.0, 4.0]]), axis=0), [[1, 1]]),
        (lambda u: u.normalize(tf.constant([[1.0, 3.0]]), order=1), [[0.25, 0.75]]),
        (lambda u: u.pad_sequences([[1, 2, 3], [4]]), [[1, 2, 3], [0, 0, 4]]),
        (lambda u: u.pad_sequences([[1, 2, 3], [4]], 2, truncating="post", padding="post"), [[1, 2], [4, 0]]),
        (lambda u: u.pad_sequences([[1], []], 2, value=9), [[9, 1], [9, 9]]),
    ],
)
def test_helpers(found, wanted):
    np.testing.assert_allclose(found(tf.keras.utils), wanted, rtol=1e-6)
