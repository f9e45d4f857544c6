#!/usr/bin/env python3
"""Download CIFAR-10 for the notebooks: python datasets/get_datasets.py

The archive is downloaded over https from the first mirror that has it. An interrupted download resumes where it stopped
when the program is started again. The archive is opened only if its SHA-256 is the published one, and the folder
cifar-10-batches-py appears complete or not at all. Needs nothing but Python.
"""

import argparse
import errno
import gzip
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
ARCHIVE_BYTES = 170_498_071  # of the archive with this SHA-256; its published MD5 is c58f30108f718f92721af3b95e74349a
UNPACKED_BYTES = 187_000_000

NEEDED_FILES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]
ADMITTED_FILES = [*NEEDED_FILES, "readme.html"]
MAX_FILE_BYTES = 64 * 2**20
MAX_ARCHIVE_BYTES = 512 * 2**20

TIMEOUT_S = 30
MAX_TRIES = 20  # of one mirror, as long as they make progress
MAX_FRUITLESS_TRIES = 3  # in a row
PAUSE_S = 1.0  # after a broken connection; doubles with each fruitless try
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
CHUNK = 2**18


class DownloadError(Exception):
    """A failure that a person can read about and act on."""


class ServerError(DownloadError):
    """A mirror does not provide the file; another one may."""


class Interrupted(DownloadError):
    """The connection broke; another try resumes where this one stopped."""


class WrongChecksum(DownloadError):
    """The file is not the requested one."""


def main(argv=None):
    """Run the program with these arguments; returns its exit status, 0 if CIFAR-10 is available."""
    args = parse_arguments(argv)
    try:
        get_cifar10(args, Screen(args.quiet))
    except DownloadError as error:
        return complain(error)
    except OSError as error:
        return complain(explain_os_error(error, args.dest))
    except KeyboardInterrupt:
        return complain("stopped; start it again to resume the download", status=130)
    return 0


def complain(text, status=1):
    print(f"get_datasets: {text}", file=sys.stderr)
    return status


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description="Download CIFAR-10 (171 MB) for the notebooks.")
    add_arguments(parser)
    args = parser.parse_args(argv)
    if args.checksum != SHA256 and not args.url:
        parser.error("--checksum needs --url")
    return args


def add_arguments(parser):
    """Give a parser the options of this program."""
    parser.add_argument("--url", nargs="+", action="extend", metavar="URL", help="addresses to try instead, in order")
    parser.add_argument(
        "--checksum",
        type=sha256_argument,
        default=SHA256,
        metavar="SHA256",
        help="the SHA-256 of the file at --url, which is opened only if it is this one",
    )
    parser.add_argument(
        "--dest", type=Path, default=HERE, metavar="DIR", help=f"where to put the folder {FOLDER}; datasets/ by default"
    )
    parser.add_argument("--force", action="store_true", help="download even if the folder exists")
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def sha256_argument(text):
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError("a SHA-256 has 64 hexadecimal digits")
    return text.lower()


def get_cifar10(args, screen):
    """Download, check and unpack CIFAR-10 into args.dest, unless it is there already."""
    folder = args.dest / FOLDER
    # The name contains the checksum: a part of one archive is never continued with another archive.
    part = args.dest / f"cifar-10-python.{args.checksum[:12]}.tar.gz.part"
    if not args.force and is_complete(folder):
        part.unlink(missing_ok=True)
        screen.say(f"CIFAR-10 is already there: {folder}")
        return
    if folder.exists() and not folder.is_dir():
        raise DownloadError(f"{folder} is in the way: it is not a folder. Move it and start again.")
    args.dest.mkdir(parents=True, exist_ok=True)
    remove_leftovers(args.dest)
    size = ARCHIVE_BYTES if args.checksum == SHA256 else None
    if size:
        check_free_space(args.dest, size + UNPACKED_BYTES - size_of(part))
    download(args.url or MIRRORS, part, size, args.checksum, screen)
    screen.say("The checksum is correct. Unpacking ...")
    install(part, folder)
    part.unlink()
    screen.say(f"CIFAR-10 is ready: {folder}")


def is_complete(folder):
    return all(looks_whole(folder / name) for name in NEEDED_FILES)


def looks_whole(path):
    """Whether a batch file exists and ends as every pickle does, with a full stop."""
    if not path.is_file() or size_of(path) == 0:
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
        raise DownloadError(f"{folder} has {megabytes(free)} free, but {megabytes(needed)} are needed")


def remove_leftovers(dest, older_than_s=3600):
    """Remove the incomplete folders of runs that were killed; a recent one may be in use."""
    for folder in dest.glob(f"{FOLDER}.*.part"):
        if time.time() - folder.stat().st_mtime > older_than_s:
            shutil.rmtree(folder, ignore_errors=True)


# ---- Download ------------------------------------------------------------------------------------------------------


