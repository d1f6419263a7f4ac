# Each target sets up what it needs. Nothing but make and a Python >= 3.11 has to be there.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test examples check real bench-overhead bench-routing bench-open-vs-single bench-learning bench-online bench-poison test-kill test-studio test-server bench-memory bench-latency \
  bench-promise bench-cascade bench-calibration bench-agreement bench-early-exit bench-judge docs build clean uv dev

export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
UV := $(shell { command -v uv >/dev/null && uv --version >/dev/null 2>&1 && command -v uv; } || echo .tools/uv/bin/uv)
RUN := .venv/bin
TOOLS := --group dev --group studio --group docs --group surfaces --extra postgres --extra lab --extra agents --extra server --extra otel --extra community

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

uv:
	@test -n "$(PYTHON)" || { echo "This needs Python 3.11 or newer on PATH: install it from python.org or your system's packages."; exit 1; }
	@if [ "$(UV)" = .tools/uv/bin/uv ] && [ ! -x "$(UV)" ]; then \
	  "$(PYTHON)" -m pip --version >/dev/null 2>&1 || { echo "Neither uv nor pip is there: install one of them (on Debian: apt-get install python3-pip)."; exit 1; }; \
	  echo "uv is not on PATH: installing it into .tools/uv"; \
	  "$(PYTHON)" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools/uv uv; \
	fi

dev: uv ## Set up everything: the tools, every extra, langgraph dev
	@"$(UV)" sync --quiet --locked --python "$(PYTHON)" $(TOOLS)

# A checkout that has the dev tools keeps them: even --inexact takes extras away that are not asked for.
demo: uv ## Set up, then show the main job: offline, no key, no server
	@"$(UV)" sync --quiet --locked --inexact --python "$(PYTHON)" $(if $(wildcard $(RUN)/pytest),$(TOOLS))
	@if unshare -rn true 2>/dev/null; then \
	  echo "Running without any network (unshare -rn)."; unshare -rn $(RUN)/orchestrator demo; \
	else \
	  echo "Running (unshare does not work here, so the network is merely unused)."; $(RUN)/orchestrator demo; \
	fi

test: dev ## Set up, then run every test that needs no real model
	@$(RUN)/python -m pytest -m "not real and not kill and not studio"

test-kill: dev ## Kill an application 104 times while it remembers, share a folder 20 times; prints what was lost
	@OMP_NUM_THREADS=1 $(RUN)/python -m pytest -q -s -m kill tests/kill

test-studio: dev ## Drive `langgraph dev` with langgraph-sdk, without any network where unshare works; prints a table
	@run=(env OMP_NUM_THREADS=1 $(RUN)/python -m pytest -q tests/surfaces/studio); \
	if unshare -rn ip link set lo up 2>/dev/null; then \
	  unshare -rn bash -c 'ip link set lo up && exec "$$@"' -- "$${run[@]}"; \
	else \
	  "$${run[@]}"; \
	fi

test-server: dev ## Serve OpenAI clients: streams, tools, keys, budgets, 200 at once, callers that hang up; prints figures
	@OMP_NUM_THREADS=1 $(RUN)/python -m pytest -q -s tests/surfaces/server

examples: dev ## Run each example offline, and those that can in a real Ollama if one is there; prints their output
	@OMP_NUM_THREADS=1 $(RUN)/python scripts/run_examples.py

check: dev ## Lint, format, types, import directions, the public types from outside
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/mypy scripts/*.py
	@if compgen -G 'examples/*.py' >/dev/null; then echo "$(RUN)/mypy examples"; $(RUN)/mypy examples/*.py; fi
	$(RUN)/mypy tests/packaging/consumer.py
	$(RUN)/lint-imports
	$(RUN)/pyright
	$(RUN)/python scripts/cli_docs.py --check
	$(RUN)/python scripts/policy_docs.py --check
	$(RUN)/python scripts/graph_picture.py --check

real: dev ## Get a real Ollama and the small models, then run the tests that need them
	@if [ -n "$${ORCHESTRATOR_SKIP_REAL:-}" ]; then echo "skipped: ORCHESTRATOR_SKIP_REAL is set"; exit 0; fi; \
	ollama="$$($(RUN)/python scripts/real_ollama.py binary)"; \
	$(RUN)/python scripts/real_ollama.py models; \
	ORCHESTRATOR_OLLAMA="$$ollama" $(RUN)/python -m pytest -m real

bench-overhead: dev ## The graph over a bare LangGraph skeleton, the imports, chat model, middleware and endpoint over the bare model
	$(RUN)/python benchmarks/overhead.py
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.with_ollama benchmarks.surfaces

bench-routing: dev ## Routers on recorded outcomes of real models (DATA=folder): about an hour on two busy cores
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.routing "$(DATA)"

bench-open-vs-single: dev ## Open models behind our router against each commercial model (DATA=folder)
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.open_vs_single "$(DATA)"

bench-learning: dev ## What remembering buys: pocket models for real, MiniLM from a real Ollama beside the built-in embedder
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.with_ollama benchmarks.learning

bench-online: dev ## Regret, budgets and recovery while learning from recorded outcomes (DATA=folder)
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.online "$(DATA)"

bench-poison: dev ## Poisoned memories and padded prompts: share of a victim's queries forced to the dear model
	OMP_NUM_THREADS=1 $(RUN)/python benchmarks/poison.py

bench-memory: dev ## Size, speed and event-loop stalls of 1,000 to 100,000 remembered tasks; rewrites docs/memory-scale.md's table
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.memory_scale

bench-latency: dev ## One decision, its record on disk; beside it an LLM as selector where OLLAMA_HOST names one; rewrites docs/latency.md
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.latency

bench-promise: dev ## Is "at most 2 points worse, with 95 %" kept, and what does it save? 500 simulated users a source (DATA=folder)
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.promise "$(DATA)"
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.promise "$(DATA)" --protocol "all from n" --users 100
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.promise_monitor

bench-cascade: dev ## Cascade routing, ensembles and their rivals on the pocket portfolio, what a decision costs, and in a real Ollama
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.cascade
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.cascade_cost
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.cascade_ollama

bench-calibration: dev ## Calibration error of confidences at 100 to 1,000 labels; rewrites docs/calibration.md and its figure
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.calibration

bench-agreement: dev ## What agreement of recorded answers is worth (DATA=folder); rewrites docs/agreement.md
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.agreement "$(DATA)"

bench-early-exit: dev ## Tokens, money and time saved by giving up doubtful answers; pocket models and a real Ollama
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.early_exit

bench-judge: dev ## SmolLM2 as a judge, and 204 attacks on it; rewrites docs/judge.md's table
	OMP_NUM_THREADS=1 $(RUN)/python -m benchmarks.with_ollama benchmarks.judge_attacks

docs: dev ## Write the generated pages of docs/ anew and build the site into site/, strictly; silent where all is well
	@$(RUN)/python scripts/cli_docs.py
	@$(RUN)/python scripts/policy_docs.py
	@$(RUN)/python scripts/graph_picture.py
	@said="$$(NO_MKDOCS_2_WARNING=1 $(RUN)/mkdocs build --strict 2>&1)" || { echo "$$said"; exit 1; }

build: uv ## Wheel and source archive into dist/
	"$(UV)" build --quiet --python "$(PYTHON)"

clean: ## Remove what the targets made, except the environment
	rm -rf build dist site .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .langgraph_api *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -not -path './.tools/*' -exec rm -rf {} +
