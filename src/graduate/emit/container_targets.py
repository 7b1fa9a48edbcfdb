"""The make targets that concern containers: building, starting, looking at and stopping them."""

from __future__ import annotations

_BUILD = (
    '@set -eu; set --; folder="$(firstword $(WHEELS))"; \\',
    'if [ -n "$$folder" ]; then \\',
    '\tif $(DOCKER) build --help | grep -q -e --build-context; then set -- --build-context wheels="$$folder"; \\',
    '\telse mkdir -p .wheels; cp -lf "$$folder"/*.whl .wheels/ 2>/dev/null || cp -f "$$folder"/*.whl .wheels/; fi; \\',
    "fi; \\",
    "for proxy in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do \\",
    '\teval "[ -z \\"\\$${$$proxy-}\\" ]" || set -- "$$@" --build-arg "$$proxy"; \\',
    "done; \\",
    '[ -z "$(CA_CERT)" ] || set -- "$$@" --secret "id=ca,src=$(CA_CERT)"; \\',
    '[ -z "$(PIP_CONF)" ] || set -- "$$@" --secret "id=pip,src=$(PIP_CONF)"; \\',
    "for target in $(TARGETS); do \\",
    '\ttag=$(IMAGE); [ "$$target" = runtime ] || tag="$$tag-$$target"; \\',
    '\t$(DOCKER) build "$$@" $(BUILD_ARGS) --target "$$target" --tag "$$tag" .; \\',
    '\tsize=$$($(DOCKER) image inspect --format "{{.Size}}" "$$tag"); \\',
    '\techo "$$tag: $$(($${size:-0} / 1000000)) MB" >&2; \\',
    "done",
)

# The image brings the environment; code, state and results are those of this folder, and belong to its owner.
_DOCKER_RUN = (
    "exec $(DOCKER) run --rm --init --read-only --tmpfs /tmp:exec,mode=1777 --stop-timeout 300 "
    '--user "$(RUN_USER)" --volume "$(CURDIR)":/app $(RUN_ARGS) $(IMAGE) $(COMMAND) $(ARGS)'
)

_PROFILE = "$(if $(filter 1,$(MONITORING)),--profile monitoring)"

_DEPLOY = (
    f'@DOCKER="$(DOCKER)" COMPOSE="$(COMPOSE) {_PROFILE}" IMAGE="$(IMAGE)" SERVICE_IMAGE="$(IMAGE)-service" '
    'RUN_USER="$(RUN_USER)" WAIT="$(WAIT)" MAKE="$(MAKE)" '
    'TARGETS="runtime$(if $(SERVICES)$(filter 1,$(MONITORING)), service)" exec sh docker/deploy.sh $(SECRETS)',
)

CONTAINER_TARGETS = (
    ("build", "build the image (TARGETS=runtime cuda service test, IMAGE=, BUILD_ARGS=)", _BUILD, "engine"),
    (
        "docker-run",
        "run COMMAND=train-all in the container, with state and results here",
        (_DOCKER_RUN,),
        "engine",
    ),
    (
        "deploy",
        "check, build, start in the background, wait until it is healthy (MONITORING=1: dashboards)",
        _DEPLOY,
        "compose",
    ),
    (
        "undeploy",
        "stop what deploy started; state and results stay",
        ("exec $(COMPOSE) --profile monitoring down --remove-orphans",),
        "compose",
    ),
    (
        "logs",
        "follow what the containers say (ARGS=serve: one of them)",
        ("exec $(COMPOSE) --profile monitoring logs --follow --tail 100 $(ARGS)",),
        "compose",
    ),
)
"""Name, help, recipe and needs of each."""
