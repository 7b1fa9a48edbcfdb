#!/bin/sh
# Installs the first of the named locks that is there, with its hashes, into /opt/venv: install-lock.sh NAME…
# Where none is, what the last one's .in file allows today. A step of the image build (see Dockerfile).
set -eu
if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca; fi
if [ -s /run/secrets/pip ]; then export PIP_CONFIG_FILE=/run/secrets/pip; fi
# /opt/venv has no pip of its own: the Python that it was made with has.
python=$(/opt/venv/bin/python -c "import sys; print(sys._base_executable)")
install() {
  exec "$python" -m pip --python /opt/venv/bin/python --disable-pip-version-check install --root-user-action ignore \
    --find-links /wheels "$@"
}
for name; do
  if [ -s "$name.lock" ]; then install --require-hashes -r "$name.lock"; fi
done
echo "warning: there is no $name.lock, so the newest versions that fit $name.in are installed" >&2
install -r "$name.in"
