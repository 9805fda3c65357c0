#!/usr/bin/env bash
# Makes images under the names of the published ones out of what this machine has, for a machine that cannot pull: a Debian with this
# machine's Node.js, and one with the Temporal CLI. They prove our files, not the published images. Needs root, debootstrap and a Docker engine.
# usage: stand-ins.sh NODE_IMAGE TEMPORAL_IMAGE TEMPORAL_BINARY
set -euo pipefail
node_image=$1 temporal_image=$2 temporal=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
if ! docker image inspect "$node_image" >/dev/null 2>&1; then
  debootstrap --variant=minbase --include=ca-certificates,libstdc++6 bookworm "$dir/root" >"$dir/log" 2>&1 || { tail "$dir/log"; exit 1; }
  rm -rf "$dir"/root/var/cache/apt/archives/*.deb "$dir"/root/var/lib/apt/lists/*
  cp "$(readlink -f "$(command -v node)")" "$dir/root/usr/local/bin/node"
  ldd "$dir/root/usr/local/bin/node" | awk '$3 ~ /^\// {print $3}' | while read -r library; do
    [ -e "$dir/root$library" ] || { mkdir -p "$dir/root$(dirname "$library")"; cp -L "$library" "$dir/root$library"; }
  done
  npm=$(npm root -g)/npm
  mkdir -p "$dir/root/usr/local/lib/node_modules"
  cp -rL "$npm" "$dir/root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$dir/root/usr/local/bin/npm"
  # A machine that reaches its packages through a certificate of its own.
  cp /etc/ssl/certs/ca-certificates.crt "$dir/root/etc/ssl/certs/ca-certificates.crt"
  tar -C "$dir/root" -c . | docker import --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' - "$node_image" >/dev/null
fi
if ! docker image inspect "$temporal_image" >/dev/null 2>&1; then
  mkdir "$dir/temporal"
  cp "$temporal" "$dir/temporal/temporal"
  printf 'FROM %s\nCOPY temporal /usr/local/bin/temporal\nENTRYPOINT ["temporal"]\n' "$node_image" >"$dir/temporal/Dockerfile"
  docker build --quiet --tag "$temporal_image" "$dir/temporal" >/dev/null
fi
