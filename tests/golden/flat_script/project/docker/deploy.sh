#!/bin/sh
# Checks the services, starts them, waits until they are healthy or done, and says where they are: deploy.sh SECRET…
# `make deploy` calls it, with COMPOSE, DOCKER, IMAGE, SERVICE_IMAGE, RUN_USER and WAIT (seconds).
set -eu
fail() { echo "deploy: $*" >&2; exit 1; }

for secret; do
  [ -s "secrets/$secret" ] || fail "secrets/$secret is missing: write the value of $secret into this file"
done
$COMPOSE config --quiet || fail "compose.yaml is not valid"
$COMPOSE up --detach --remove-orphans

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
      exited*) [ "$code" = 0 ] || fail "$name ended with exit code $code; see: make logs" ;;
      restarting*)
        [ "$restarts" -lt 3 ] || [ "$code" = 75 ] || fail "$name fails again and again; see: make logs"
        waiting="$waiting $name"
        ;;
      "running unhealthy") fail "$name is not healthy; see: make logs" ;;
      *) waiting="$waiting $name" ;;
    esac
  done
  [ -n "$waiting" ] || break
  [ "$(date +%s)" -lt "$end" ] || fail "not healthy after $WAIT s:$waiting; see: make logs"
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
echo "deployed; 'make logs' follows it, 'make status' shows the steps, 'make undeploy' stops it"
