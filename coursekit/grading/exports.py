"""`python -m coursekit.grading.exports ASSIGNMENT FILE`: the older form of `python -m coursekit autograder`."""

import sys

from coursekit.grading.autograder import write_autograder

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m coursekit autograder ASSIGNMENT --out FILE")
    sys.exit(write_autograder(*sys.argv[1:]))
