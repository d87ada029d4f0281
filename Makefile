# Every target is a plain command; README, CONTRIBUTING and docs/install.md say what it is for.
PYTHON ?= python3
MODEL ?= auto
BIN := .venv/bin

.PHONY: notebooks play student test full lab lint mini bench docs pictures clean

notebooks: .venv/ready
	$(BIN)/python -m helpers run "$(MODEL)" $(if $(N),--n "$(N)") $(if $(SEQUENCES),--sequences "$(SEQUENCES)") \
	$(if $(SEED),--seed "$(SEED)")

# One page with a live model in it: build/play.html.
play: .venv/ready
	$(BIN)/python -m helpers play

# The notebooks for a class, without solutions and verdicts: build/student/.
student: .venv/ready
	$(BIN)/python -m helpers student

# A process a core, four at most: each may hold SmolLM2.
test: .venv/ready
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# What takes most of an hour: the walkthrough as it comes on real language models, into build/.
full: .venv/ready
	$(BIN)/python -m pytest -m long -s

lab: .venv/ready
	@echo "JupyterLab opens notebooks/00_playground.ipynb: click into its first cell, then Shift and Enter. If no window opens, open the last address below."
	env $$($(BIN)/python -m helpers.threads) $(BIN)/jupyter lab notebooks/00_playground.ipynb

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/nbstripout --keep-id --verify notebooks/*.ipynb

# Train the model that ships, from nothing (minutes on two cores).
mini: .venv/ready
	$(BIN)/python -m helpers.mini.train

# Side-by-side timings, minutes: random weights of GPT2-small's shape unless MODEL says otherwise.
bench: .venv/ready
	$(BIN)/python -m benchmarks $(if $(filter-out auto,$(MODEL)),"$(MODEL)")

# What the docs tell of measurements, from docs/measured/.
docs: .venv/ready
	$(BIN)/python -m docs.build

# The pictures of README and docs, from a finished run: of SmolLM2 unless MODEL says otherwise.
pictures: .venv/ready
	$(BIN)/python -m docs.pictures $(if $(filter-out auto,$(MODEL)),"$(MODEL)")

clean:
	rm -rf .venv build

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	sys.exit(0 if (3, 11) <= v < (3, 14) else "Python 3.11 to 3.13 is needed, $(PYTHON) is %d.%d: make PYTHON=python3.12 …" % v)'
	@echo "Setting up .venv, once: some 180 packages, a few minutes."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	touch .venv/ready
