PORT ?= 4566
STAGE ?= prod
PARAMETERS_FILE ?=
N ?= 200
PAGES ?= 4
SEED ?= 1
BIOME := infrastructure/lint/node_modules/.bin/biome check --config-path=infrastructure/lint
PAGE_FILES := templates/static examples tests/js
TIMED := .venv/bin/python -m infrastructure.suite_times
PYTHON_FILES := app.py chalicelib examples infrastructure tests $(wildcard bench)

.PHONY: help corpus cost screenshots lighthouse mutants run test test-browser test-stack test-access test-web test-pdf test-rules check environment tools browsers programs packaged lint types unit format bench guide registry package deploy requirements clean-local

help:
	@echo 'make run [PORT=4566]        run the whole portal on this machine, with a clinic and a mailbox to try it'
	@echo 'make test                   run every check that a change must pass'
	@echo 'make check                  run the quick checks: lint, types, unit tests'
	@echo 'make format                 format the code and fix what lint can fix'
	@echo 'make bench                  measure import times, AWS calls per page, sealing, and a large practice'
	@echo 'make corpus DIR=plans       try the portal on a folder of your own PDFs, and say what is refused and why'
	@echo 'make cost PAGES=4           print what one document costs: AWS and a fax, from unit prices'
	@echo 'make mutants N=200 SEED=1   change one place of the app at a time, and see whether a quick test fails'
	@echo 'make lighthouse             rate login, pending and review with Lighthouse, as on a phone'
	@echo 'make screenshots            take a picture of every page in every state, in build/screenshots'
	@echo 'make package STAGE=prod     make the package to deploy, in build/STAGE'
	@echo 'make deploy STAGE=prod PARAMETERS_FILE=prod.json   package and deploy to AWS'
	@echo 'make registry FILE=npidata_pfile.csv [FAXES=pl_pfile.csv] [STAGE=prod]   make the NPI registry from the public files'
	@echo 'make guide                  generate the parts of the docs that come from the code'
	@echo 'make requirements           pin and hash the requirements of the .in files'
	@echo 'make clean-local            remove the data of the local stack'

run:
	@exec infrastructure/local/run.sh $(PORT)

# Three parts run at a time, the longest first. The parts with a stack often wait for it, and the others use that time.
# While the tools are installed and the app is packaged, quick parts run already.
# The browser tests need a process of their own, because Playwright keeps an event loop running.
test:
	@rm -rf build/times
	@echo 'The tests run in parts, three at a time.'
	@status=0; \
	$(MAKE) --keep-going --jobs=3 --output-sync=line test-browser test-access test-stack test-rules test-web test-pdf types lint || status=$$?; \
	.venv/bin/python -m infrastructure.suite_times; \
	exit $$status

test-browser: tools packaged
	$(TIMED) browser .venv/bin/python -m pytest tests/browser

test-stack: tools packaged
	$(TIMED) stack .venv/bin/python -m pytest tests/integration tests/packaging --ignore=tests/integration/test_who_sees_what.py

test-access: tools packaged
	$(TIMED) access .venv/bin/python -m pytest tests/integration/test_who_sees_what.py

# The app is packaged before the parts that need the package, so that none waits for another.
packaged: environment
	.venv/bin/python -m tests.support.stack

check: environment lint types unit

environment:
	@infrastructure/environment.sh dev

tools: environment browsers
	@infrastructure/test_tools.sh fallback

# Two installations of Debian packages at the same time would fail.
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
	$(TIMED) types .venv/bin/mypy $(PYTHON_FILES)

unit: test-web test-pdf test-rules

test-web: environment programs
	$(TIMED) web .venv/bin/python -m pytest tests/unit/web

# The unit tests are three parts of similar length, so that both processors are busy to the end.
test-pdf: environment programs
	$(TIMED) pdf .venv/bin/python -m pytest tests/unit/pdf

test-rules: environment programs
	$(TIMED) rules .venv/bin/python -m pytest tests/unit --ignore=tests/unit/web --ignore=tests/unit/pdf

format: environment programs
	.venv/bin/ruff check --fix $(PYTHON_FILES)
	.venv/bin/ruff format $(PYTHON_FILES)
	$(BIOME) --write $(PAGE_FILES)

bench: environment
	.venv/bin/python -m bench

# Each file runs in a process of its own. A run that was interrupted goes on where it ended.
corpus: environment
	@.venv/bin/python -m bench.corpus '$(DIR)'

cost: environment
	.venv/bin/python -m infrastructure.cost --pages $(PAGES)

guide: environment
	.venv/bin/python -m infrastructure.generate_guide

# A stage that nobody names would replace the registry of `prod`.
registry: environment
	.venv/bin/python -m infrastructure.registry '$(FILE)' $(if $(FAXES),--faxes '$(FAXES)') \
		$(if $(filter command line environment,$(origin STAGE)),--stage $(STAGE))

mutants: environment programs
	.venv/bin/python -m tests.mutants --count $(N) --seed $(SEED)

lighthouse: tools
	.venv/bin/python -m bench.lighthouse

screenshots: tools
	.venv/bin/python -m tests.support.browser.screenshots

package: environment
	.venv/bin/python -m infrastructure.package --out build/$(STAGE)

# The parameters come from a file, because a shell would split a phone number.
deploy: package
	.venv/bin/python -m infrastructure.deploy --stage $(STAGE) --package build/$(STAGE) \
		$(if $(PARAMETERS_FILE),--parameters '$(PARAMETERS_FILE)')

requirements: environment
	infrastructure/requirements.sh

clean-local:
	rm -rf .local
