#!/bin/sh
# Checks the services, builds their images, starts them, waits until they are healthy or done, and says where they are:
# deploy.sh SECRET… `make deploy` calls it, with COMPOSE, DOCKER, MAKE, TARGETS, IMAGE, SERVICE_IMAGE, RUN_USER and WAIT (seconds).
set -eu
fail() { echo "deploy: $*" >&2; exit 1; }
# A container that fails: its last words, and what to do.
failed() {
  $DOCKER logs --tail 20 "$id" >&2 || true
  fail "$name $1; its last lines are above, 'make logs' shows more, 'make undeploy' stops everything"
}

for secret; do
  [ -s "secrets/$secret" ] || fail "secrets/$secret is missing: write the value of $secret into this file"
done
$COMPOSE config --quiet || fail "compose.yaml is not valid, see above"
$MAKE --no-print-directory build TARGETS="$TARGETS"
$COMPOSE up --detach --remove-orphans || fail "not everything could be started, see above: 'make undeploy' stops what was;
  a port that is taken is changed by SERVE_PORT, GRAFANA_PORT, PROMETHEUS_PORT or TENSORBOARD_PORT, as SERVE_PORT=8001 make deploy"

end=$(($(date +%s) + WAIT))
while :; do
  waiting=""
  for id in $($COMPOSE ps --all --quiet); do
    state=$($DOCKER inspect --format '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$id")
    read -r name status code restarts health <<EOF
$state
EOF
    case "$status $health" in
      "running healthy" | "running ") ;;
      exited*) [ "$code" = 0 ] || failed "ended with exit code $code" ;;
      restarting*)
        [ "$restarts" -lt 3 ] || [ "$code" = 75 ] || failed "fails again and again, with exit code $code"
        waiting="$waiting $name"
        ;;
      "running unhealthy") failed "is not healthy" ;;
      *) waiting="$waiting $name" ;;
    esac
  done
  [ -n "$waiting" ] || break
  [ "$(date +%s)" -lt "$end" ] || fail "not healthy after $WAIT s:$waiting; 'make logs' shows why, WAIT=600 waits longer"
  sleep 1
done

while read -r service port path; do
  if address=$($COMPOSE port "$service" "$port" 2>/dev/null) && [ -n "$address" ]; then
    echo "$service: http://$address$path"
  fi
done <<EOF
serve 8000 /docs
grafana 3000 /
prometheus 9090 /
tensorboard 6006 /
EOF
echo "deployed; 'make logs' follows it, 'make docker-run COMMAND=status' shows the steps, 'make undeploy' stops it"
