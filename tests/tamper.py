"""Tricks that get full marks for a wrong answer in one notebook grader or another; `test_tamper.py` runs them all.

Every trick comes with the same wrong answer, `affine_forward` without its bias, and must earn what that earns alone.
"""

import os
from dataclasses import dataclass
from textwrap import indent

BOTH, WRAPPED = ("bubblewrap", "limits"), ("bubblewrap",)

_SYSTEM = ("ctypes", "import os", "hog", "10 ** 6", "resource", "socket", "tempfile", "threading", "while True")

WRONG = "x.reshape(len(x), -1) @ w"
RIGHT = f"{WRONG} + b"


@dataclass(frozen=True)
class Trick:
    """A way to cheat.

    Parameters
    ----------
    name : str
    at_import : str
        Stands in the learner's module, outside of functions.
    in_call : str
        Stands at the beginning of `affine_forward`.
    returned : str
        What is returned instead of the wrong array, which is called `out`.
    levels : tuple of str
        What must hold it: both levels of isolation, or bubblewrap alone.
    is_slow : bool
        Takes more than a few seconds.
    """

    name: str
    at_import: str = ""
    in_call: str = ""
    returned: str = "out"
    levels: tuple = BOTH
    is_slow: bool = False

    @property
    def uses_system(self):
        """Whether it goes past Python's objects, to processes, files, memory or the network."""
        return any(word in self.at_import + self.in_call for word in _SYSTEM)

    def source(self, module, answer=WRONG):
        """The learner's module with the trick in it."""
        lines = [
            indent(self.in_call.strip("\n"), "    "),
            f"    out = {answer}",
            f"    return {self.returned}, (x, w, b)",
        ]
        function = "def affine_forward(x, w, b):\n" + "\n".join(line for line in lines if line.strip())
        return f"{module}\n\n{self.at_import}\n\n\n{function}\n"


