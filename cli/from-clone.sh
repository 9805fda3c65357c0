#!/bin/sh
# Runs the command line of a clone: installs and builds what is missing, quietly where nothing is.
# usage: from-clone.sh VERB …, or from-clone.sh --prepare
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
if ! command -v node >/dev/null; then
  echo "Node.js 20.20 or newer is needed and there is no node on PATH" >&2
  exit 2
fi
if ! node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a===20&&b>=20)?0:1)'; then
  echo "Node.js $(node -v) is too old; 20.20 or newer is needed" >&2
  exit 2
fi
(
  cd "$here"
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "Installing dependencies (once)" >&2
    # Not `npm ci`: npm leaves the versions of other platforms' optional packages out of the lockfile, and then refuses it.
    npm install --no-save --loglevel=error --no-fund --no-audit >&2
    touch node_modules/.package-lock.json
  fi
  sources='spec workflows activities connection workers client cli test'
  if [ ! -e dist/.built ] || [ -n "$(find $sources package.json -newer dist/.built -name '*.[tj]s*' -print -quit)" ]; then
    echo "Building" >&2
    npm run --silent build >&2
  fi
)
[ "${1:-}" = --prepare ] && exit 0
exec node "$here/dist/cli/main.js" "$@"
