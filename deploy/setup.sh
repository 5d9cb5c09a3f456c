#!/usr/bin/env bash
# Makes .venv and installs what requirements.lock pins; with --lock writes that lock anew.
# Needs only a Python 3.11-3.14 with venv. uv comes from the index that pip is set to.
set -euo pipefail
lock_only=false
if [ "${1:-}" = "--lock" ]; then lock_only=true; shift; fi

fits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; }
if ! fits .venv/bin/python; then
  found=""
  for name in ${HELI_PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$name" >/dev/null && fits "$name"; then found=$name; break; fi
  done
  if [ -z "$found" ]; then
    echo "Heli needs Python 3.11, 3.12, 3.13 or 3.14 with the modules venv and ensurepip; found: $(python3 --version 2>&1 || true)." >&2
    echo "Install one (Debian: apt-get install python3 python3-venv) or name it: make HELI_PYTHON=/path/to/python3.12 ..." >&2
    exit 1
  fi
  rm -rf .venv
  "$found" -m venv .venv
fi

# uv reads no pip setting: hand it what pip is told (environment before files).
pip_says() { .venv/bin/pip config list | sed -n "s/^\(:env:\|install\|global\)\.$1='\(.*\)'\$/\2/p" | head -1; }
hand() { [ -n "${!1:-}" ] || { local v; v=$(pip_says "$2"); [ -z "$v" ] || export "$1=$v"; }; }
hand UV_DEFAULT_INDEX index-url
hand SSL_CERT_FILE cert
hand UV_INSECURE_HOST trusted-host
export UV_PYTHON_DOWNLOADS=never UV_CUSTOM_COMPILE_COMMAND="make lock" VIRTUAL_ENV="$PWD/.venv"
unset UV_CONSTRAINT PIP_CONSTRAINT
[ -x .venv/bin/uv ] || .venv/bin/python -m pip install -q --disable-pip-version-check uv

if $lock_only; then
  inputs=(); for d in "$@"; do inputs+=("$d/pyproject.toml"); done
  .venv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-package heli-shared \
    "${inputs[@]}" --group dev -o requirements.lock
  exit
fi
.venv/bin/uv pip sync -q --require-hashes requirements.lock
editable=(); for d in "$@"; do editable+=(-e "./$d"); done
.venv/bin/uv pip install -q --no-deps --offline "${editable[@]}"
