#!/bin/sh
# ./collect_submission.sh assignment1 packs the assignment into a zip to submit. On Windows: python -m coursekit submit assignment1
cd "$(dirname "$0")" || exit 2
python=.venv/bin/python
[ -x "$python" ] || python=${PYTHON:-python3}
exec "$python" -m coursekit submit "$@"
