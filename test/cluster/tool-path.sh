#!/usr/bin/env bash
# Prints where a program is (kind, helm, versitygw of the tools module; toxiproxy), built first when its inputs changed.
cd "$(dirname "$0")" || exit
. ./lib.sh
. ./tools.sh
program=${1:?name of a program}
if [[ -d $program ]]; then module=$program; else module=tools; fi
printf '%s/%s\n' "$(go_bin "$module")" "$program"