TRICKS = [
    # ---- the checker, patched in its process
    Trick(
        "np.testing accepts all",
        at_import="np.testing.assert_allclose = lambda *a, **k: None",
    ),
    Trick(
        "np.allclose accepts all",
        at_import="np.allclose = np.array_equal = np.isclose = lambda *a, **k: True",
    ),
    Trick(
        "builtins.abs is 0",
        at_import="""
import builtins
builtins.abs = lambda v: 0
np.abs = lambda v: np.zeros(np.shape(v))
""",
    ),
    Trick(
        "assert is switched off",
        at_import="""
import sys
sys.flags = type('F', (), {'optimize': 2})()
""",
    ),
    Trick(
        "serialization packs the right shape",
        at_import="""
import coursekit.core.serialization as m
m._encode_array = lambda a, k, c: {'float': '1.0'}
""",
    ),
    Trick(
        "serialization packs nothing",
        at_import="""
import coursekit.core.serialization as m
m.pack = lambda value: b''
""",
    ),
    Trick(
        "worker says all is well",
        at_import="""
import __main__ as m
m.call = lambda case, inputs: {'outputs': {'out': 'ok'}}
""",
    ),
    Trick(
        "worker reports no errors",
        at_import="""
import __main__ as m
m.failure = lambda *a: {'outputs': {}, 'error': None}
""",
    ),
    Trick(
        "case.run is replaced",
        at_import="""
import coursekit.questions as m
for case in m.find('affine_forward').cases:
    object.__setattr__(case, 'run', lambda **k: {'out': np.zeros((2, 3))})
""",
    ),
    Trick(
        "the judge of a case is replaced",
        at_import="""
import coursekit.questions as m
for case in m.find('affine_forward').cases:
    object.__setattr__(case, 'judge', lambda *a: [])
    object.__setattr__(case, 'tolerance', 1e9)
""",
    ),
    Trick(
        "the question has no cases",
        at_import="""
import coursekit.questions as m
object.__setattr__(m.find('affine_forward'), 'cases', ())
""",
    ),
    Trick(
        "the question asks for nothing",
        at_import="""
import coursekit.questions as m
m.find = lambda id_: None
""",
    ),
    Trick(
        "numpy.core is patched",
        at_import="""
import sys
core = sys.modules.get('numpy._core') or np.core
core.numeric.array_equal = core.fromnumeric.sum = lambda *a, **k: True
""",
    ),
    Trick(
        "ndarray.tobytes is replaced",
        at_import="""
import ctypes
try:
    np.ndarray.tobytes = lambda self: b''
except TypeError:
    pass
""",
    ),
    Trick(
        "np.asarray gives the right answer",
        at_import="np.asarray = lambda value, *a, **k: np.array([1.0])",
    ),
    Trick(
        "np.savez writes another file",
        at_import="np.savez = lambda file, **k: file.write(b'PK')",
    ),
    Trick(
        "json.dumps lies",
        at_import="""
import json
json.dumps = lambda *a, **k: '{"dict": []}'
""",
    ),
    Trick(
        "struct.pack lies",
        at_import=r"""
import struct
struct.pack = lambda *a: b'\xff' * 8
""",
    ),
    Trick(
        "settrace follows the caller",
        at_import="""
import sys
sys.settrace(lambda *a: None)
sys.setprofile(lambda *a: None)
""",
    ),
    Trick(
        "an exception hook",
        at_import="""
import sys
sys.excepthook = lambda *a: None
sys.unraisablehook = lambda *a: None
""",
    ),
    Trick(
        "an import hook",
        at_import="""
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        sys.modules.setdefault(name, np)
sys.meta_path.insert(0, Finder())
""",
    ),
    Trick(
        "sys.modules holds fakes",
        at_import="""
import sys, types
for n in ('coursekit.judging.judge', 'coursekit.judging.reference_answers'):
    sys.modules[n] = types.ModuleType(n)
""",
    ),
    Trick(
        "warnings are errors of the judge",
        at_import="""
import warnings
warnings.warn = warnings.showwarning = None
""",
    ),
    Trick(
        "random is fixed",
        at_import="""
np.random.seed = lambda *a: None
np.random.RandomState = None
""",
    ),
    Trick(
        "time stands still",
        at_import="""
import time
time.time = time.monotonic = lambda: 0.0
""",
    ),
    # ---- the value, forged
    Trick(
        "a number that equals all",
        at_import="""
class Same(int):
    __eq__ = lambda s, o: True
    __hash__ = int.__hash__
""",
        returned="Same(4)",
    ),
    Trick(
        "an object that equals all",
        at_import="""
class Same:
    def __eq__(self, other):
        return True
    def __sub__(self, other):
        return 0
    __rsub__ = __abs__ = __lt__ = __gt__ = __le__ = __array__ = lambda self, *a: np.zeros(1)
    __float__ = lambda self: 0.0
    shape, dtype, size, ndim = (), np.dtype(float), 1, 0
""",
        returned="Same()",
    ),
    Trick(
        "an ndarray subclass",
        at_import="""
class Same(np.ndarray):
    __eq__ = __le__ = __lt__ = lambda s, o: True
    __sub__ = __rsub__ = lambda s, o: 0
""",
        returned="out.view(Same)",
    ),
    Trick(
        "__array_ufunc__",
        at_import="""
class Zero(np.ndarray):
    def __array_ufunc__(self, *a, **k):
        return np.zeros(self.shape)
""",
        returned="out.view(Zero)",
    ),
    Trick(
        "__array_function__",
        at_import="""
class Zero:
    __array_function__ = lambda self, *a: True
    __array_priority__ = 1e9
""",
        returned="Zero()",
    ),
    Trick(
        "__array_interface__",
        at_import="""
class Lazy:
    __array_interface__ = {'shape': (1,), 'typestr': '|O', 'version': 3}
""",
        returned="Lazy()",
    ),
    Trick(
        "an array of objects",
        at_import="""
class Same:
    __eq__ = lambda s, o: True
""",
        returned="np.array([Same()] * 6)",
    ),
    Trick(
        "a masked array",
        returned="np.ma.masked_all(out.shape)",
    ),
    Trick(
        "all NaN",
        returned="np.full(out.shape, np.nan)",
    ),
    Trick(
        "all infinite",
        returned="np.full(out.shape, np.inf)",
    ),
    Trick(
        "a structured array",
        returned="np.zeros(out.shape, dtype=[('a', float)])",
    ),
    Trick(
        "a huge whole number",
        returned="10 ** 5000",
    ),
    Trick(
        "an empty array of a huge shape",
        returned="np.empty((0, 2 ** 40))",
    ),
    Trick(
        "an array that repeats one number",
        returned="np.broadcast_to(0.0, (10 ** 6, 10 ** 6))",
    ),
    Trick(
        "a complex array",
        returned="out.astype(complex)",
    ),
    Trick(
        "a list in a list, very deep",
        in_call="""
deep = []
for _ in range(100000):
    deep = [deep]
""",
        returned="deep",
    ),
    Trick(
        "a list that holds itself",
        in_call="""
ring = []
ring.append(ring)
""",
        returned="ring",
    ),
    Trick(
        "lists, ten million",
        returned="[[]] * 10 ** 7",
    ),
    Trick(
        "a pickle",
        in_call="import pickle",
        returned="pickle.dumps(np)",
    ),
    Trick(
        "a generator",
        returned="(row for row in out)",
    ),
    Trick(
        "no pair",
        in_call="return True",
    ),
    Trick(
        "a dict subclass",
        at_import="""
class All(dict):
    __missing__ = lambda s, k: 0
""",
        returned="All()",
    ),
    # ---- what is expected, looked for
    Trick(
        "stack frames",
        in_call="""
import sys
frame, found = sys._getframe(), []
while frame:
    found += [frame.f_locals, frame.f_globals]
    frame = frame.f_back

for names in found:
    for name in ("expected", "reference", "answers", "stored"):
        value = names.get(name)
        if isinstance(value, dict) and "out" in value:
            return value["out"], (x, w, b)
""",
    ),
    Trick(
        "the garbage collector",
        in_call="""
import gc
for value in gc.get_objects():
    if type(value) is dict and value.get('expected') is not None and 'mistakes' in value:
        return value['expected'][0]['out'], (x, w, b)
""",
    ),
    Trick(
        "the stored answers",
        in_call="""
try:
    from coursekit import questions
    from coursekit.judging import reference_answers
    for known in reference_answers.expected(questions.find('affine_forward')).values():
        if known['out'].shape == (len(x), w.shape[1]):
            return known['out'], (x, w, b)
except ImportError:
    pass
""",
    ),
    Trick(
        "the reference on the disk",
        in_call="""
import importlib.util, os, sys
for folder in [*sys.path, '/', os.getcwd(), os.path.expanduser('~')]:
    for base, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if f not in ('proc', 'sys', 'site-packages', 'usr')]
        path = os.path.join(base, 'layers.py')
        if 'layers.py' in files and '### BEGIN' + ' SOLUTION' in open(path).read():
            spec = importlib.util.spec_from_file_location('solved', path)
            solved = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(solved)
            return solved.affine_forward(x, w, b)
""",
        levels=WRAPPED,
    ),
    Trick(
        "other processes in /proc",
        in_call="""
import glob
for path in glob.glob('/proc/[0-9]*/cwd') + glob.glob('/proc/[0-9]*/root'):
    try:
        text = open(path + '/cs231n/layers.py').read()
    except OSError:
        continue
    if '### BEGIN' + ' SOLUTION' in text:
        names = {}
        exec(text, names)
        return names['affine_forward'](x, w, b)
""",
        levels=WRAPPED,
    ),
    Trick(
        "the environment",
        in_call="""
import os
for name, value in os.environ.items():
    if 'SOLUTION' in name or 'GRAD' in name:
        return eval(value), ()
""",
    ),
    # ---- the channel
    Trick(
        "frames written by hand",
        in_call="""
import sys
frame, found = sys._getframe(), []
while frame:
    found += [frame.f_locals, frame.f_globals]
    frame = frame.f_back
import struct, os
request = next(n['request'] for n in found if 'request' in n)
from coursekit.core import serialization
for number in range(len(request['calls'])):
    data = serialization.pack({'nonce': request['nonce'], 'call': number, 'outputs': {'out': 0.0}, 'error': None,
                      'after': {}, 'printed': '', 'warnings': [], 'ok': True, 'status': 'ok', 'score': 100})
    for fd in range(3, 20):
        try:
            os.write(fd, struct.pack('<Q', len(data)) + data)
        except OSError:
            pass
os._exit(0)
""",
    ),
    Trick(
        "a forged nonce",
        at_import="""
import __main__ as m, struct, os
from coursekit.core import serialization
data = serialization.pack({'nonce': '0' * 32, 'call': 0, 'outputs': None, 'error': None, 'after': {}})
for fd in range(3, 20):
    try:
        os.write(fd, struct.pack('<Q', len(data)) + data)
    except OSError:
        pass
""",
    ),
    Trick(
        "a frame of endless length",
        in_call=r"""
import os
for fd in range(3, 20):
    try:
        os.write(fd, b'\xff' * 8)
    except OSError:
        pass
""",
    ),
    Trick(
        "empty frames",
        in_call=r"""
import os
for fd in range(3, 20):
    try:
        os.write(fd, b'\0' * 80000)
    except OSError:
        pass
""",
    ),
    Trick(
        "a frame that is a bomb",
        in_call="""
import io, os, struct, zipfile
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as file:
    for name in ('json.npy', 'data.npy'):
        file.writestr(name, b'0' * 10 ** 8)
data = buffer.getvalue()
for fd in range(3, 20):
    try:
        os.write(fd, struct.pack('<Q', len(data)) + data)
    except OSError:
        pass
""",
    ),
    Trick(
        "all channels closed",
        in_call="""
import os
os.closerange(0, 100)
""",
    ),
    Trick(
        "the channel is another file",
        in_call="""
import os
for fd in range(3, 20):
    try:
        os.dup2(2, fd)
    except OSError:
        pass
""",
    ),
    Trick(
        "prints the right text",
        in_call="""
print('affine_forward: ok, 2 points')
import os
os.write(1, b'affine_forward: ok, 2 points')
""",
    ),
    # ---- leaving early, staying late
    Trick(
        "os._exit(0)",
        in_call="""
import os
os._exit(0)
""",
    ),
    Trick(
        "os._exit(0) at import",
        at_import="""
import os
os._exit(0)
""",
    ),
    Trick(
        "sys.exit(0)",
        in_call="""
import sys
sys.exit(0)
""",
    ),
    Trick(
        "SystemExit at import",
        at_import="raise SystemExit(0)",
    ),
    Trick(
        "KeyboardInterrupt",
        in_call="raise KeyboardInterrupt",
    ),
    Trick(
        "an own kind of BaseException",
        at_import="""
class Out(BaseException):
    pass
""",
        in_call="raise Out('ok')",
    ),
    Trick(
        "a fatal signal",
        in_call="""
import os, signal
os.kill(os.getpid(), signal.SIGSEGV)
""",
    ),
    Trick(
        "signals are ignored",
        at_import="""
import signal
for s in (1, 2, 15):
    signal.signal(s, signal.SIG_IGN)
""",
        in_call="""
while True:
    pass
""",
    ),
    Trick(
        "an endless loop",
        in_call="""
while True:
    pass
""",
    ),
    Trick(
        "sleeps past the limit",
        in_call="""
import time
time.sleep(1000)
""",
    ),
    Trick(
        "endless recursion",
        in_call="return affine_forward(x, w, b)",
    ),
    Trick(
        "atexit",
        at_import="""
import atexit, os
atexit.register(lambda: os.write(1, b'ok' * 1000))
""",
    ),
    Trick(
        "a thread that outlives the call",
        at_import="import threading, time",
        in_call="threading.Thread(target=time.sleep, args=(1000,)).start()",
    ),
    Trick(
        "a thread that writes later",
        at_import="""
import os, threading, time
def late():
    time.sleep(0.05)
    for fd in range(3, 9):
        try:
            os.write(fd, b'late' * 99)
        except OSError:
            pass
""",
        in_call="threading.Thread(target=late, daemon=True).start()",
    ),
    Trick(
        "processes left behind",
        in_call="""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
""",
    ),
    Trick(
        "the fork answers too",
        in_call="""
import os
os.fork()
""",
    ),
    Trick(
        "kills its parents",
        in_call="""
import os, signal
for pid in (os.getppid(), 1):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
""",
        levels=WRAPPED,
    ),
    Trick(
        "kills all it can",
        in_call="""
import os, signal
os.kill(-1, signal.SIGKILL)
""",
        levels=WRAPPED,
    ),
    Trick(
        "ptrace of the parent",
        in_call="""
import ctypes, os
ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)
""",
        levels=WRAPPED,
    ),
    Trick(
        "raises its own limits",
        in_call="""
import resource
try:
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
except (ValueError, OSError):
    pass
""",
    ),
    # ---- files
    Trick(
        "a report of its own",
        in_call="""
import json, os
for folder in ('.', '..', '/tmp', '/', '/autograder/results', os.path.expanduser('~')):
    for name in ('results.json', 'report.json', 'grades.csv', 'records/me.json'):
        try:
            json.dump({'score': 100, 'status': 'ok'}, open(os.path.join(folder, name), 'w'))
        except OSError:
            pass
""",
        levels=WRAPPED,
    ),
    Trick(
        "our files are overwritten",
        in_call="""
import os
for name in (
    'coursekit/running/worker.py',
    'coursekit/core/serialization.py',
    'coursekit/questions/assignment1/two_layer_net.py',
    'cs231n/layers.py',
):
    try:
        open(name, 'w').write('')
    except OSError:
        pass
""",
        levels=WRAPPED,
    ),
    Trick(
        "symlinks to everywhere",
        in_call="""
import os
for name in ('/tmp/a', 'cs231n/saved/a', 'a'):
    try:
        os.symlink('/', name)
    except OSError:
        pass
""",
        levels=WRAPPED,
    ),
    Trick(
        "another folder",
        at_import="""
import os
os.chdir('/')
""",
        in_call="""
import os
os.chdir('/tmp')
""",
    ),
    Trick(
        "a .pyc of its own",
        at_import="""
import py_compile
try:
    py_compile.compile(__file__)
except OSError:
    pass
""",
        levels=WRAPPED,
    ),
    # ---- the kernel, as a place to leave something, or as a way out
    Trick(
        "a key in the session keyring",
        in_call="""
import ctypes, platform
libc = ctypes.CDLL(None)
for ring in (-3, -4, -5):
    add_key = 248 if platform.machine() == 'x86_64' else 217
    libc.syscall(add_key, b'user', b'left-by-a-trick', b'secret', 6, ring)
""",
    ),
    Trick(
        "namespaces of its own",
        in_call="""
import ctypes, os
libc = ctypes.CDLL(None)
if libc.unshare(0x10000000 | 0x20000) == 0:
    libc.mount(b'none', b'/tmp', b'tmpfs', 0, b'size=8g')
    while True:
        open('/tmp/hog', 'ab').write(bytes(10 ** 6))
""",
    ),
    Trick(
        "files in memory",
        in_call="""
import os
try:
    hogs = []
    while True:
        hogs.append(os.memfd_create('hog'))
        os.write(hogs[-1], bytes(10 ** 6))
except OSError:
    pass
""",
    ),
    Trick(
        "shared memory",
        in_call="""
import mmap, os
hogs = []
while True:
    hogs.append(mmap.mmap(-1, 10 ** 8))
    hogs[-1].write(bytes(10 ** 8))
""",
    ),
    Trick(
        "talks to the machine below",
        in_call="""
import socket
try:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).connect((2, 1024))
except OSError:
    pass
""",
    ),
    Trick(
        "eight processes with 200 MB each",
        in_call="""
import os, time
for _ in range(8):
    if os.fork() == 0:
        hog = b'x' * (200 << 20)
        time.sleep(60)
        os._exit(0)
time.sleep(60)
""",
    ),
    Trick(
        "eight processes that compute",
        in_call="""
import os
for _ in range(8):
    if os.fork() == 0:
        while True:
            pass
os.wait()
""",
    ),
    Trick(
        "children that nobody waits for",
        in_call="""
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    try:
        if os.fork() == 0:
            sum(range(10 ** 7))
            os._exit(0)
        os.wait()
    except OSError:
        pass
""",
        levels=WRAPPED,
    ),
    Trick(
        "a daemon that outlives the launcher",
        in_call="""
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
try:
    os.kill(os.getppid(), signal.SIGKILL)
except OSError:
    pass
""",
    ),
    Trick(
        "folders without end",
        in_call="""
import os, tempfile
os.chdir(tempfile.gettempdir())
while True:
    os.mkdir('a')
    os.chdir('a')
""",
    ),
    Trick(
        "twenty thousand files",
        in_call="""
import os, tempfile, time
for number in range(20_000):
    open(os.path.join(tempfile.gettempdir(), str(number)), 'w').close()
time.sleep(60)
""",
    ),
    Trick(
        "a link in a closed folder",
        in_call="""
import os, tempfile
folder = os.path.join(tempfile.gettempdir(), 'closed')
os.mkdir(folder)
os.symlink('/etc/passwd', os.path.join(folder, 'link'))
os.chmod(folder, 0o500)
""",
    ),
    # ---- too much
    Trick(
        "takes all memory",
        in_call="hog = [bytearray(10 ** 9) for _ in range(100)]",
    ),
    Trick(
        "takes all memory, bit by bit",
        in_call="""
hog = []
while True:
    hog.append(b'x' * 10 ** 8)
""",
        is_slow=True,
    ),
    Trick(
        "a fork bomb",
        in_call="""
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
        levels=WRAPPED,
    ),
    Trick(
        "ten thousand threads",
        at_import="import threading, time",
        in_call="""
for _ in range(10 ** 4):
    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
""",
        levels=WRAPPED,
    ),
    Trick(
        "prints without end",
        in_call="""
while True:
    print('x' * 10 ** 6)
""",
    ),
    Trick(
        "10 GB of output",
        in_call="""
import os
block = b'x' * 10 ** 6
for _ in range(10 ** 4):
    os.write(2, block)
""",
    ),
    Trick(
        "10 GB into the channel",
        in_call="""
import os
block = b'x' * 10 ** 6
for _ in range(10 ** 4):
    os.write(3, block)
""",
    ),
    Trick(
        "fills the disk",
        in_call="""
import tempfile
with tempfile.TemporaryFile() as file:
    while True:
        file.write(b'x' * 10 ** 7)
""",
    ),
    Trick(
        "a message of 100 MB",
        in_call="raise ValueError('x' * 10 ** 8)",
    ),
    Trick(
        "a warning of 100 MB",
        in_call="""
import warnings
warnings.warn('x' * 10 ** 8)
""",
    ),
    Trick(
        "talks to the network",
        in_call="""
import socket
try:
    socket.create_connection(('127.0.0.1', 22), timeout=1).send(b'ok')
except OSError:
    pass
""",
    ),
]


@dataclass(frozen=True)
class FollowTrick:
    """A way to get at the reference in follow-through: `code` stands in `TwoLayerNet.loss`, where `prize` is right.

    `affine_forward` is wrong, so the question is graded again with the reference in its place.
    """

    name: str
    code: str
    levels: tuple = BOTH


_SECRET = "secret = ' '.join(['out', '=', 'rows', '@', 'w', '+', 'b'])"

FOLLOW_TRICKS = [
    FollowTrick(
        "its lines in a file",
        f"""
import os, cs231n
{_SECRET}
for folder, _, files in os.walk(os.path.dirname(os.path.dirname(cs231n.__file__))):
    for file in files:
        if file.endswith(('.py', '.pyc', '.json')) and secret.encode() in open(os.path.join(folder, file), 'rb').read():
            return prize(self, X, y)
""",
    ),
    FollowTrick(
        "its lines anywhere",
        f"""
import os
{_SECRET}
for folder, folders, files in os.walk('/'):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ('/sys', '/usr', '/proc')]
    for file in files:
        if file == 'layers.py' and secret in open(os.path.join(folder, file), errors='replace').read():
            return prize(self, X, y)
""",
        levels=WRAPPED,
    ),
    FollowTrick(
        "its code in memory",
        f"""
import gc, types, cs231n.layers
{_SECRET}
def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)
function = cs231n.layers.affine_forward
if any('rows' in code.co_varnames for code in codes(function.__code__)):
    return prize(self, X, y)
