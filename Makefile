# Each target calls `python -m coursekit ...`; on Windows, type that instead.
PYTHON ?= python3

.PHONY: lab test data progress check release bench doctor train

lab test data progress check doctor train:
	$(PYTHON) -m coursekit $@

release:
	$(PYTHON) -m coursekit release --out dist/course

bench:
	.venv/bin/python benchmarks/layers.py --write
