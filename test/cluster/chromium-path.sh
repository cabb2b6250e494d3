#!/usr/bin/env bash
# This script prints the path of Chromium. On Debian as root the browser is installed first when it is missing. Processes
# that ask at the same time wait for the one that installs.
cd "$(dirname "$0")" || exit
. ./lib.sh
exec 8>"$cache_dir/packages.lock"
flock --timeout 900 8 || die "another process has held $cache_dir/packages.lock for 15 minutes" \
  "it installs packages: look at $log_dir/apt.log"
for program in "${BATCH_UPLOAD_CHROMIUM:-}" chromium chromium-browser google-chrome; do
  if [[ -n $program ]] && command -v "$program"; then exit; fi
done
need_packages "tests of the staff page" \
  chromium:chromium /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core 8>&-
command -v chromium