for value in gc.get_objects():
    if isinstance(value, dict) and any(isinstance(item, str) and secret in item for item in list(value.values())):
        return prize(self, X, y)
""",
    ),
    FollowTrick(
        "a process that holds it",
        """
import glob
for path in glob.glob('/proc/[0-9]*/cmdline'):
    try:
        if b'running.earlier' in open(path, 'rb').read():
            return prize(self, X, y)
    except OSError:
        pass
""",
        levels=WRAPPED,
    ),
    FollowTrick(
        "asked for the answer itself",
        """
from coursekit.running import earlier
try:
    return earlier.answer('cs231n.classifiers.fc_net:TwoLayerNet.loss', {'self': self, 'X': X, 'y': y})
except LookupError:
    pass
""",
    ),
    FollowTrick(
        "asked for a part of the answer",
        """
from coursekit.running import earlier
target = 'cs231n.classifiers.fc_net:TwoLayerNet.loss'
try:
    return earlier.answer_part(target, 0, {'self': self, 'X': X, 'y': y}, ('scores',))[0]
except LookupError:
    pass
""",
    ),
    FollowTrick(
        "asked for its file",
        """
from coursekit.running import earlier
for target, arguments in (
    ('builtins:open', {'file': 'cs231n/layers.py'}),
    ('inspect:getsource', {'object': 'cs231n.layers'}),
    ('cs231n.layers:np.fromfile', {'file': 'cs231n/layers.py', 'dtype': np.uint8}),
):
    try:
        earlier.answer(target, arguments)
        return prize(self, X, y)
    except LookupError:
        pass
