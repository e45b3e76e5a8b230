# make setup   .venv with everything in it (done by the others too)
# make run     the demo: a living call centre on http://127.0.0.1:8000/
# make test    everything, on a real Redis, in a real browser and on a real Asterisk
# make check   the quick part: style, types, unit tests
# make bench   every benchmark
# make clean   remove what was built; data in var/ stays

VENV ?= .venv
BIN := $(VENV)/bin
# A test file stays in one process: what it starts (Redis, a browser, a whole installation) it starts once. The order is that of
# tests/conftest.py, the long files first. Three processes: who listens to a telephone mostly waits.
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder

.PHONY: setup run test check bench clean packages

setup:
	@VENV=$(VENV) .ci/setup

# The tests that need what is missing say so and are skipped.
packages:
	@.ci/packages || true
	@.ci/asterisk || true

run: setup
	@$(BIN)/retorno demo

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -n 2 -m "not slow" tests/unit

test: setup packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -n 3

bench: setup packages
	@for one in benchmarks/[!_]*.py; do echo "== $$one"; $(BIN)/python $$one || exit 1; done

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
