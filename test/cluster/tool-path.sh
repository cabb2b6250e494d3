#!/usr/bin/env bash
# This script prints the path of a program: kind, helm or versitygw (module tools), or toxiproxy. The program is built
# first when its inputs changed.
cd "$(dirname "$0")" || exit
. ./lib.sh
. ./tools.sh
program=${1:?name of a program}
if [[ -d $program ]]; then module=$program; else module=tools; fi
printf '%s/%s\n' "$(go_bin "$module")" "$program"
