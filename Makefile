# Each target is one `python -m coursekit ...` call; on Windows, type that.
PYTHON ?= python3

.PHONY: lab test data progress check release

lab test data progress check:
	$(PYTHON) -m coursekit $@

release:
	$(PYTHON) -m coursekit release --out dist/course
