# shellcheck shell=bash
# What every step of `make up` and `make down` shares: where things are, logging with times, atomic cache entries, locks.

set -euo pipefail

cluster_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root_dir=$(cd "$cluster_dir/../.." && pwd)
# All that belongs to one running cluster; gone after `make down`.
state_dir=$root_dir/.cluster
# What is expensive to make and the same for every cluster: binaries, the node image, dockerd's images. Survives `make down`.
cache_dir=${BATCH_UPLOAD_CACHE:-${HOME:?}/.cache/batch-upload}
log_dir=$cache_dir/logs
cluster_name=batch-upload
export PATH=$root_dir/node_modules/.bin:$PATH

mkdir -p "$cache_dir" "$log_dir"

say() { printf '    %s\n' "$*" >&2; }

die() {
  printf '\n\033[31mError:\033[0m %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '  %s\n' "$@" >&2
  exit 1
}

# step TITLE COMMAND…: says what is done, and how long it took when that was worth mentioning.
step() {
  local title=$1 start=$EPOCHREALTIME
  shift
  printf '\033[1m==> %s\033[0m\n' "$title" >&2
  "$@"
  printf '    done in %s s\n' "$(seconds_since "$start")" >&2
}

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# logged NAME COMMAND…: the output of a long command goes to a file, and its end to the terminal only when it fails.
logged() {
  local log=$log_dir/$1.log
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    die "'$1' failed" "all of its output: $log"
  fi
}

# hash_of FILE|TEXT…: one short key for files and plain words, in that order; the key of a cache entry is made of all its inputs.
hash_of() {
  local item
  for item; do
    if [[ -f $item ]]; then sha256sum <"$item"; else printf '%s\n' "$item"; fi
  done | sha256sum | cut -c1-16
}

# cached PATH FUNCTION…: makes PATH by FUNCTION unless it is there. FUNCTION gets a temporary path as its last argument, and only a
# finished one is renamed, so that an interrupted build is never taken as done.
cached() {
  local path=$1 partial=$1.partial
  shift
  [[ -e $path ]] && return
  mkdir -p "$(dirname "$path")"
  rm -rf "$partial"
  "$@" "$partial"
  mv "$partial" "$path"
}

# only_newest DIR PREFIX KEEP: drops what older inputs left in the cache.
only_newest() {
  local path
  for path in "$1/$2"*; do
    [[ ! -e $path || $path == "$3" ]] || rm -rf "$path"
  done
}

# One `up` or `down` at a time on this machine. The children that outlive the script (dockerd, services) must not inherit the lock:
# they are started with `9>&-`.
take_lock() {
  exec 9>"$cache_dir/lock"
  flock --nonblock 9 || {
    say "another make up or make down is running: waiting for it"
    flock --timeout 1800 9 || die "another make up or make down has held $cache_dir/lock for 30 minutes"
  }
}

is_root() { [[ $EUID -eq 0 ]]; }

is_debian() { [[ -r /etc/os-release ]] && grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release; }

# need_packages PURPOSE COMMAND:PACKAGE…: installs the packages whose command (or file) is missing, or names them and the line to type.
need_packages() {
  local purpose=$1 pair missing=()
  shift
  for pair; do
    [[ $pair == /* && -e ${pair%%:*} ]] || command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  ((${#missing[@]})) || return 0
  if ! is_root || ! is_debian; then
    die "$purpose needs ${missing[*]}" "on Debian or Ubuntu: sudo apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing ${missing[*]} ($purpose)"
  logged apt apt_install "${missing[@]}"
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y --no-install-recommends "$@" || {
    apt-get update && apt-get install -y --no-install-recommends "$@"
  }
}
