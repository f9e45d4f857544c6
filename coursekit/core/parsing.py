"""Where Python reads sources and literals: one thread at a time.

CPython 3.11 keeps one count of the depth for all threads: two that parse at once can end in a SystemError ("AST
constructor recursion depth mismatch"). `np.load` parses as well: it reads the header of an array as a literal.
"""

import threading

ONE_AT_A_TIME = threading.Lock()
