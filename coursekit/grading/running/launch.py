"""The first program that runs in a sandbox: it gives up every privilege, then starts the command.

`sandbox.py` passes the text of this file to `python -I -S -c`, so it uses the standard library alone; `zygote.py`
imports it, and does the same in a process that is forked. Arguments: a JSON object of settings, then the command. Where
the sandbox has no process tree of its own, it stays alive, as the user who grades, and kills everything that the
command leaves behind, including what has left the process group.

A command starts with a session keyring of its own, without the right to gain privileges, and behind a filter that
answers the system calls in `DENIED` as a kernel without them would.
"""

import contextlib
import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Collection

SET_DEATH_SIGNAL, SET_SECCOMP, SET_SUBREAPER, SET_NO_NEW_PRIVILEGES = 1, 22, 36, 38  # of Linux' prctl
JOIN_SESSION_KEYRING = 1  # of keyctl
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # as the kernel calls them in a filter
X32 = 0x40000000  # added to the number of a call by the second way to call an x86-64 kernel

# System calls that NumPy and Jupyter do without: their numbers on x86-64 and on ARM64, None where it is missing.
DENIED: dict[str, tuple[int | None, int | None]] = {
    # the kernel's keyrings, which outlive a process
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # queues, segments, semaphores and locks, through which two runs could talk
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "flock": (73, 32),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    # memory that no limit counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    # what is in the page cache, which all runs share: who reads a file here could be seen there
    "preadv2": (327, 286),
    "cachestat": (451, 451),
    "mincore": (27, 232),
    "fadvise64": (221, 223),
    "readahead": (187, 213),
    # the memory and the files of other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone3": (435, 435),  # its flags are out of a filter's sight; libraries fall back to clone
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # what is known above all for its bugs
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "syslog": (103, 116),
}
CLONE, SOCKET, SOCKETPAIR, FCNTL, KEYCTL = (56, 220), (41, 198), (53, 199), (72, 25), DENIED["keyctl"]
SET_SOCKET_OPTION, BUFFER_SIZES = (54, 208), (7, 8, 32, 33)  # of a socket, which no limit counts
NEW_NAMESPACES = 0x7E020000  # flags of clone
UNIX_SOCKETS = 1
LOOK_AT_LOCKS, LEASE, NOTIFY = (5, 36), 1024, 1026  # of fcntl: they tell of other processes


def main() -> None:
    """Start the command under its limits; exit with its status."""
    settings, command = json.loads(sys.argv[1]), sys.argv[2:]
    confine(settings)
    os.execvp(command[0], command)


def confine(settings: dict) -> None:
    """Return in the process that is to run the command, under its limits; one that supervises it never returns."""
    os.umask(0o077)
    if not settings["supervise"]:
        return become(settings)
    prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    prctl(SET_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        return become(settings)
    signal.signal(signal.SIGTERM, stop)
    try:
        status = wait_for(child)
    except KeyboardInterrupt:
        status = signal.SIGKILL
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    kill_descendants()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)  # 128 + the signal, as shells and bubblewrap do


def stop(*_: object) -> None:
    """End the waiting."""
    raise KeyboardInterrupt


def become(settings: dict) -> None:
    """Become a user who may do nothing but run the command."""
    if settings["user"]:
        os.setgroups([])
        os.setgid(settings["user"])
        os.setuid(settings["user"])
    if settings["supervise"]:
        prctl(SET_DEATH_SIGNAL, signal.SIGKILL)  # a change of user clears it
    for name, (soft, hard) in settings["limits"].items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            lower(kind, soft, hard)
    if settings["filter"]:
        leave_keyring()
        deny_system_calls()
    os.environ.pop("JPY_PARENT_PID", None)  # a kernel looks for that process, and exits because it is not here


