# CoyoteLab. `make help` lists the targets.
#
# ENGINE=lxd|incus         container engine (what was set up before, else lxd)
# COYOTELAB_PORT           first of four ports (8000)
# COYOTELAB_STATE          folder of everything that is not in the engine (.coyotelab)
# COYOTELAB_DEMO_PASSWORD  password of the demo accounts (made once, shown at each start)

ENGINE ?=
FORCE ?=
STATE := $(or $(COYOTELAB_STATE),$(CURDIR)/.coyotelab)
export COYOTELAB_STATE := $(STATE)

BOOTSTRAP := ./coyotelab_setup/files/bootstrap
COYOTELAB := $(BOOTSTRAP) coyotelab
engine := $(if $(ENGINE),--engine $(ENGINE))

# The tests have a project and a bridge of their own, beside those of a demo.
TEST_ENGINE := $(or $(ENGINE),lxd)
TEST_NETWORK := $(if $(filter incus,$(TEST_ENGINE)),clbr10,clbr9)
export COYOTELAB_TEST_STATE := $(STATE)/test$(if $(filter incus,$(TEST_ENGINE)),-incus)
test_setup := $(BOOTSTRAP) --test coyotelab setup --engine $(TEST_ENGINE) \
	--state $(COYOTELAB_TEST_STATE) --cache $(STATE)/cache --project coyotelab-test \
	--network $(TEST_NETWORK) --open-ports 1024-65535
PYTEST := $(BOOTSTRAP) --test python -m pytest
# A choice of tests (-k) may leave none of one part (pytest's exit code 5); the whole never does.
may_be_none := $(if $(PYTEST_ARGUMENTS),|| [ $$? -eq 5 ])

.DEFAULT_GOAL := help
.PHONY: help demo setup doctor test test-engine check docs text pictures bench term pages lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## set up what is missing and run CoyoteLab with demo data until Ctrl-C
	@$(COYOTELAB) demo $(engine)

setup: ## only set this machine up
	@$(COYOTELAB) setup $(engine)

doctor: ## look at everything, change nothing: what is well, what is not, and the mend
	@$(COYOTELAB) doctor $(engine)

test: ## every test, on the real engine, in a real browser, and the service's on PostgreSQL too
	@$(test_setup) --package chromium --package postgresql
	@$(PYTEST) tests $(PYTEST_ARGUMENTS)
	@$(PYTEST) tests/service -m "not browser" --database postgresql $(PYTEST_ARGUMENTS) $(may_be_none)

test-engine: ## only the tests of what happens in the engine, such as with ENGINE=incus
	@$(test_setup)
	@$(PYTEST) tests -m "engine and not once" $(PYTEST_ARGUMENTS)

check: ## style, types, import contracts, house rules, links of the docs
	@$(BOOTSTRAP) --test ruff check .
	@$(BOOTSTRAP) --test ruff format --check .
	@$(BOOTSTRAP) --test mypy
	@$(BOOTSTRAP) --test lint-imports
	@$(PYTEST) -q tests/test_house_rules.py
	@$(MAKE) --no-print-directory docs

docs: ## the documentation as pages in build/docs; fails on a broken link
	@$(BOOTSTRAP) --test sphinx-build -q -W --keep-going docs build/docs

text: ## bring the translations' catalogs up to date with the sources
	@$(BOOTSTRAP) --test pybabel -q extract -F babel.cfg -k _ -k mark -k gettext -k ngettext:1,2 \
		--sort-by-file --no-location --omit-header -o $(STATE)/messages.pot .
	@$(BOOTSTRAP) --test pybabel -q update -i $(STATE)/messages.pot -d coyotelab_service/locale \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width=100

pictures: ## the docs' pictures anew, from what the tests of the pages see
	@$(test_setup) --package chromium
	@$(PYTEST) -q tests/service/test_looks.py tests/browser/test_looks.py tests/browser/test_student.py
	@$(BOOTSTRAP) --test python -m tests.pictures

bench: ## how long opening takes and what a workspace costs (ROUNDS=7)
	@$(test_setup) --package chromium
	@$(BOOTSTRAP) --test python -m bench.opening

term: ## a whole term told in steps on the test engine: 300 students, 5 courses (TERM_SIZE=small)
	@$(test_setup)
	@$(BOOTSTRAP) --test python -m bench.term

pages: ## how long each page takes at 20,000 people, on SQLite and PostgreSQL (ROUNDS=20)
	@$(test_setup) --package postgresql
	@$(BOOTSTRAP) --test python -m bench.pages

lock: ## pin the newest allowed versions of all dependencies anew
	@$(BOOTSTRAP) --test python -c ""
	@$(STATE)/venv/bin/python -m pip install --quiet uv
	@for set in hub test; do UV_CUSTOM_COMPILE_COMMAND="make lock" $(STATE)/venv/bin/uv pip compile \
		--quiet --universal --python-version 3.11 --no-annotate --upgrade \
		$$([ $$set = test ] && echo --extra test) setup.cfg -o requirements/$$set.txt; done
	@npm install --package-lock-only --no-progress

clean: ## remove all it made: workspaces, engine objects, state (FORCE=1: without asking)
	@$(COYOTELAB) clean $(engine) $(if $(FORCE),--force)
