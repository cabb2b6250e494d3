#!/usr/bin/env bash
# This script prints the path of schemathesis, and installs it from PyPI into the cache first when it is not there.
cd "$(dirname "$0")/../cluster" || exit
. ./lib.sh
version=4.32.5
folder=$cache_dir/schemathesis-$version
if [[ ! -e $folder/installed ]]; then
  say "installing schemathesis $version from PyPI"
  rm -rf "$folder"
  logged schemathesis-venv python3 -m venv "$folder"
  logged schemathesis "$folder/bin/pip" install --disable-pip-version-check "schemathesis==$version"
  touch "$folder/installed"
fi
printf '%s\n' "$folder/bin/schemathesis"