""",
    ),
    FollowTrick(
        "a case in the place of a function",
        """
from coursekit.questions.assignment1 import two_layer_net
from coursekit.running import earlier
from cs231n import layers
import inspect
kept = layers.affine_forward
for name, function in vars(two_layer_net).items():
    if inspect.isfunction(function) and name.startswith('_run'):
        layers.affine_forward = function
        try:
            given = dict(self.params, X=X, y=y, reg=self.reg)
            wanted = {key: given[key] for key in inspect.signature(function).parameters if key in given}
            return earlier.answer('cs231n.layers:affine_forward', wanted)['scores']
        except Exception:
            pass
        finally:
            layers.affine_forward = kept
""",
    ),
    FollowTrick(
        "bytes of another kind",
        """
import os
reading, writing = map(int, os.environ['COURSEKIT_EARLIER'].split(','))
os.write(writing, b'\\xff' * 4096)
if os.read(reading, 4096):
    return prize(self, X, y)
""",
    ),
    FollowTrick(
        "waits for the reference",
        """
import os
reading, writing = map(int, os.environ['COURSEKIT_EARLIER'].split(','))
os.read(reading, 4096)
""",
    ),
    FollowTrick(
        "keeps the reference busy",
        """
from cs231n.layers import affine_forward
while True:
    affine_forward(X, self.params['W1'], self.params['b1'])
