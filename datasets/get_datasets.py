#!/usr/bin/env python3
"""Download CIFAR-10 for the notebooks: python datasets/get_datasets.py

The archive comes over https, from the first mirror that has it, and an interrupted download goes on where it stopped
when the program is started again. Nothing in it is opened before its SHA-256 is the published one. The folder
cifar-10-batches-py appears complete or not at all. Needs Python alone.
"""

import argparse
import errno
import hashlib
import http.client
import os
import re
import shutil
import ssl
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent

FOLDER = "cifar-10-batches-py"
MIRRORS = ["https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"]
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
ARCHIVE_BYTES = 170_498_071  # the archive with this SHA-256; its published MD5 is c58f30108f718f92721af3b95e74349a
UNPACKED_BYTES = 186_500_000

NEEDED_FILES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]
ADMITTED_FILES = [*NEEDED_FILES, "readme.html"]
MAX_FILE_BYTES = 64 * 2**20
MAX_ARCHIVE_BYTES = 512 * 2**20

TIMEOUT_S = 30
MAX_TRIES = 20  # of one mirror, as long as each brings something
MAX_FRUITLESS_TRIES = 3
PAUSE_S = 1.0  # before the second try; doubles with each fruitless one
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
CHUNK = 2**18


class DownloadError(Exception):
    """Something a person can read and act on."""


class ServerError(DownloadError):
    """This mirror does not give the file; another may."""


class Interrupted(DownloadError):
    """The connection broke; it is worth another try, which goes on where this one stopped."""


class WrongChecksum(ServerError):
    """The file is not the one that was asked for."""


def main(argv=None):
    """Run the program with these arguments; returns its exit status, 0 when CIFAR-10 is there."""
    args = parse_arguments(argv)
    say = (lambda text: None) if args.quiet else (lambda text: print(text, flush=True))
    try:
        get_cifar10(args, say)
    except DownloadError as error:
        print(f"get_datasets: {error}", file=sys.stderr)
    except OSError as error:
        print(f"get_datasets: {explain_os_error(error, args.dest)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("get_datasets: stopped; start it again and it goes on from here", file=sys.stderr)
        return 130
    else:
        return 0
    return 1


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description="Download CIFAR-10 (171 MB) for the notebooks.")
    parser.add_argument("--url", nargs="+", action="extend", metavar="URL", help="mirrors to try instead, in turn")
    parser.add_argument("--checksum", type=sha256_argument, default=SHA256, metavar="SHA256",
                        help="of the archive behind --url, if it is not the published one")  # fmt: skip
    parser.add_argument("--dest", type=Path, default=HERE, metavar="DIR", help=f"where {FOLDER} goes (here: {HERE})")
    parser.add_argument("--force", action="store_true", help=f"download even if {FOLDER} is there")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    args = parser.parse_args(argv)
    if args.checksum != SHA256 and not args.url:
        parser.error("--checksum goes with --url")
    return args


def sha256_argument(text):
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError("a SHA-256 has 64 hexadecimal digits")
    return text.lower()


def get_cifar10(args, say):
    """Download, check and unpack CIFAR-10 into args.dest, unless it is there."""
    folder = args.dest / FOLDER
    if not args.force and is_complete(folder):
        say(f"CIFAR-10 is already there: {folder}")
        return
    if folder.exists() and not folder.is_dir():
        raise DownloadError(f"{folder} is in the way: it is not a folder. Move it away and start again.")
    args.dest.mkdir(parents=True, exist_ok=True)
    remove_leftovers(args.dest)
    # The name holds the checksum: a part of one archive is never continued with another.
    part = args.dest / f"cifar-10-python.{args.checksum[:12]}.tar.gz.part"
    size = ARCHIVE_BYTES if args.checksum == SHA256 else None
    if size:
        check_free_space(args.dest, size + UNPACKED_BYTES - size_of(part))
    download(args.url or MIRRORS, part, size, args.checksum, say)
    say("The checksum is right. Unpacking ...")
    install(part, folder, args.checksum)
    part.unlink()
    say(f"CIFAR-10 is ready: {folder}")


def is_complete(folder):
    return all(looks_whole(folder / name) for name in NEEDED_FILES)


def looks_whole(path):
    """Whether a batch file is there and ends as every pickle does, with a full stop."""
    if size_of(path) == 0 or not path.is_file():
        return False
    with open(path, "rb") as f:
        f.seek(-1, os.SEEK_END)
        return f.read(1) == b"."