def lower(kind: int, soft: int, hard: int) -> None:
    """Set a limit, or leave one that is lower."""
    highest = resource.getrlimit(kind)[1]
    if highest != resource.RLIM_INFINITY:
        soft, hard = min(soft, highest), min(hard, highest)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some limits
        resource.setrlimit(kind, (soft, hard))


def prctl(option: int, value: int, argument: object = 0) -> None:
    """Call prctl on Linux, OSError if it fails; do nothing elsewhere."""
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(option, value, argument, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}: {os.strerror(ctypes.get_errno())}")


# ---- system calls


def leave_keyring() -> None:
    """Take a new and empty session keyring, in place of the one of the process that grades."""
    ctypes.CDLL(None).syscall(KEYCTL[machine()], JOIN_SESSION_KEYRING, None)  # a kernel without keyrings refuses


def machine() -> int:
    """The place of this machine in a pair of numbers."""
    return list(MACHINES).index(platform.machine())


def deny_system_calls() -> None:
    """Put the filter in place, for this process and all that it starts; OSError where the kernel has no filters."""
    program = b"".join(instructions())

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    prctl(SET_NO_NEW_PRIVILEGES, 1)
    prctl(SET_SECCOMP, 2, ctypes.byref(Program(len(program) // 8, program)))


def instructions() -> list[bytes]:
    """The filter: instructions of the kernel's packet filter over the number and the arguments of a system call."""
    this = machine()
    words = [*load(4), *unless_equal(MACHINES[platform.machine()], refuse(errno.ENOSYS)), *load(0)]
    if this == 0:
        words += [jump(0x35, X32, 0, 1), *refuse(errno.ENOSYS)]
    for number in (numbers[this] for numbers in DENIED.values()):
        if number is not None:
            words += [jump(0x15, number, 0, 1), *refuse(errno.ENOSYS)]
    namespaces = [*load(16), jump(0x45, NEW_NAMESPACES, 0, 1), *refuse(errno.EPERM), *ALLOW]
    families = [*load(16), *unless_equal(UNIX_SOCKETS, refuse(errno.EAFNOSUPPORT)), *ALLOW]
    locks = load(24)
    for command in (*LOOK_AT_LOCKS, LEASE, NOTIFY):
        locks += [jump(0x15, command, 0, 1), *refuse(errno.EPERM)]
    sizes = load(32)
    for option in BUFFER_SIZES:
        sizes += [jump(0x15, option, 0, 1), *refuse(errno.EPERM)]
    filters = (
        (CLONE, namespaces),
        (SOCKET, families),
        (SOCKETPAIR, families),
        (FCNTL, [*locks, *ALLOW]),
        (SET_SOCKET_OPTION, [*sizes, *ALLOW]),
    )
    for numbers, rest in filters:
        words += [jump(0x15, numbers[this], 0, len(rest)), *rest]
    return [*words, *ALLOW]


def jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    """Compare: 0x15 equal, 0x35 at least, 0x45 any bit set; then skip so many instructions."""
    return struct.pack("HBBI", code, if_true, if_false, value)


def load(offset: int) -> list[bytes]:
    """Load a word: at 0 the number of the call, at 4 the machine, from 16 on the arguments, 8 bytes each."""
    return [struct.pack("HBBI", 0x20, 0, 0, offset)]


def refuse(error: int) -> list[bytes]:
    """Fail with an error."""
    return [struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | error)]


def unless_equal(value: int, then: list[bytes]) -> list[bytes]:
    """Do something unless the word is equal to a value."""
    return [jump(0x15, value, len(then), 0), *then]


ALLOW = [struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)]


# ---- what the command leaves behind


def wait_for(child: int) -> int:
    """Wait for the command, and meanwhile reap the processes that it left behind; its wait status."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return status


def kill_descendants(spared: Collection[int] = ()) -> None:
    """Kill children until none is left but the spared: those of a killed child become children of this process."""
    while True:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                children = [pid for pid in map(int, file.read().split()) if pid not in spared]
        except OSError:
            return
        if not children:
            return
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