def download(urls, part, size, checksum, screen):
    """Download the archive with this checksum to the file `part`, from the first of `urls` that provides it."""
    failures = []
    for url in urls:
        try:
            screen.say(f"Downloading {url}")
            return download_from(url, part, size, checksum, screen)
        except DownloadError as error:
            failures.append(f"{url}: {error}")
            screen.say(str(error))
    raise DownloadError("CIFAR-10 could not be downloaded.\n  " + "\n  ".join(failures) + advice(part))


def advice(part):
    kept = f"\n{megabytes(size_of(part))} are kept in {part}; start again to resume." if size_of(part) else ""
    return f"{kept}\nYou can give another address with --url. The notebooks also run without CIFAR-10."


def download_from(url, part, size, checksum, screen):
    """Download from one mirror; if the file is wrong but began with an older part, try once more without that part."""
    check_url(url)
    is_resumed = size_of(part) > 0
    try:
        fetch_and_verify(url, part, size, checksum, screen)
    except WrongChecksum as error:
        if not is_resumed:
            raise
        screen.say(f"{error}. It began with part of an earlier download; starting over.")
        fetch_and_verify(url, part, size, checksum, screen)


def fetch_and_verify(url, part, size, checksum, screen):
    if size is not None and size_of(part) > size:
        part.unlink()
    if size is None or size_of(part) != size:
        fetch_with_patience(url, part, size, screen)
    with open(part, "rb") as f:
        found = sha256_of(f)
    if found != checksum:
        part.unlink()
        raise WrongChecksum(f"refused: the SHA-256 of the file is {found}, expected {checksum}; it was deleted")


def sha256_of(f):
    digest = hashlib.sha256()
    while chunk := f.read(2**20):
        digest.update(chunk)
    return digest.hexdigest()


def fetch_with_patience(url, part, size, screen):
    """Try again when the connection breaks, each time from where the last try stopped."""
    fruitless = 0
    for _ in range(MAX_TRIES):
        before = size_of(part)
        try:
            return fetch(url, part, size, screen)
        except Interrupted as error:
            reason = error
        fruitless = 0 if size_of(part) > before else fruitless + 1
        if fruitless == MAX_FRUITLESS_TRIES:
            break
        screen.say(f"{reason}; trying again")
        time.sleep(PAUSE_S * 2**fruitless)
    raise ServerError(f"gave up: {reason}")


def fetch(url, part, size, screen):
    """Append what the server sends to `part`; start over if the server cannot send the rest alone."""
    answer = ask(url, part)
    if answer is None:
        return
    with answer:
        start = first_byte(answer, part)
        total = total_size(answer, start, size)
        with open(part, "r+b" if start else "wb") as out:
            out.seek(start)
            copy_body(answer, out, Progress(start, total, screen))


