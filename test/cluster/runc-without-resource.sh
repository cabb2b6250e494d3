#!/usr/bin/env bash
# An OCI runtime for machines where root lacks CAP_SYS_RESOURCE. A privileged container asks for every capability, for
# rlimits above the caller's and for a lower OOM score, and runc then fails ("unable to apply caps"). This script takes
# the three out of the container's configuration and hands everything else to runc unchanged.
set -euo pipefail

strip() {
  local file=$1 path=$2
  jq "$path |= (del(.rlimits, .oomScoreAdj) | if .capabilities then .capabilities |= map_values(map(select(. != \"CAP_SYS_RESOURCE\"))) else . end)" \
    "$file" >"$file.stripped"
  cat "$file.stripped" >"$file"
  rm "$file.stripped"
}

previous=
for argument; do
  case $previous in
    --bundle) strip "$argument/config.json" .process ;;
    --process) strip "$argument" . ;;
  esac
  previous=$argument
done
exec runc "$@"
