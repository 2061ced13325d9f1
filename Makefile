# Every target sets up .venv by itself. Override PYTHON to choose an interpreter: make test PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN = $(VENV)/bin
# The single file is built in an environment that has nothing but what goes into it.
BINARY_VENV := build/binary/venv
# How many processes share the tests: make test TEST_PROCESSES=8
TEST_PROCESSES ?= 2

.PHONY: help install demo test lint docs package binary binary-test lock bench bench-quality configs clean

help:
	@echo "make demo     track people in a generated scene; writes .demo/demo.mp4 (base install only)"
	@echo "make install  base install into .venv, giving .venv/bin/deepsort"
	@echo "make test     install everything and run the whole test suite"
	@echo "make lint     ruff, mypy and codespell"
	@echo "make docs     the documentation site, in site/"
	@echo "make package  source archive and wheel, in dist/, tried in a fresh environment"
	@echo "make binary   one file that needs no Python, dist/deepsort (PyInstaller and Go; some minutes)"
	@echo "make binary-test  try that file, in a bare system too (needs bubblewrap)"
	@echo "make lock     write uv.lock anew (needs uv)"
	@echo "make bench    benchmarks of speed; prints ratios measured side by side (some minutes)"
	@echo "make bench-quality  HOTA and IDF1 of presets, options and linking (an hour or more; wants videos with ground truth)"
	@echo "make configs  regenerate examples/configs/*.yaml and the types of the package from the settings"

# uv where it is installed, with the versions of uv.lock; else the venv module and pip, with the newest that fit.
# Not `uv sync`: it would ignore UV_TORCH_BACKEND, and remove what else is in the environment.
define install
	@if command -v uv >/dev/null 2>&1; then \
	  { [ -x $(BIN)/python ] || uv venv --quiet --python $(PYTHON) $(VENV); } && \
	  uv export --quiet --frozen --all-extras --no-hashes --no-emit-project --output-file $(VENV)/locked.txt && \
	  uv pip install --quiet --python $(BIN)/python --constraints $(VENV)/locked.txt -e "$(1)"; \
	else \
	  { [ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV); } && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e "$(1)"; \
	fi
	@$(BIN)/python -c "import sys; sys.exit(sys.version_info < (3, 10))" || \
	  { echo "error: $(VENV) has Python < 3.10. Remove it and run: make $@ PYTHON=python3.12"; exit 2; }
	@$(BIN)/python -c "import cv2" 2>/dev/null || { \
	  echo "error: OpenCV cannot be loaded. On Debian or Ubuntu: sudo apt-get install -y libgl1 libglib2.0-0"; \
	  echo "       (Fedora: mesa-libGL glib2). Details:"; $(BIN)/python -c "import cv2"; exit 2; }
endef

$(VENV)/.base: pyproject.toml uv.lock
	@echo "Installing deepsort into $(VENV)"
	$(call install,.)
	@touch $@

$(VENV)/.dev: pyproject.toml uv.lock
	@echo "Installing deepsort with PyTorch and the development tools into $(VENV) (several GB)"
	$(call install,.[train$(comma)score$(comma)tune$(comma)serve$(comma)dev])
	@touch $@ $(VENV)/.base

$(VENV)/.docs: pyproject.toml uv.lock
	@echo "Installing deepsort and mkdocs into $(VENV)"
	$(call install,.[docs])
	@touch $@ $(VENV)/.base

$(BINARY_VENV)/.binary: VENV := $(BINARY_VENV)
$(BINARY_VENV)/.binary: pyproject.toml uv.lock
	@echo "Installing deepsort, PyInstaller and Go into $(VENV)"
	@mkdir -p $(dir $(VENV))
	$(call install,.[binary])
	@touch $@

comma := ,

install: $(VENV)/.base

demo: $(VENV)/.base
	@mkdir -p .demo
	$(BIN)/deepsort track demo --detector hog --conf 0.6 --detect-every 2 --preset strong --set tracker.nsa=false \
	  --max-cosine-distance 0.15 --max-iou-distance 0.6 --camera-motion none --n-init 6 --max-age 50 \
	  --save .demo/demo.mp4 --save-txt .demo/demo.txt --overwrite
	@echo "Watch .demo/demo.mp4"

# Tests of one file share what it has prepared, so a file stays with one process.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples/*.py
	$(BIN)/codespell

# Strict: a link that leads nowhere, a formula or a name in the reference that is not understood, ends it.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The wheel is built from the source archive, installed where nothing else is, and run.
package: $(VENV)/.base
	rm -rf dist/*.whl dist/*.tar.gz build/fresh build/demo.*
	@mkdir -p build
	@if command -v uv >/dev/null 2>&1; then \
	  uv build --quiet && uv venv --quiet --python $(BIN)/python build/fresh && \
	  uv pip install --quiet --python build/fresh/bin/python dist/*.whl; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check build && $(BIN)/python -m build && \
	  $(BIN)/python -m venv build/fresh && \
	  build/fresh/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl; \
	fi
	cd build && fresh/bin/deepsort track demo --detector hog --max-frames 20 --save demo.mp4 --save-txt demo.txt
	@ls -l dist

binary: $(BINARY_VENV)/.binary
	$(BINARY_VENV)/bin/python binary/build.py

binary-test: $(VENV)/.dev
	$(BIN)/python -m pytest tests/binary

lock:
	uv lock

# Archives, cameras, few people, peers and providers want servers, a dataset or packages of their own: CONTRIBUTING.md.
bench: $(VENV)/.dev
	@for script in benchmarks/*_speed.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

bench-quality: $(VENV)/.dev
	@for name in tracking_quality frame_times linking; do echo "== benchmarks/$$name.py"; \
	  $(BIN)/python benchmarks/$$name.py --cache build/recordings || exit 1; done
	@echo "== benchmarks/label_free.py"; $(BIN)/python benchmarks/label_free.py --cache build/label_free

configs: $(VENV)/.dev
	$(BIN)/python examples/make_configs.py

clean:
	rm -rf $(VENV) .demo build dist site .pytest_cache .mypy_cache .ruff_cache