def ask(url, part):
    """The server's answer with the bytes that `part` lacks, or None if it is complete."""
    try:
        return open_url(url, size_of(part))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # no such range: either `part` is complete or it belongs to another file
            return check_range_end(error.headers.get("Content-Range", ""), part)
        is_passing = error.code in (408, 429) or error.code >= 500
        raise (Interrupted if is_passing else ServerError)(f"the server answered {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        explain_no_answer(getattr(error, "reason", error))


def check_range_end(content_range, part):
    if part.exists() and content_range == f"bytes */{size_of(part)}":
        return
    part.unlink(missing_ok=True)
    raise Interrupted("the file on the server has changed")


def open_url(url, start):
    request = urllib.request.Request(url, headers={"User-Agent": "get_datasets.py", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    handlers = [CheckedRedirects()]
    if urlsplit(url).hostname in LOCAL_HOSTS:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT_S)


class CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirection only to an allowed address, and never from https to http."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        check_url(newurl)
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise ServerError(f"refused: the server redirects to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_url(url):
    """Refuse an address that is not https; plain http is allowed for a server on this machine."""
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        scheme = host = None
    is_secure = scheme == "https" and host
    is_local = scheme == "http" and host in LOCAL_HOSTS
    if not re.fullmatch(r"[!-~]+", url) or not (is_secure or is_local):
        raise ServerError(f"refused: {url} does not begin with https://")


def first_byte(answer, part):
    """Where in the file the answer begins: after `part` if the server sends the rest alone, else at 0."""
    wanted = size_of(part)
    if answer.status == 200:
        return 0
    match = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if answer.status != 206 or not match or int(match[1]) != wanted:
        part.unlink(missing_ok=True)
        raise Interrupted("the server sent another range than the requested one")
    return wanted


def total_size(answer, start, size):
    """The size of the whole file, or None if it is not known."""
    length = answer.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else size
    if size is not None and total != size:
        raise ServerError(f"its file is {total} bytes long instead of {size}: not the same archive")
    if total is not None and total > MAX_ARCHIVE_BYTES:
        raise ServerError(f"its file is {megabytes(total)}, too large for CIFAR-10")
    return total


def copy_body(answer, out, progress):
    limit = MAX_ARCHIVE_BYTES if progress.total is None else progress.total
    with progress:
        while chunk := read_chunk(answer):
            out.write(chunk)
            progress.add(len(chunk))
            if progress.done > limit:
                break  # the checksum will not match
    if progress.total is not None and progress.done < progress.total:
        raise Interrupted(f"the connection broke after {progress.amount()}")


def read_chunk(answer):
    try:
        return answer.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, TimeoutError):
            explain_no_answer(error)
        raise Interrupted(f"the connection broke ({error})") from None


def explain_no_answer(reason):
    if isinstance(reason, ssl.SSLCertVerificationError):
        raise ServerError(f"no secure connection ({reason}); this Python may lack root certificates") from None
    if isinstance(reason, TimeoutError):
        raise Interrupted(f"no answer for {TIMEOUT_S} seconds") from None
    raise Interrupted(f"no connection ({reason}); is this machine online?") from None


# ---- Unpacking -----------------------------------------------------------------------------------------------------


def install(archive, folder):
    """Unpack the verified archive next to `folder`, then move it there; a refused archive is deleted."""
    workplace = Path(tempfile.mkdtemp(prefix=f"{FOLDER}.", suffix=".part", dir=folder.parent))
    try:
        unpacked = workplace / FOLDER
        unpacked.mkdir()
        unpack(archive, unpacked)
        put_in_place(unpacked, folder)
    except DownloadError:
        archive.unlink()
        raise
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def unpack(path, folder):
    """Write the files of an archive into `folder`; refuse anything but the published files."""
    seen = set()
    try:
        with gzip.open(path) as stream:
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                for member in archive:
                    unpack_member(archive, member, folder, seen)
            while stream.read(CHUNK):  # to the end, where gzip verifies its own checksum
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, OverflowError) as error:
        raise DownloadError(f"refused: the archive is damaged ({error}); it was deleted") from None
    missing = [name for name in NEEDED_FILES if name not in seen]
    if missing:
        raise DownloadError(f"refused: the archive lacks {', '.join(missing)}; it was deleted")


def unpack_member(archive, member, folder, seen):
    if member.isdir() and member.name == FOLDER:
        return
    name = checked_name(member, seen)
    seen.add(name)
    with archive.extractfile(member) as source, open(folder / name, "xb") as out:
        shutil.copyfileobj(source, out, CHUNK)


def checked_name(member, seen):
    """The file name of an archive member, if it is a published file that has not been seen yet."""
    folder, _, name = member.name.partition("/")
    is_regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
    if folder != FOLDER or name not in ADMITTED_FILES or not is_regular:
        problem = f"{member.name!r} is not part of CIFAR-10"
    elif name in seen:
        problem = f"{member.name!r} appears twice"
    elif not 0 < member.size <= MAX_FILE_BYTES:
        problem = f"{member.name!r} has {member.size} bytes"
    else:
        return name
    raise DownloadError(f"refused: in the archive, {problem}; it was deleted")


def put_in_place(unpacked, folder):
    """Move the unpacked files to `folder`: in one step, or file by file if the folder exists."""
    if not folder.exists():
        os.replace(unpacked, folder)
        return
    for path in sorted(unpacked.iterdir()):
        os.replace(path, folder / path.name)


# ---- Messages ------------------------------------------------------------------------------------------------------


class Screen:
    """Where the program prints, unless it should be quiet."""

    def __init__(self, is_quiet):
        self.is_quiet, self.is_terminal = is_quiet, sys.stdout.isatty()

    def say(self, text, end="\n"):
        if not self.is_quiet:
            print(text, end=end, flush=True)


class Progress:
    """The progress of the download: a bar on a terminal, elsewhere a line for each tenth."""

    def __init__(self, start, total, screen):
        self.start = self.done = start
        self.total, self.screen = total, screen
        self.began, self.drawn = time.monotonic(), 0.0
        self.step = max(1, (total or MAX_ARCHIVE_BYTES) // 10)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.screen.is_terminal:
            self.screen.say("")

    def add(self, count):
        tenths = self.done // self.step
        self.done += count
        if self.screen.is_terminal:
            self.draw()
        elif self.done // self.step > tenths:
            self.screen.say(self.text())

    def draw(self):
        now = time.monotonic()
        if now - self.drawn > 0.1 or self.done == self.total:
            self.drawn = now
            self.screen.say(f"\r{self.bar()}{self.text()}\033[K", end="")

    def bar(self, width=30):
        if not self.total:
            return ""
        filled = width * self.done // self.total
        return f"[{'#' * filled}{'.' * (width - filled)}] "

    def text(self):
        return f"{self.amount()}, {self.time_left()} left" if self.total else self.amount()

    def amount(self):
        return f"{self.done / 1e6:.1f} of {megabytes(self.total)}" if self.total else megabytes(self.done)

    def time_left(self):
        rate = (self.done - self.start) / max(time.monotonic() - self.began, 1e-3)
        seconds = round((self.total - self.done) / rate)
        return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def megabytes(count):
    return f"{count / 1e6:.1f} MB"


def explain_os_error(error, folder):
    if error.errno == errno.ENOSPC:
        return f"the disk is full ({folder}). Free some space and start again; what was downloaded is kept."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to write to {error.filename or folder}. Choose another folder with --dest."
    return f"{error.strerror or error} ({error.filename or folder})"


if __name__ == "__main__":
    sys.exit(main())
