#!/usr/bin/env bash
# Says why there is no kubectl here that builds our overlays (components need 1.27), else nothing.
set -euo pipefail
kubectl=${KUBECTL:-kubectl}
tell() { printf '%s\n' "$@" >&2; exit 1; }
remedy() {
  tell "$1" "$2" "试试：安装 kubectl 1.27 或更新的版本，或指明另一个：make deploy-check KUBECTL=/path/to/kubectl" \
    "Try: install kubectl 1.27 or later, or name another: make deploy-check KUBECTL=/path/to/kubectl"
}
command -v "$kubectl" >/dev/null || remedy "找不到 $kubectl。" "$kubectl is not here."
said=$("$kubectl" version --client 2>/dev/null || true)
version=$(sed -n 's/^Client Version:.*v1\.\([0-9]*\).*/\1/p; s/.*GitVersion:"v1\.\([0-9]*\).*/\1/p' <<<"$said" | head -1)
[ "${version:-0}" -ge 27 ] || remedy "$kubectl 是 1.${version:-?}，太旧。" "$kubectl is 1.${version:-?}: too old."