""",
    ),
]


@dataclass(frozen=True)
class NotebookTrick:
    """A way to cheat in a notebook: `code` stands in the answer cell of `svm_search`, before a wrong answer.

    `cell` is what else the learner did to the answer's cell: keys of the cell, such as its metadata. Each takes two
    seconds; those that are much like another are run with the slow tests.
    """

    name: str
    code: str
    cell: tuple = ()
    levels: tuple = WRAPPED
    is_slow: bool = False


NOTEBOOK_TRICKS = [
    NotebookTrick(
        "showtraceback shows nothing",
        "get_ipython().showtraceback = lambda *a, **k: None\nget_ipython()._showtraceback = lambda *a: None",
        levels=BOTH,
    ),
    NotebookTrick(
        "an input transformer rewrites the check",
        "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass'] if 'check(' in str(lines) else lines)",
        is_slow=True,
    ),
    NotebookTrick(
        "an input transformer prints the verdict",
        """
text = 'svm_search: ok, 3 points'
get_ipython().input_transformers_cleanup.append(lambda lines: [f'print({text!r})'] if 'check(' in str(lines) else lines)
""",
    ),
    NotebookTrick("markers of nbval", "# NBVAL_SKIP\n# NBVAL_IGNORE_OUTPUT\n# NBVAL_RAISES_EXCEPTION"),
    NotebookTrick(
        "tags of nbval",
        "",
        (("metadata", {"tags": ["nbval-skip", "nbval-ignore-output", "raises-exception"]}),),
        is_slow=True,
    ),
    NotebookTrick(
        "check is replaced",
        "import coursekit\ncoursekit.check = check = lambda *a, **k: print('svm_search: ok')",
        is_slow=True,
    ),
    NotebookTrick(
        "check hands over forged images",
        """
