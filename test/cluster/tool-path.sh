#!/usr/bin/env bash
# Prints where a program of the tools module is (kind, helm, versitygw), built first when its inputs changed.
cd "$(dirname "$0")" || exit
. ./lib.sh
. ./tools.sh
printf '%s/%s\n' "$(go_bin tools)" "${1:?name of a program}"
