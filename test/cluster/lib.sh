# shellcheck shell=bash
# Every step of `make up` and `make down` uses these functions: folders, messages with times, atomic cache entries, one
# lock, packages.

set -euo pipefail

cluster_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root_dir=$(cd "$cluster_dir/../.." && pwd)
# The state folder holds all that belongs to one running cluster. `make down` removes this folder.
state_dir=$root_dir/.cluster
# The cache holds what is expensive to make and the same for every cluster: binaries and dockerd's images. `make down`
# keeps the cache.
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

# step TITLE COMMAND…: prints the title before the command, and the command's duration after it.
step() {
  local title=$1 start=$EPOCHREALTIME
  shift
  printf '\033[1m==> %s\033[0m\n' "$title" >&2
  "$@"
  printf '    done in %s s\n' "$(seconds_since "$start")" >&2
}

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# logged NAME COMMAND…: writes a long command's output to a file. The terminal gets the last lines only when the command
# fails.
logged() {
  local log=$log_dir/$1.log
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    die "'$1' failed" "all of its output: $log"
  fi
}

# with_progress FUNCTION ARGUMENT COMMAND…: runs COMMAND, and shows what FUNCTION ARGUMENT prints again and again: on a
# terminal in one line, elsewhere as a line every 30 seconds. COMMAND is one program, `logged` or `wait`, since bash does
# not stop at a failure inside of it. The children keep neither a lock nor a pipe open.
with_progress() {
  local describe=$1 argument=$2 start=$EPOCHREALTIME every=30 end='\n' reporter code=0
  if [[ -t 2 ]]; then every=2 end='\033[K\r'; fi
  shift 2
  while sleep "$every" 2>/dev/null; do
    printf "    %s after %.0f s$end" "$("$describe" "$argument")" "$(seconds_since "$start")" >&2
  done </dev/null >/dev/null 8>&- 9>&- &
  reporter=$!
  "$@" || code=$?
  kill "$reporter"
  return "$code"
}

# beside NAME COMMAND…: starts COMMAND beside the steps that follow. What COMMAND says goes into a file, and `wait_for
# NAME` shows the file, waits, and ends the script where COMMAND failed. A step that fails first ends COMMAND with all
# its children, which is why COMMAND gets a process group of its own.
declare -A beside_pid=()
beside() {
  local name=$1
  shift
  set -m
  "$@" </dev/null >"$log_dir/beside-$name.log" 2>&1 9>&- &
  set +m
  beside_pid[$name]=$!
}

wait_for() {
  local code=0
  with_progress beside_progress "$1" wait "${beside_pid[$1]}" || code=$?
  unset "beside_pid[$1]"
  cat "$log_dir/beside-$1.log" >&2
  ((code == 0)) || exit "$code"
}

beside_progress() { printf 'now: %s' "$(sed -n 's/\x1b\[[0-9;]*m//g; s/^==> //p' "$log_dir/beside-$1.log" | tail -n 1)"; }

end_children() {
  local pid
  for pid in "${beside_pid[@]}"; do kill -- "-$pid" || true; done
  for pid in $(jobs -p); do kill "$pid" || true; done
}
trap 'end_children 2>/dev/null' EXIT

# hash_of FILE|TEXT…: prints one short key for files and plain words, in their order. A cache entry's key is the hash of
# all its inputs.
hash_of() {
  local item
  for item; do
    if [[ -f $item ]]; then sha256sum <"$item"; else printf '%s\n' "$item"; fi
  done | sha256sum | cut -c1-16
}

# cached PATH FUNCTION…: makes PATH by FUNCTION unless PATH exists. FUNCTION gets a temporary path as its last argument,
# and only the result of a FUNCTION that succeeds is renamed to PATH, so that an interrupted build never counts as done.
cached() {
  local path=$1 partial=$1.partial
  shift
  [[ -e $path ]] && return
  mkdir -p "$(dirname "$path")"
  rm -rf "$partial"
  "$@" "$partial"
  mv "$partial" "$path"
}

# only_newest DIR PREFIX KEEP: removes every cache entry DIR/PREFIX* but KEEP. Older inputs left these entries.
only_newest() {
  local path
  for path in "$1/$2"*; do
    [[ ! -e $path || $path == "$3" ]] || rm -rf "$path"
  done
}

# Only one `up` or `down` runs at a time on this machine. The children that outlive the script (dockerd, services) must
# not inherit the lock, so they are started with `9>&-`.
take_lock() {
  exec 9>"$cache_dir/lock"
  flock --nonblock 9 || {
    say "another make up or make down is running: this one waits for it"
    flock --timeout 1800 9 || die "another make up or make down has held $cache_dir/lock for 30 minutes"
  }
}

is_root() { [[ $EUID -eq 0 ]]; }

is_debian() { [[ -r /etc/os-release ]] && grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release; }

# need_packages PURPOSE COMMAND:PACKAGE…: installs the packages whose command (or file) is missing. Where the script may
# not install, the error names these packages and the line to type.
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