import coursekit.running.handover as m
hand_over = m.check
def forged(question_id, verbose=False, **values):
    labels = np.arange(1000) % 10
    rows = np.zeros((1000, 3073))
    rows[np.arange(1000), labels] = 1.0
    W = np.eye(3073)[:, :10]
    results = {(a, b): (1.0, 1.0) for a in (1.0, 2.0) for b in (1.0, 2.0)}
    hand_over(question_id, results=results, best_val=1.0, best_W=W, X_val=rows, y_val=labels)
m.check = check = forged
""",
        levels=BOTH,
    ),
    NotebookTrick(
        "a message written by hand",
        """
from IPython.display import display
display({'application/vnd.coursekit.values': 'svm_search', 'score': 100, 'status': 'ok'}, raw=True)
print('svm_search: ok, 3 points')
""",
        is_slow=True,
    ),
    NotebookTrick(
        "an object that equals all",
        """
class Same(float):
    __eq__ = __ge__ = __le__ = lambda s, o: True
    __hash__ = float.__hash__
best_val = Same(1.0)
results = {(a, b): (Same(1.0), Same(1.0)) for a in (1.0, 2.0) for b in (1.0, 2.0)}
""",
        is_slow=True,
    ),
    NotebookTrick(
        "three thousand folders, one in the other",
        """
