PORT ?= 4566
STAGE ?= prod
PARAMETERS_FILE ?=
N ?= 200
SEED ?= 1
BIOME := infrastructure/lint/node_modules/.bin/biome check --config-path=infrastructure/lint
PAGE_FILES := templates/static examples tests/js
PYTHON_FILES := app.py chalicelib examples infrastructure tests $(wildcard bench)

.PHONY: help screenshots lighthouse mutants run test test-browser test-stack test-web test-pdf test-rules check environment tools browsers programs packaged lint types unit format bench guide package deploy requirements clean-local

help:
	@echo 'make run [PORT=4566]        the whole portal on this machine, with a clinic and a mailbox to try it with'
	@echo 'make test                   everything that must hold before a change is accepted'
	@echo 'make check                  the quick part of it: lint, types, unit tests'
	@echo 'make format                 put the code into the shape that lint wants'
	@echo 'make bench                  import times, calls per page, and what a large practice costs'
	@echo 'make mutants N=200 SEED=1   change one place of the app at a time, and see whether a quick test fails'
	@echo 'make lighthouse             Lighthouse at mobile settings on login, pending and review'
	@echo 'make screenshots            every page in every state, in build/screenshots'
	@echo 'make package STAGE=prod     what would be deployed, in build/STAGE'
	@echo 'make deploy STAGE=prod PARAMETERS_FILE=prod.json   package and deploy to AWS'
	@echo 'make guide                  write the parts of the docs that are made from the code'
	@echo 'make requirements           pin and hash the requirements again, from the .in files'
	@echo 'make clean-local            remove the data of the local stack'

run:
	@exec infrastructure/local/run.sh $(PORT)

# Two parts at a time, the longest first: those with a stack often wait for it, and the others are done meanwhile.
# The browser's driver keeps an event loop running, which other tests must not find: a process of its own.
test:
	@echo 'Two parts of the tests at a time; each says what it did when it is done.'
	$(MAKE) --jobs=2 --output-sync=line test-browser test-stack test-pdf test-rules test-web types lint

test-browser: tools packaged
	.venv/bin/python -m pytest tests/browser

test-stack: tools packaged
	.venv/bin/python -m pytest tests/integration tests/packaging

# Before the two that need it, so that neither waits for the other to make it.
packaged: environment
	.venv/bin/python -m tests.support.stack

check: environment lint types unit

environment:
	@infrastructure/environment.sh dev

tools: environment browsers
	@infrastructure/test_tools.sh fallback

# After the programs: two installations at a time would be in each other's way.
browsers: programs
	@infrastructure/test_tools.sh browsers

programs:
	@infrastructure/test_tools.sh programs

lint: environment programs
	.venv/bin/ruff check $(PYTHON_FILES)
	.venv/bin/ruff format --check $(PYTHON_FILES)
	.venv/bin/djlint --quiet --lint templates examples
	$(BIOME) $(PAGE_FILES)

types: environment
	.venv/bin/mypy $(PYTHON_FILES)

unit: test-web test-pdf test-rules

test-web: environment programs
	.venv/bin/python -m pytest tests/unit/web

# In parts that differ less: the last one is done sooner when both have been busy to the end.
test-pdf: environment programs
	.venv/bin/python -m pytest tests/unit/pdf

test-rules: environment programs
	.venv/bin/python -m pytest tests/unit --ignore=tests/unit/web --ignore=tests/unit/pdf

format: environment programs
	.venv/bin/ruff check --fix $(PYTHON_FILES)
	.venv/bin/ruff format $(PYTHON_FILES)
	$(BIOME) --write $(PAGE_FILES)

bench: environment
	.venv/bin/python -m bench

guide: environment
	.venv/bin/python -m infrastructure.generate_guide

mutants: environment programs
	.venv/bin/python -m tests.mutants --count $(N) --seed $(SEED)

lighthouse: tools
	.venv/bin/python -m bench.lighthouse

screenshots: tools
	.venv/bin/python -m tests.support.browser.screenshots

package: environment
	.venv/bin/python -m infrastructure.package --out build/$(STAGE)

# The parameters come from a file, not from this line: a shell would take a telephone number apart.
deploy: package
	.venv/bin/python -m infrastructure.deploy --stage $(STAGE) --package build/$(STAGE) \
		$(if $(PARAMETERS_FILE),--parameters '$(PARAMETERS_FILE)')

requirements: environment
	infrastructure/requirements.sh

clean-local:
	rm -rf .local
