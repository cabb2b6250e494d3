# shellcheck shell=bash
# Before the long steps begin, `make up` lists them with the time that each took here when it last ran, or else with
# an estimate for 2 cores.

declare -A usual_seconds=(
  [host-programs]=110 [programs]=700 [debian]=40 [node-root]=50 [base]=20 [image]=25 [node-image]=40 [cluster]=30 [chart]=10
)

# timed KEY COMMAND…: runs COMMAND and remembers how long it took. A COMMAND that took less than 3 seconds found its
# result there and says nothing about the time that making it takes.
timed() {
  local key=$1 start=$EPOCHREALTIME seconds
  shift
  "$@"
  seconds=$(printf '%.0f' "$(seconds_since "$start")")
  mkdir -p "$cache_dir/seconds"
  ((seconds < 3)) || printf '%s\n' "$seconds" >"$cache_dir/seconds/$key"
}

# planned SUM KEY TITLE: prints one line of the list, and adds the step's seconds to the variable SUM.
planned() {
  local -n sum=$1
  local seconds=${usual_seconds[$2]} where=estimated
  if [[ -s $cache_dir/seconds/$2 ]]; then seconds=$(<"$cache_dir/seconds/$2") where=measured; fi
  printf '    %4s s %-10s  %s\n' "$seconds" "$where" "$3" >&2
  sum=$((sum + seconds))
}

# What is in the list is missing; what is there already is not in the list. test/demo/prepare.ts reads the last line.
show_plan() {
  local missing go=0 beside=0 after=0
  mapfile -t missing < <(missing_programs "${programs[@]}")
  ((${#missing[@]})) || ! cluster_is_healthy || return 0
  say "what is made now, and how long it took when last measured here, or takes on 2 cores:"
  ((${#missing[@]} == 0)) || planned go "$(programs_key)" "${missing[*]}: built from Go modules"
  ! $debian_is_missing || planned beside debian "beside it: a small Debian, for images"
  ! $node_image_is_missing || planned beside node-root "beside it: the nodes' root file system"
  ! $base_is_missing || planned beside base "beside it: the base of our image: Node and npm packages"
  ! $base_is_missing || planned beside image "beside it: our image"
  ! $node_image_is_missing || planned after node-image "node image"
  planned after cluster "cluster of $((${WORKERS:-1} + 1)) nodes"
  planned after chart "chart: the operator"
  say "about $(((go > beside ? go : beside) + after)) s in all"
}

programs_key() { if $node_image_is_missing; then echo programs; else echo host-programs; fi; }