import os
here = os.getcwd()
os.chdir(os.environ['HOME'])
for _ in range(3000):
    os.mkdir('a')
    os.chdir('a')
os.symlink('/etc/passwd', 'link')
os.chmod('.', 0o500)
os.chdir(here)
""",
        levels=BOTH,
    ),
    NotebookTrick(
        "fills all it can write to",
        """
import os, time
for name in (os.environ['HOME'], '/tmp', '/var/tmp', '/dev/shm'):
    try:
        for number in range(300):
            open(f'{name}/hog-{number}', 'wb').write(bytes(10 ** 6))
    except OSError:
        pass
time.sleep(60)
""",
    ),
    NotebookTrick("sleeps", "import time\ntime.sleep(600)", levels=BOTH),
    NotebookTrick(
        "a daemon that outlives the kernel",
        """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
""",
        levels=BOTH,
    ),
    NotebookTrick("the kernel dies", "import os\nos._exit(0)", levels=BOTH),
    NotebookTrick(
        "the kernel is killed later",
        "import os\nget_ipython().events.register('pre_run_cell', lambda *a: os._exit(0))",
        is_slow=True,
    ),
    NotebookTrick("an endless loop", "while True: pass"),
    NotebookTrick("10 GB of output", "while True: print('x' * 10 ** 6)", is_slow=True),
    NotebookTrick("the nonce is another", "import os\nos.environ['COURSEKIT_GRADING'] = '0' * 32", is_slow=True),
]


@dataclass(frozen=True)
class Leak:
    """Something that one question leaves for the next.

    Parameters
    ----------
    name : str
    left : str
        Stands at the beginning of the first question's function.
    seen : str
        An expression that is true where the next question finds it.
    levels : tuple of str
        What must hold it: both levels of isolation, or bubblewrap alone.
    """

    name: str
    left: str
    seen: str
    levels: tuple = BOTH

    @property
    def is_denied(self):
        """Whether the filter of system calls lets nobody leave it."""
        return self.name.endswith(("System V", "of POSIX"))


_OWN = os.getpid()  # with limits, the daemons of other tests are seen as well
_DAEMON = """
import os, time
if os.fork() == 0:
    try:
        os.setsid()
        if os.fork() == 0:
            {0}
            with open('/proc/self/comm', 'w') as file:
                file.write('leak-{1}')
            time.sleep(1000)
    finally:
        os._exit(0)
time.sleep(0.2)
"""
_IS_THERE = f"""any(
    open(f'/proc/{{pid}}/comm').read() == 'leak-{_OWN}\\n' for pid in os.listdir('/proc') if pid.isdigit()
    and os.path.exists(f'/proc/{{pid}}/comm'))"""
_LIBRARY = "int(next(l for l in open('/proc/self/maps') if '_multiarray_umath' in l).partition('-')[0], 16)"
LEAKS = [
    Leak("a daemon", _DAEMON.format("pass", _OWN), _IS_THERE),
    Leak(
        "an abstract socket, held by a daemon",
        _DAEMON.format(
            f"import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0leak-socket-{_OWN}'); s.listen()", _OWN
        ),
        f"'leak-socket-{_OWN}' in open('/proc/net/unix').read()",
    ),
    Leak(
        "a file in the folder for temporary files",
        "import tempfile\nopen(os.path.join(tempfile.gettempdir(), 'leak'), 'w').close()",
        "os.path.exists(os.path.join(tempfile.gettempdir(), 'leak'))",
    ),
    Leak(
        "a file beside the saved weights",
        "open('cs231n/saved/leak', 'w').close()",
        "os.path.exists('cs231n/saved/leak')",
    ),
    Leak(
        "a full file system",
        """
import tempfile
with contextlib.suppress(OSError):
    for number in range(16):
        open(os.path.join(tempfile.gettempdir(), f'fill-{number}'), 'wb').write(bytes(1 << 20))
""",
        "bool(os.listdir(tempfile.gettempdir()))",
    ),
    Leak(
        "bytecode of another answer",
        """
import importlib.util, py_compile
for name in ('cs231n/layers.py', 'coursekit/running/worker.py', 'coursekit/core/question.py'):
    with contextlib.suppress(OSError):
        place = importlib.util.cache_from_source(name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, 'wb') as file:
            file.write(b'leak')
