#!/usr/bin/env bash
# Makes .venv and installs what requirements.lock pins; with --lock writes the locks anew, with
# --deploy adds what `make deploy-check` needs.
# Needs only a Python 3.11-3.14 with venv. uv comes from the index that pip is set to.
set -euo pipefail
lock_only=false deploy_only=false
case "${1:-}" in
  --lock) lock_only=true; shift ;;
  --deploy) deploy_only=true; shift ;;
esac

refuse() { printf '%s\n' "$@" >&2; exit 1; }
network() {
  refuse "没有装完：见上面的错误；多半是软件包索引连不上，或磁盘已满。" "The installation did not finish: see above; most often the package index cannot be reached, or the disk is full." \
    "试试：用 pip config set global.index-url 地址 指明可用的索引，再次运行 make setup（已装的会保留）。" \
    "Try: name an index that can be reached with pip config set global.index-url ADDRESS, and run make setup again (what is there is kept)."
}
# Says why a Python does not fit, and nothing when it does (in words that old Pythons understand).
against() {
  command -v "$1" >/dev/null || { echo "not found"; return; }
  "$1" -c '
import sys
version = "%d.%d.%d" % sys.version_info[:3]
if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    print(version)
else:
    try:
        import venv, ensurepip
    except ImportError as no:
        print("%s without the module %s" % (version, no.name))' 2>/dev/null || echo "does not run"
}
made() { [ -z "$(against .venv/bin/python)" ] && { [ -x .venv/bin/uv ] || .venv/bin/python -c 'import pip' 2>/dev/null; }; }
if ! made; then
  found="" seen=()
  for name in ${HELI_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    why=$(against "$name")
    if [ -z "$why" ]; then found=$name; break; fi
    [ "$why" = "not found" ] && [ -z "${HELI_PYTHON:-}" ] || seen+=("$name ($why)")
  done
  [ -n "$found" ] || refuse \
    "合力需要 Python 3.11、3.12、3.13 或 3.14，含 venv 与 ensurepip 模块。找到的：${seen[*]:-无}。" \
    "Heli needs Python 3.11, 3.12, 3.13 or 3.14 with the modules venv and ensurepip. Found: ${seen[*]:-none}." \
    "试试：安装一个（Debian：apt-get install python3 python3-venv），或指明另一个：make HELI_PYTHON=/path/to/python3.12 setup" \
    "Try: install one (Debian: apt-get install python3 python3-venv), or name another: make HELI_PYTHON=/path/to/python3.12 setup"
  [ -w . ] || refuse "不能在 $PWD 中写入。" "$PWD cannot be written." \
    "试试：以其主人的身份运行，或把仓库克隆到自己的文件夹。" "Try: run this as its owner, or clone the repository into a folder of your own."
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
[ -x .venv/bin/uv ] || .venv/bin/python -m pip install -q --disable-pip-version-check uv || network

if $lock_only; then
  inputs=(); for d in "$@"; do inputs+=("$d/pyproject.toml"); done
  .venv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-package heli-shared \
    "${inputs[@]}" --group dev -o requirements.lock
  # Apart, because its schemas are 17,000 files that nobody else needs.
  .venv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 -c requirements.lock \
    --group deploy -o deploy/kustomize/tests/requirements.lock
  exit
fi
if $deploy_only; then
  .venv/bin/uv pip install -q --require-hashes -r deploy/kustomize/tests/requirements.lock || network
  exit
fi
.venv/bin/uv pip sync -q --require-hashes requirements.lock || network
editable=(); for d in "$@"; do editable+=(-e "./$d"); done
.venv/bin/uv pip install -q --no-deps --offline "${editable[@]}"
