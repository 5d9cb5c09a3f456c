.DEFAULT_GOAL := help
.PHONY: help setup demo run test nightly bench lint fix docs migration lock deploy-check
SHELL := /bin/bash
V := .venv/bin
export KUBECTL ?= kubectl
DISTS := shared gateway item-registry joint-inspection clue-dispatch credit-service risk-monitor deploy/local
t ?= unit contract e2e chaos

help:  ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(V)/.ready  ## make .venv and install everything that the lock names

$(V)/.ready: requirements.lock deploy/setup.sh $(DISTS:%=%/pyproject.toml)
	@bash deploy/setup.sh $(DISTS)
	@touch $@

demo: setup  ## play one matter through all six services and print what happened
	@$(V)/heli demo

run: setup  ## load the demo's world and stay up, and say where and what to try
	@$(V)/heli demo --stay

test: setup  ## run the tests (t=unit|contract|e2e|chaos for a part)
	@$(V)/python -m pytest -n 2 --dist loadfile -q $(t:%=tests/%)

nightly: setup  ## run all tests on PostgreSQL 16 with long kills, outages and fuzz, then every bench (hours)
	@HELI_PG_BIN=$$($(V)/python -m heli.binaries 16) HELI_KILLS=40 HELI_OUTAGE_S=60 HELI_POISON_PAIRS=3 HELI_FUZZ_CASES=50 \
		$(V)/python -m pytest -n 2 --dist loadfile -q $(t:%=tests/%)
	@$(MAKE) --no-print-directory bench

bench: setup  ## measure start, events, gateway and draw; run nothing else meanwhile
	@for one in start events gateway draw; do echo "--- heli bench $$one"; $(V)/heli bench $$one || exit 1; done

lint: setup  ## check style, types, import rules, layout and licences; changes nothing
	@$(V)/ruff check . && $(V)/ruff format --check . && $(V)/lint-imports --no-cache && $(V)/mypy && $(V)/python -m pytest -q tests/unit/test_layout.py && $(V)/python -m heli.licences

fix: setup  ## mend what the tools can mend
	@$(V)/ruff check --fix . ; $(V)/ruff format .

docs: setup  ## write docs/generated and NOTICE anew
	@$(V)/python -m heli.catalogue

migration: setup  ## draft the next migration of every service whose tables changed
	@$(V)/python -m heli.drafts

deploy-check: setup  ## build every kustomize overlay and hold it against schemas and policies (needs kubectl ≥ 1.27)
	@bash deploy/kustomize/tests/kubectl.sh && bash deploy/setup.sh --deploy && $(V)/python -m pytest -n 2 --dist loadfile -q tests/deploy

lock: setup  ## pin every dependency with hashes, for all Pythons and platforms
	@bash deploy/setup.sh --lock $(DISTS)