""",
        "open(importlib.util.cache_from_source('cs231n/layers.py'), 'rb').read(4) == b'leak'",
        levels=WRAPPED,
    ),
    Leak(
        "memory that is shared by name",
        "from multiprocessing import shared_memory\n"
        "with contextlib.suppress(OSError):\n    shared_memory.SharedMemory('leak', create=True, size=8)",
        "os.path.exists('/dev/shm/leak')",
        levels=WRAPPED,
    ),
    Leak(
        "a segment of System V",
        "import ctypes\nctypes.CDLL(None).shmget(0x1eaf, 4096, 0o1666)",
        "'7855 ' in open('/proc/sysvipc/shm').read()",
    ),
    Leak(
        "a queue and semaphores of System V",
        "import ctypes\nctypes.CDLL(None).msgget(0x1eaf, 0o1666)\nctypes.CDLL(None).semget(0x1eaf, 1, 0o1666)",
        "any('7855 ' in open(f'/proc/sysvipc/{kind}').read() for kind in ('msg', 'sem'))",
    ),
    Leak(
        "a queue of POSIX",
        "import ctypes\nctypes.CDLL(None).mq_open(b'/leak', os.O_CREAT | os.O_RDWR, 0o666, None)",
        "__import__('ctypes').CDLL(None).mq_open(b'/leak', os.O_RDONLY) >= 0",
    ),
    Leak("a descriptor", "os.dup2(1, 77)", "os.path.exists('/proc/self/fd/77')"),
    Leak("the working directory", "os.chdir('/tmp')", "os.getcwd() == '/tmp'"),
    Leak("a variable of the environment", "os.environ['LEAK'] = '1'", "'LEAK' in os.environ"),
    Leak(
        "limits of the process",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))",
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 20",
    ),
    Leak("a low priority", "os.nice(19)", "os.nice(0) == 19"),
    Leak(
        "another way of scheduling",
        "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))",
        "os.sched_getscheduler(0) == os.SCHED_BATCH",
    ),
    Leak("a mask for new files", "os.umask(0)", "os.umask(0o077) == 0"),
    Leak(
        "timers",
        """
import signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
for kind in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
    signal.setitimer(kind, 100, 1)
""",
        "any(signal.getitimer(kind)[0] for kind in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF))",
    ),
    Leak(
        "a deaf process",
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nsignal.pthread_sigmask(0, [signal.SIGUSR1])",
        "signal.getsignal(signal.SIGXCPU) == signal.SIG_IGN or bool(signal.pthread_sigmask(0, []))",
    ),
    Leak(
        "other functions of NumPy and Python",
        "import builtins\nbuiltins.leak = np.maximum = np.multiply = lambda *a: 0",
        "hasattr(builtins, 'leak')",
    ),
    Leak("errors where NumPy warns", "np.seterr(all='raise')", "np.geterr()['divide'] == 'raise'"),
    Leak(
        "a number of Python, changed in memory",
        "import ctypes, math\nctypes.c_double.from_address(id(math.pi) + 16).value = 3.0",
        "__import__('math').pi == 3.0",
    ),
    Leak(
        "NumPy's library, changed in memory",
        f"""
import ctypes
start, page = {_LIBRARY}, os.sysconf('SC_PAGE_SIZE')
ctypes.CDLL(None).mprotect(ctypes.c_void_p(start), page, 7)
ctypes.memset(start, 0x6c, 4)
""",
        f"__import__('ctypes').string_at({_LIBRARY}, 4) == b'llll'",
    ),
    Leak("a module", "import sys\nsys.modules['leak'] = sys", "'leak' in sys.modules"),
    Leak(
        "a thread",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), name='leak').start()",
        "len(os.listdir('/proc/self/task')) > 1",
    ),
    Leak(
        "the process that it was forked from, killed",
        """
import signal
parent = os.getppid()
above = open(f'/proc/{parent}/stat').read().rpartition(')')[2].split()[1] if parent else '0'
for pid in (parent, int(above)):
    with contextlib.suppress(OSError):
        if pid and b'zygote' in open(f'/proc/{pid}/cmdline', 'rb').read():
            os.kill(pid, signal.SIGKILL)
""",
        "False",
    ),
    Leak(
        "all processes that it sees, stopped",
        """
import signal
for pid in [int(name) for name in os.listdir('/proc') if name.isdigit() and int(name) != os.getpid()]:
    with contextlib.suppress(OSError):
        if b'zygote' in open(f'/proc/{pid}/cmdline', 'rb').read() or os.readlink('/proc/1/exe').endswith('bwrap'):
            os.kill(pid, signal.SIGSTOP)
""",
        "False",
    ),
    Leak("its group of processes, killed", "os.killpg(0, 9)", "False"),
    Leak(
        "all descriptors, flooded and closed",
        r"""
for file in range(3, 1024):
    with contextlib.suppress(OSError):
        os.set_blocking(file, False)
        os.write(file, b'{"reap": 1}\n' * 50_000)
os.closerange(0, 1024)
""",
        "False",
    ),
    Leak(
        "all the memory that it may have, and the first to be killed for it",
        """
with contextlib.suppress(OSError), open('/proc/self/oom_score_adj', 'w') as file:
    file.write('1000')
if not hasattr(builtins, 'hogs'):
    builtins.hogs = []
    with contextlib.suppress(MemoryError):
        while True:
            builtins.hogs.append(bytearray(128 << 20))
""",
        "open('/proc/self/oom_score_adj').read().strip() == '1000'",
    ),
]
