#!/usr/bin/env bash
# Prints the path of a Python with the packages of requirements.txt. The environment is made once, in the user's cache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

helm="helm-sdkpy==0.1.32"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pisw
venv=$cache/chart-$(cat "$here/requirements.txt" "$0" | sha256sum | cut -c 1-12)
if [ ! -x "$venv/bin/python" ]; then
  /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || "$here/../../Build/install.sh" python3-venv
  echo "installing Helm and checkov in $venv: about a minute, once" >&2
  mkdir -p "$cache"
  scratch=$(mktemp -d "$cache/building-XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  /usr/bin/python3 -m venv "$scratch/venv"
  pip=("$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check)
  "${pip[@]}" --requirement "$here/requirements.txt" >&2
  # Helm itself. Its package asks for Python 3.12, but works with Debian 12's 3.11.
  "${pip[@]}" --ignore-requires-python "$helm" >&2
  # Another run may have made it meanwhile. (The programs in bin/ hold the old path, and are not used.)
  mv -T "$scratch/venv" "$venv" 2>/dev/null || [ -d "$venv" ]
fi
echo "$venv/bin/python"