def size_of(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def check_free_space(folder, needed):
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(f"{folder} has {megabytes(free)} free, {megabytes(needed)} are needed")


def remove_leftovers(dest, older_than_s=3600):
    """Remove half-unpacked folders of runs that were killed; a younger one may be in use."""
    for folder in dest.glob(f"{FOLDER}.*.part"):
        if time.time() - folder.stat().st_mtime > older_than_s:
            shutil.rmtree(folder, ignore_errors=True)


# ---- Download ------------------------------------------------------------------------------------------------------


def download(urls, part, size, checksum, say):
    """Bring the archive with this checksum to the file `part`, from the first of `urls` that gives it."""
    failures = []
    for url in urls:
        try:
            return download_from(url, part, size, checksum, say)
        except DownloadError as error:
            failures.append(f"{url}: {error}")
            say(failures[-1])
    raise DownloadError("CIFAR-10 could not be downloaded.\n  " + "\n  ".join(failures) + advice(part))


def advice(part):
    kept = f"\n{megabytes(size_of(part))} are kept in {part}; start again to go on." if size_of(part) else ""
    return f"{kept}\nAnother address can be given with --url; the notebooks also run without CIFAR-10."


def download_from(url, part, size, checksum, say):
    """Download from one mirror, in several tries if the connection breaks."""
    check_url(url)
    fruitless = 0
    for _ in range(MAX_TRIES):
        before = size_of(part)
        try:
            if before == 0 or before != size:
                fetch(url, part, size, say)
            return verify(part, checksum)
        except WrongChecksum:
            part.unlink()
            if before == 0:
                raise
            say("The part from an earlier run does not belong to this file; starting again.")
        except Interrupted as error:
            last = error
            fruitless = 0 if size_of(part) > before else fruitless + 1
            if fruitless == MAX_FRUITLESS_TRIES:
                break
            say(f"{error}; trying again")
            time.sleep(PAUSE_S * 2**fruitless)
    raise ServerError(f"given up, {last}")


def check_url(url):
    """Refuse an address that is not https; plain http is for a server on this machine."""
    parts = urlsplit(url)
    is_local = parts.hostname in LOCAL_HOSTS
    if not (parts.scheme == "https" and parts.hostname) and not (parts.scheme == "http" and is_local):
        raise ServerError("refused: the address must begin with https://")


class CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirection only to an address that may be used, and never from https to http."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        check_url(newurl)
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise ServerError(f"refused: the server sends us on to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_url(url, start):
    """The server's answer for the bytes from `start` on."""
    request = urllib.request.Request(url, headers={"User-Agent": "get_datasets.py", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    handlers = [CheckedRedirects()]
    if urlsplit(url).hostname in LOCAL_HOSTS:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT_S)


def fetch(url, part, size, say):
    """Add what the server sends to `part`; begins it anew if the server does not give the rest alone."""
    try:
        with open_url_after(part, url) as answer:
            start = first_byte(answer, part)
            total = total_size(answer, start)
            check_total(total, size)
            with open(part, "r+b" if start else "wb") as out:
                out.truncate(start)
                out.seek(start)
                copy_body(answer, out, start, total, say)
    except urllib.error.HTTPError as error:
        explain_status(error)
    except ssl.SSLError as error:
        raise ServerError(f"no safe connection ({error})") from None
    except urllib.error.URLError as error:
        explain_no_answer(error.reason)
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        explain_no_answer(error)


def open_url_after(part, url):
    """Ask for what `part` lacks; if there is no such range, drop `part` and ask for everything."""
    try:
        return open_url(url, size_of(part))
    except urllib.error.HTTPError as error:
        if error.code != 416 or size_of(part) == 0:
            raise
    part.unlink()
    return open_url(url, 0)


def first_byte(answer, part):
    """Where in the file the answer begins: after `part` if the server gives just the rest, else at 0."""
    if answer.status == 200:
        return 0
    wanted = size_of(part)
    match = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if answer.status != 206 or not match or int(match[1]) != wanted:
        part.unlink(missing_ok=True)
        raise Interrupted("the server sent another piece than was asked for")
    return wanted


def total_size(answer, start):
    """The size of the whole file as the server says it, or None."""
    length = answer.headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def check_total(total, size):
    if total is not None and size is not None and total != size:
        raise ServerError(f"it offers a file of {total} bytes, expected {size}: not the same archive")
    if total is not None and total > MAX_ARCHIVE_BYTES:
        raise ServerError(f"it offers a file of {megabytes(total)}, too large to be CIFAR-10")


def copy_body(answer, out, start, total, say):
    progress, done = Progress(start, total, say), start
    try:
        while chunk := answer.read(CHUNK):
            out.write(chunk)
            done += len(chunk)
            progress.show(done)
            if done > (total or MAX_ARCHIVE_BYTES):
                raise ServerError("it sends more than it announced, or more than CIFAR-10 can be")
    finally:
        progress.end()
    if total is not None and done < total:
        raise Interrupted(f"the connection broke after {megabytes(done)} of {megabytes(total)}")


def explain_status(error):
    text = f"the server answered {error.code} {error.reason}"
    raise (Interrupted if error.code in (408, 429) or error.code >= 500 else ServerError)(text) from None


def explain_no_answer(reason):
    if isinstance(reason, ssl.SSLError):
        raise ServerError(f"no safe connection ({reason}); this Python may lack root certificates") from None
    if isinstance(reason, TimeoutError):
        raise Interrupted(f"no answer for {TIMEOUT_S} seconds") from None
    raise Interrupted(f"no connection ({reason}); is this machine on the network?") from None


def verify(part, checksum):
    """Raise WrongChecksum unless `part` has this SHA-256."""
    with open(part, "rb") as f:
        found = sha256_of(f)
    if found != checksum:
        raise WrongChecksum(f"refused: the archive's SHA-256 is {found}, expected {checksum}; it was deleted")


def sha256_of(f):
    digest = hashlib.sha256()
    while chunk := f.read(2**20):
        digest.update(chunk)
    return digest.hexdigest()


# ---- Unpacking -----------------------------------------------------------------------------------------------------


def install(archive, folder, checksum):
    """Unpack the checked archive beside `folder`, then put it in place; `folder` is never half there."""
    unpacked = Path(tempfile.mkdtemp(prefix=f"{FOLDER}.", suffix=".part", dir=folder.parent))
    try:
        with open(archive, "rb") as f:
            if sha256_of(f) != checksum:
                raise WrongChecksum(f"{archive} changed after it was checked")
            f.seek(0)
            unpack(f, unpacked)
        put_in_place(unpacked, folder)
    except DownloadError:
        archive.unlink()
        raise
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def unpack(f, folder):
    """Write the files of the archive `f` into `folder`; refuse anything but the published ones."""
    seen = set()
    try:
        with tarfile.open(fileobj=f, mode="r:gz") as archive:
            for member in archive:
                if not (member.isdir() and member.name == FOLDER):
                    name = checked_name(member, seen)
                    copy_member(archive, member, folder / name)
                    seen.add(name)
    except (tarfile.TarError, EOFError, zlib.error, OverflowError) as error:
        raise DownloadError(f"refused: the archive is damaged ({error})") from None
    missing = [name for name in NEEDED_FILES if name not in seen]
    if missing:
        raise DownloadError(f"refused: the archive lacks {', '.join(missing)}")


def checked_name(member, seen):
    """The file name of an archive member, if it is one of the published files, for the first time."""
    folder, _, name = member.name.partition("/")
    is_regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
    if folder != FOLDER or name not in ADMITTED_FILES or not is_regular:
        raise DownloadError(f"refused: the archive holds {member.name!r}, which does not belong to CIFAR-10")
    if name in seen:
        raise DownloadError(f"refused: the archive holds {member.name!r} twice")
    if not 0 < member.size <= MAX_FILE_BYTES:
        raise DownloadError(f"refused: {member.name!r} has {member.size} bytes")
    return name


def copy_member(archive, member, target):
    with archive.extractfile(member) as source, open(target, "xb") as out:
        shutil.copyfileobj(source, out, CHUNK)
    if size_of(target) != member.size:
        raise DownloadError(f"refused: {member.name!r} is cut short")


def put_in_place(unpacked, folder):
    """Move the unpacked files to `folder`: in one step, or file by file if the folder is already there."""
    unpacked.chmod(0o777 & ~current_umask())  # mkdtemp makes it private
    if not folder.exists():
        os.replace(unpacked, folder)
        return
    for path in unpacked.iterdir():
        os.replace(path, folder / path.name)


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


# ---- Words for people ----------------------------------------------------------------------------------------------


class Progress:
    """A bar with megabytes and time left on a terminal; elsewhere a line for each tenth."""

    def __init__(self, start, total, say):
        self.start, self.total, self.say = start, total, say
        self.began, self.last_drawn, self.on_terminal = time.monotonic(), -1.0, sys.stdout.isatty()
        self.step = (total or MAX_ARCHIVE_BYTES) / 10
        self.next_line = start - start % self.step + self.step

    def show(self, done):
        if self.on_terminal:
            self.draw(done)
        elif done >= self.next_line:
            self.next_line = done - done % self.step + self.step
            self.say(self.text(done))

    def draw(self, done):
        now = time.monotonic()
        if now - self.last_drawn > 0.1 or done == self.total:
            self.last_drawn = now
            self.say_on_same_line(f"\r{self.bar(done)}{self.text(done)}\033[K")

    def bar(self, done, width=30):
        filled = width * done // self.total if self.total else 0
        return f"[{'#' * filled}{'.' * (width - filled)}] " if self.total else ""

    def text(self, done):
        if not self.total:
            return megabytes(done)
        return f"{done / 1e6:.1f} of {megabytes(self.total)}, {self.time_left(done)} left"

    def time_left(self, done):
        rate = (done - self.start) / max(time.monotonic() - self.began, 1e-3)
        seconds = round((self.total - done) / rate) if rate else 0
        return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"

    def say_on_same_line(self, text):
        if self.say("") is None and not getattr(self.say, "quiet", False):
            print(text, end="", flush=True)

    def end(self):
        if self.on_terminal and self.last_drawn >= 0:
            self.say("")


def megabytes(count):
    return f"{count / 1e6:.1f} MB"


def explain_os_error(error, folder):
    if error.errno == errno.ENOSPC:
        return f"the disk is full ({folder}). Make room and start again; what was downloaded is kept."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to write {error.filename or folder}. Choose another folder with --dest."
    return f"{error.strerror or error} ({error.filename or folder})"


if __name__ == "__main__":
    sys.exit(main())
