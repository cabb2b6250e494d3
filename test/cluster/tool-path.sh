#!/usr/bin/env bash
# This script prints the path of a program: kind, helm, versitygw or toxiproxy. The program is built first when its
# inputs changed.
cd "$(dirname "$0")" || exit
. ./lib.sh
. ./programs.sh
program=${1:?name of a program}
if [[ -n $(missing_programs "$program") ]]; then programs_up "$program"; fi
program_path "$program"
