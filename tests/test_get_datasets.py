"""The downloader, against a real server: it gets the right file complete, or says why not and leaves nothing."""

import contextlib
import errno
import hashlib
import http.server
import importlib.util
import io
import os
import random
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PROGRAM = PROJECT / "datasets" / "get_datasets.py"
BUILDER = PROJECT.parent / "shared" / "cifar10" / "build_cifar10.py"
FOLDER = "cifar-10-batches-py"
NAMES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta", "readme.html"]

spec = importlib.util.spec_from_file_location("get_datasets", PROGRAM)
get_datasets = importlib.util.module_from_spec(spec)
spec.loader.exec_module(get_datasets)


# ---- An archive in the published layout, and a server that may misbehave ----


def contents(seed=0, size=60_000):
    """File name -> bytes that do not compress, so that a connection breaks in the middle of a file."""
    rng = random.Random(seed)
    return {name: rng.randbytes(size if "batch_" in name else 100) + b"." for name in NAMES}


def member(name, data=b"x.", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def directory():
    return member(FOLDER, b"", type=tarfile.DIRTYPE)


def published():
    return [directory()] + [member(f"{FOLDER}/{name}", data) for name, data in contents().items()]


def tar_of(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def archive():
    return tar_of(published())


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.body`; the first part of the path says how."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.close_connection = True
        kind = self.path.strip("/").split("/")[0]
        self.record = [kind, self.headers.get("Range"), 0]
        self.server.log.append(self.record)
        with contextlib.suppress(ConnectionError):
            getattr(self, kind)()

    def answer(self, status, body, announced=None, headers=()):
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        if announced is not False:
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        self.send(body)

    def send(self, body, pause=0.0):
        for i in range(0, len(body), 4096):
            time.sleep(pause)
            self.record[2] += len(body[i : i + 4096])  # before the client can have it
            self.wfile.write(body[i : i + 4096])

    def start(self):
        wanted = self.headers.get("Range")
        return int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0

    def good(self, sent=None, pause=0.0):
        """Follows the rules; sends at most `sent` bytes before the connection drops."""
        body, start = self.server.body, self.start()
        if start >= len(body):
            self.answer(416, b"", headers=[("Content-Range", f"bytes */{len(body)}")])
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.send(body[start:][:sent], pause)

    def drops(self):
        self.good(sent=100_000)

    def dead(self):
        self.good(sent=0)

    def slow(self):
        self.good(pause=0.004)

    def half(self):
        """Sends half of the file, and the rest only when the test lets it."""
        self.good(sent=len(self.server.body) // 2)
        self.server.go_on.wait(60)

    def no_range(self):
        self.answer(200, self.server.body)

    def no_length(self):
        self.answer(200, self.server.body, announced=False)

    def no_length_short(self):
        self.answer(200, self.server.body[:-1000], announced=False)

    def lies(self):
        """Answers a range with another range."""
        if not self.start():
            self.no_range()
            return
        self.answer(206, self.server.body, headers=[("Content-Range", f"bytes 0-9/{len(self.server.body)}")])

    def no_more(self):
        """Does not support ranges."""
        self.answer(416, b"") if self.start() else self.no_range()

    def tampered(self):
        body = self.server.body
        self.answer(200, body[:5000] + bytes([body[5000] ^ 1]) + body[5001:])

    def truncated(self):
        self.answer(200, self.server.body[:-1000])

    def portal(self):
        self.answer(200, b"<html>Please log in</html>")

    def missing(self):
        self.answer(404, b"")

    def busy(self):
        self.answer(503, b"")

    def busy_once(self):
        self.busy() if len(self.server.log) == 1 else self.good()

    def moved(self):
        self.answer(302, b"", headers=[("Location", "/good/")])

    def moved_away(self):
        self.answer(302, b"", headers=[("Location", "http://example.invalid/file")])

    def moved_to_disk(self):
        self.answer(302, b"", headers=[("Location", "file:///etc/passwd")])

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def url(self, kind):
        return f"http://127.0.0.1:{self.server_address[1]}/{kind}/cifar-10-python.tar.gz"


@pytest.fixture
def server(archive):
    with Server(("127.0.0.1", 0), Handler) as server:
        server.body, server.log, server.go_on = archive, [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(get_datasets, "PAUSE_S", 0)
    monkeypatch.setattr(get_datasets, "CHUNK", 4096)


def get(server, dest, *kinds, checksum=None, options=()):
    urls = [kind if "://" in kind else server.url(kind) for kind in kinds]
    checksum = checksum or sha256(server.body)
    return get_datasets.main(["--url", *urls, "--checksum", checksum, "--dest", str(dest), *options])


def command(server, kind):
    """The program in a process of its own, with nothing but the standard library."""
    return [sys.executable, "-I", "-S", PROGRAM, "--url", server.url(kind), "--checksum", sha256(server.body)]


def part_of(server, dest):
    return dest / f"cifar-10-python.{sha256(server.body)[:12]}.tar.gz.part"


def assert_complete(dest, leftovers=()):
    assert {path.name: path.read_bytes() for path in (dest / FOLDER).iterdir()} == contents()
    assert sorted(path.name for path in dest.iterdir()) == sorted([FOLDER, *leftovers])


def assert_nothing(dest):
    assert list(dest.iterdir()) == []


# ---- It works ----


def test_fresh_download(server, tmp_path, capsys):
    assert get(server, tmp_path, "good") == 0
    assert_complete(tmp_path)
    out, err = capsys.readouterr()
    assert "CIFAR-10 is ready" in out and err == ""
    assert 8 <= out.count("left\n") <= 12  # a line for each tenth, no bar


def test_makes_the_folder_it_is_told(server, tmp_path):
    assert get(server, tmp_path / "a" / "b", "good") == 0
    assert_complete(tmp_path / "a" / "b")


def test_folder_can_be_read_by_others(server, tmp_path):
    get(server, tmp_path, "good")
    (tmp_path / "ordinary").mkdir()
    assert (tmp_path / FOLDER).stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_quiet_prints_nothing(server, tmp_path, capfd):
    assert get(server, tmp_path, "good", options=["--quiet"]) == 0
    assert capfd.readouterr() == ("", "")


def test_bar_on_a_terminal(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert get(server, tmp_path, "slow") == 0
    drawn = capsys.readouterr().out.split("\r")
    assert any(re.match(r"\[#+\.+\] 0\.\d of 0\.3 MB, \d+ s left", bar) for bar in drawn)
    assert any(bar.startswith("[" + "#" * 30 + "]") for bar in drawn)


@pytest.mark.parametrize("seconds, words", [(5, "5 s"), (59.6, "1 min 0 s"), (754, "12 min 34 s")])
def test_time_left(seconds, words, monkeypatch):
    monkeypatch.setattr(get_datasets.time, "monotonic", lambda: 0.0)
    progress = get_datasets.Progress(0, 1000 + round(1000 * seconds), get_datasets.Screen(True))
    monkeypatch.setattr(get_datasets.time, "monotonic", lambda: 1.0)
    progress.add(1000)
    assert progress.time_left() == words


@pytest.mark.parametrize("kind", ["no_range", "no_length", "moved", "busy_once"])
def test_servers_that_differ(server, tmp_path, kind):
    """No ranges, no announced length, a redirection, one refusal: all deliver the file."""
    assert get(server, tmp_path, kind) == 0
    assert_complete(tmp_path)


def test_already_there(server, tmp_path, capsys):
    get(server, tmp_path, "good")
    server.log.clear()
    assert get(server, tmp_path, "good") == 0
    assert "already there" in capsys.readouterr().out
    assert server.log == []


def test_force_downloads_again(server, tmp_path):
    get(server, tmp_path, "good")
    (tmp_path / FOLDER / "test_batch").write_bytes(b"broken inside.")
    assert get(server, tmp_path, "good", options=["--force"]) == 0
    assert_complete(tmp_path)


@pytest.mark.parametrize("harm", ["remove", "cut", "empty"])
def test_repairs_an_incomplete_folder(server, tmp_path, harm):
    get(server, tmp_path, "good")
    batch = tmp_path / FOLDER / "data_batch_3"
    whole = batch.read_bytes()
    batch.unlink() if harm == "remove" else batch.write_bytes(whole[:500] + b"?" if harm == "cut" else b"")
    assert get(server, tmp_path, "good") == 0
    assert_complete(tmp_path)


def test_readme_may_lack(server, tmp_path):
    server.body = tar_of([m for m in published() if "readme" not in m[0].name])
    assert get(server, tmp_path, "good") == 0
    assert not (tmp_path / FOLDER / "readme.html").exists()


# ---- It resumes where it stopped ----


def test_resumes_after_each_drop(server, tmp_path):
    """Every try asks for what is missing, and no byte is sent twice."""
    assert get(server, tmp_path, "drops") == 0
    assert_complete(tmp_path)
    starts = range(0, len(server.body), 100_000)
    assert [asked for _, asked, _ in server.log] == [f"bytes={start}-" if start else None for start in starts]
    assert sum(sent for _, _, sent in server.log) == len(server.body)


def test_resumes_an_earlier_run(server, tmp_path):
    part_of(server, tmp_path).write_bytes(server.body[:250_001])
    assert get(server, tmp_path, "good") == 0
    assert server.log == [["good", "bytes=250001-", len(server.body) - 250_001]]
    assert_complete(tmp_path)


def test_mirrors_share_what_was_downloaded(server, tmp_path):
    part_of(server, tmp_path).write_bytes(server.body[:100_000])
    assert get(server, tmp_path, "dead", "good") == 0
    assert server.log[-1] == ["good", "bytes=100000-", len(server.body) - 100_000]


@pytest.mark.parametrize("kind", ["no_range", "lies", "no_more"])
def test_starts_again_where_it_cannot_resume(server, tmp_path, kind):
    part_of(server, tmp_path).write_bytes(server.body[:100_000])
    assert get(server, tmp_path, kind) == 0
    assert server.log[-1][2] == len(server.body)
    assert_complete(tmp_path)


def test_whole_part_is_not_fetched_again(server, tmp_path):
    """The server answers 416 with the very size: nothing is missing."""
    part_of(server, tmp_path).write_bytes(server.body)
    assert get(server, tmp_path, "good") == 0
    assert server.log == [["good", f"bytes={len(server.body)}-", 0]]
    assert_complete(tmp_path)


@pytest.mark.parametrize("earlier", [b"something else " * 1000, b"x" * 10**6], ids=["shorter", "longer"])
def test_part_of_something_else(server, tmp_path, earlier):
    """A part that belongs to another file costs one more download, not the result."""
    part_of(server, tmp_path).write_bytes(earlier)
    assert get(server, tmp_path, "good") == 0
    assert_complete(tmp_path)


def test_part_of_another_archive_is_not_continued(server, tmp_path):
    (tmp_path / "cifar-10-python.000000000000.tar.gz.part").write_bytes(b"other")
    assert get(server, tmp_path, "good") == 0
    assert server.log[0][1] is None


def test_known_size(server, tmp_path, monkeypatch):
    """For the published archive the size is known: a complete part is used without asking the server."""
    monkeypatch.setattr(get_datasets, "SHA256", sha256(server.body))
    monkeypatch.setattr(get_datasets, "ARCHIVE_BYTES", len(server.body))
    part_of(server, tmp_path).write_bytes(server.body)
    assert get(server, tmp_path, "good") == 0
    assert server.log == []
    assert_complete(tmp_path)


@pytest.mark.parametrize("kind", ["no_length", "good"])
def test_known_size_and_a_part_that_is_too_long(server, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(get_datasets, "SHA256", sha256(server.body))
    monkeypatch.setattr(get_datasets, "ARCHIVE_BYTES", len(server.body))
    part_of(server, tmp_path).write_bytes(server.body + b"x")
    assert get(server, tmp_path, kind) == 0
    assert_complete(tmp_path)


# ---- It refuses ----


@pytest.mark.parametrize("kind", ["tampered", "truncated", "no_length_short", "portal"])
def test_wrong_file_is_refused_by_its_checksum(server, tmp_path, capsys, kind, monkeypatch):
    """It is not opened, and nothing of it is left."""
    monkeypatch.setattr(tarfile, "open", None)
    assert get(server, tmp_path, kind) == 1
    assert len(server.log) == 1
    assert_nothing(tmp_path)
    err = capsys.readouterr().err
    assert server.url(kind) in err and "SHA-256" in err and sha256(server.body) in err


@pytest.mark.parametrize("kind", ["portal", "truncated"])
def test_wrong_size_is_refused_before_the_download(server, tmp_path, capsys, kind, monkeypatch):
    monkeypatch.setattr(get_datasets, "SHA256", sha256(server.body))
    monkeypatch.setattr(get_datasets, "ARCHIVE_BYTES", len(server.body))
    assert get(server, tmp_path, kind) == 1
    assert_nothing(tmp_path)
    assert f"instead of {len(server.body)}: not the same archive" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["good", "no_length"])
def test_too_large_is_refused(server, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(get_datasets, "MAX_ARCHIVE_BYTES", 100_000)
    assert get(server, tmp_path, kind) == 1
    assert_nothing(tmp_path)


def test_not_the_published_checksum(server, tmp_path, capsys, monkeypatch):
    """--url alone stands for a mirror of the published archive."""
    assert get_datasets.main(["--url", server.url("good"), "--dest", str(tmp_path)]) == 1
    assert "not the same archive" in capsys.readouterr().err
    assert_nothing(tmp_path)


BAD_MEMBERS = {
    "parent": member("../x"),
    "inner parent": member(f"{FOLDER}/../../x"),
    "absolute": member("/tmp/cifar-10-outside"),
    "backslash": member(f"{FOLDER}/..\\x"),
    "beside": member("data_batch_1"),
    "unknown": member(f"{FOLDER}/setup.py"),
    "deeper": member(f"{FOLDER}/data_batch_1/x"),
    "dot": member(f"{FOLDER}/./data_batch_1"),
    "symbolic link": member(f"{FOLDER}/data_batch_1", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard link": member(f"{FOLDER}/data_batch_1", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "device": member(f"{FOLDER}/data_batch_1", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
    "pipe": member(f"{FOLDER}/data_batch_1", b"", type=tarfile.FIFOTYPE),
    "folder as file": member(f"{FOLDER}/data_batch_1", b"", type=tarfile.DIRTYPE),
    "link as folder": member(FOLDER, b"", type=tarfile.SYMTYPE, linkname="/tmp"),
    "empty": member(f"{FOLDER}/data_batch_1", b""),
}


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("bad", BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_bad_member_is_refused_by_name(server, tmp_path, capsys, bad, place):
    dest = tmp_path / "inner"
    others = [m for m in published() if m[0].name != bad[0].name]
    server.body = tar_of([bad, *others] if place == "first" else [*others, bad])
    assert get(server, dest, "good") == 1
    assert repr(bad[0].name) in capsys.readouterr().err
    assert_nothing(dest)
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
    assert not Path("/tmp/cifar-10-outside").exists()


def test_twice_is_refused(server, tmp_path, capsys):
    server.body = tar_of([*published(), member(f"{FOLDER}/test_batch")])
    assert get(server, tmp_path, "good") == 1
    assert "'cifar-10-batches-py/test_batch' appears twice" in capsys.readouterr().err
    assert_nothing(tmp_path)


def test_large_member_is_refused(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(get_datasets, "MAX_FILE_BYTES", 50_000)
    assert get(server, tmp_path, "good") == 1
    assert "has 60001 bytes" in capsys.readouterr().err
    assert_nothing(tmp_path)


def test_missing_member_is_named(server, tmp_path, capsys):
    server.body = tar_of([m for m in published() if not m[0].name.endswith(("data_batch_2", "batches.meta"))])
    assert get(server, tmp_path, "good") == 1
    assert "lacks data_batch_2, batches.meta" in capsys.readouterr().err
    assert_nothing(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[: len(body) // 2],
        lambda body: body[:-6],
        lambda body: body[:200_000] + b"\0" * 100 + body[200_100:],
        lambda body: b"not an archive",
        lambda body: b"",
        lambda body: b"\x1f\x8b" + body[2:50],
    ],
    ids=["half", "no end", "hole", "text", "nothing", "short"],
)
def test_damaged_archive_with_its_own_checksum(server, tmp_path, damage, capsys):
    """Even if the checksum is that of the damaged file, it is refused and nothing stays."""
    server.body = damage(server.body)
    assert get(server, tmp_path, "no_range") == 1
    assert "refused" in capsys.readouterr().err
    assert_nothing(tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/file",
        "http://localhost.example.com/file",
        "http://localhost@example.com/file",
        "http://127.0.0.1.example.com/",
        "ftp://localhost/file",
        "file:///etc/passwd",
        "data:,x",
        "https://",
        "https://example.com/a b",
        "https://example.com/\n",
        "/etc/passwd",
        "http://[::1/x",
    ],
)
def test_only_https(tmp_path, capsys, url, monkeypatch):
    monkeypatch.setattr(get_datasets, "open_url", None)
    assert get_datasets.main(["--url", url, "--dest", str(tmp_path)]) == 1
    assert "does not begin with https://" in capsys.readouterr().err


@pytest.mark.parametrize(
    "kind, words", [("moved_away", "does not begin with https://"), ("moved_to_disk", "not allowed")]
)
def test_redirection_must_be_https(server, tmp_path, capsys, kind, words):
    assert get(server, tmp_path, kind) == 1
    assert words in capsys.readouterr().err
    assert_nothing(tmp_path)


def test_no_redirection_from_https_to_this_machine():
    request = get_datasets.urllib.request.Request("https://example.com/a")
    with pytest.raises(get_datasets.ServerError, match="not https"):
        get_datasets.CheckedRedirects().redirect_request(request, None, 302, "", {}, "http://localhost/a")


# ---- Mirrors and failures ----


def test_next_mirror_after_each_failure(server, tmp_path, capsys):
    """Each failure is one plain sentence; the first mirror that has the file wins."""
    kinds = ["missing", "busy", "dead", "tampered", "portal", "http://example.com/x"]
    assert get(server, tmp_path, *kinds, "good", "missing") == 0
    assert_complete(tmp_path)
    out = capsys.readouterr().out
    assert "the server answered 404" in out and "gave up: the server answered 503" in out
    assert "the connection broke after 0.0 of 0.3 MB" in out
    assert [kind for kind, *_ in server.log].count("busy") == get_datasets.MAX_FRUITLESS_TRIES
    assert server.log[-1][0] == "good"


def test_all_mirrors_fail(server, tmp_path, capsys):
    assert get(server, tmp_path, "missing", "busy") == 1
    err = capsys.readouterr().err
    assert "could not be downloaded" in err and "404" in err and "503" in err and "--url" in err
    assert_nothing(tmp_path)


def test_part_is_kept_when_the_connection_stays_broken(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(get_datasets, "MAX_TRIES", 2)
    assert get(server, tmp_path, "drops") == 1
    assert part_of(server, tmp_path).read_bytes() == server.body[:200_000]
    assert "0.2 MB are kept in" in capsys.readouterr().err
    assert get(server, tmp_path, "good") == 0
    assert_complete(tmp_path)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "https://no-such-host.invalid/x"])
def test_no_network(tmp_path, capsys, url):
    assert get_datasets.main(["--url", url, "--dest", str(tmp_path)]) == 1
    assert "is this machine online?" in capsys.readouterr().err


def test_silent_server(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(get_datasets, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(Handler, "good", lambda self: time.sleep(0.5))
    assert get(server, tmp_path, "good") == 1
    assert "no answer for 0.1 seconds" in capsys.readouterr().err


def test_untrusted_certificate(tmp_path, capsys, monkeypatch):
    def open_url(url, start):
        raise get_datasets.urllib.error.URLError(get_datasets.ssl.SSLCertVerificationError("self-signed"))

    monkeypatch.setattr(get_datasets, "open_url", open_url)
    assert get_datasets.main(["--url", "https://example.com/", "--dest", str(tmp_path)]) == 1
    assert "no secure connection" in capsys.readouterr().err


def test_too_little_space(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(get_datasets.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 10**6}))
    assert get_datasets.main(["--url", server.url("good"), "--dest", str(tmp_path)]) == 1
    assert "has 1.0 MB free, but 357.5 MB are needed" in capsys.readouterr().err
    assert server.log == []


@pytest.mark.parametrize("name, words", [("ENOSPC", "the disk is full"), ("EACCES", "no permission")])
@pytest.mark.parametrize("where", ["copy_body", "unpack_member"])
def test_disk_errors_are_readable(server, tmp_path, capsys, monkeypatch, where, name, words):
    def fail(*args):
        raise OSError(getattr(errno, name), "something")

    with monkeypatch.context() as patch:
        patch.setattr(get_datasets, where, fail)
        assert get(server, tmp_path, "good") == 1
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [part_of(server, tmp_path).name]
    assert get(server, tmp_path, "good") == 0
    assert_complete(tmp_path)


def test_file_in_the_way(server, tmp_path, capsys):
    (tmp_path / FOLDER).write_text("a file")
    assert get(server, tmp_path, "good") == 1
    assert "in the way" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--checksum", "12"], ["--checksum", "0" * 64], ["--surprise"]])
def test_usage_errors(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        get_datasets.main(argv)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


# ---- It can be stopped at any moment ----


class Stop:
    """Raises KeyboardInterrupt before the n-th call, counted over all functions it is wrapped around."""

    def __init__(self, n):
        self.n, self.calls = n, 0

    def around(self, function):
        def wrapped(*args, **kwargs):
            self.calls += 1
            if self.calls == self.n:
                raise KeyboardInterrupt
            return function(*args, **kwargs)

        return wrapped


STEPS = ["ask", "first_byte", "read_chunk", "sha256_of", "install", "unpack_member", "checked_name", "put_in_place"]


def run_with_stop(server, dest, monkeypatch, n, options):
    stop = Stop(n)
    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(get_datasets, name, stop.around(getattr(get_datasets, name)))
        patch.setattr(os, "replace", stop.around(os.replace))
        status = get(server, dest, "drops", options=[*options, "--quiet"])
    return status, stop.calls


@pytest.mark.parametrize("before", ["absent", "incomplete"])
def test_interrupt_at_every_step(server, tmp_path, monkeypatch, before):
    """Ctrl-C before any call leaves the old folder or the new one, and the next run resumes."""
    monkeypatch.setattr(get_datasets, "CHUNK", 65536)
    n, status = 1, 130
    while status == 130:
        dest = tmp_path / str(n)
        old = b"old batch."
        if before == "incomplete":
            (dest / FOLDER).mkdir(parents=True)
            (dest / FOLDER / "data_batch_1").write_bytes(old)
        status, _ = run_with_stop(server, dest, monkeypatch, n, [])
        files = {path.name: path.read_bytes() for path in (dest / FOLDER).iterdir()} if (dest / FOLDER).exists() else {}
        assert all(data in (contents()[name], old) for name, data in files.items())
        assert before == "incomplete" or files in ({}, contents())
        assert not list(dest.glob(f"{FOLDER}.*"))
        assert get(server, dest, "good", options=["--quiet"]) == 0
        assert_complete(dest)
        n += 1
    assert status == 0 and n > 30


@pytest.mark.parametrize("moment", [0.1, 0.25, 0.4, 0.55])
def test_killed(server, tmp_path, moment):
    """Killed outright after some time: the folder is absent or complete, and the next run resumes where it stopped."""
    process = subprocess.Popen([*command(server, "slow"), "--dest", tmp_path], stdout=subprocess.DEVNULL)
    while not server.log:
        time.sleep(0.01)
    time.sleep(moment)
    process.kill()
    process.wait()
    assert not (tmp_path / FOLDER).exists() or get_datasets.is_complete(tmp_path / FOLDER)
    kept = get_datasets.size_of(part_of(server, tmp_path))
    server.log.clear()
    assert get(server, tmp_path, "good") == 0
    assert server.log == [] or server.log[0][1] == (f"bytes={kept}-" if kept else None)
    assert_complete(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_control_c(server, tmp_path):
    process = subprocess.Popen(
        [*command(server, "half"), "--dest", tmp_path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while not server.log or server.log[0][2] < len(server.body) // 2:  # then it waits in the middle of the file
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    server.go_on.set()
    assert process.returncode == 130
    assert err == "get_datasets: stopped; start it again to resume the download\n"


def test_leftovers_of_a_killed_run_go(server, tmp_path):
    old, young = tmp_path / f"{FOLDER}.a.part", tmp_path / f"{FOLDER}.b.part"
    for folder in (old, young):
        folder.mkdir()
        (folder / "data_batch_1").write_bytes(b"half")
    os.utime(old, (0, 0))
    assert get(server, tmp_path, "good") == 0
    assert_complete(tmp_path, leftovers=[young.name])


def test_as_a_program(server, tmp_path):
    """Its exit status and messages, when it works and when it does not."""
    good = command(server, "good")
    done = subprocess.run([*good, "--dest", tmp_path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert_complete(tmp_path)
    bad = [*good[:-1], "0" * 64, "--dest", tmp_path / "b"]
    refused = subprocess.run(bad, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and "SHA-256" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.slow
@pytest.mark.skipif(not BUILDER.is_file(), reason="no packed CIFAR-10 beside the project")
def test_true_size(server, tmp_path, monkeypatch):
    """The archive in its true size, interrupted once; then the loader reads it."""
    pytest.importorskip("imageio")
    subprocess.run([sys.executable, BUILDER, tmp_path, "--tar"], check=True, stdout=subprocess.DEVNULL)
    server.body = (tmp_path / "cifar-10-python.tar.gz").read_bytes()
    monkeypatch.setattr(get_datasets, "CHUNK", 2**18)
    monkeypatch.setattr(Handler, "drops", lambda self: self.good(sent=100_000_000))
    began = time.perf_counter()
    assert get(server, tmp_path / "new", "drops") == 0
    print(f"\n{len(server.body) / 1e6:.0f} MB downloaded, checked and unpacked in {time.perf_counter() - began:.1f} s")
    assert [asked for _, asked, _ in server.log] == [None, "bytes=100000000-"]
    for path in (tmp_path / FOLDER).iterdir():
        assert (tmp_path / "new" / FOLDER / path.name).read_bytes() == path.read_bytes()

    from cs231n.data_utils import load_CIFAR10

    X_train, y_train, X_test, y_test = load_CIFAR10(tmp_path / "new" / FOLDER, dtype="uint8")
    assert X_train.shape == (50000, 32, 32, 3) and X_test.shape == (10000, 32, 32, 3)
    assert [list(y[:5]) for y in (y_train, y_test)] == [[6, 9, 9, 4, 1], [3, 8, 8, 0, 6]]
