# shellcheck shell=bash
# Programs are built from Go modules, each pinned by its go.mod and go.sum: kind, helm and the S3 server (tools/), the
# proxy of tests (toxiproxy/), and for an own node image Kubernetes, etcd, CoreDNS and pause (own-node/).

need_go() {
  command -v go >/dev/null || die "Go is needed to build kind, helm and the S3 server" "install Go 1.26 or newer: https://go.dev/dl"
}

# module_folder MODULE: where this repository keeps MODULE's go.mod.
module_folder() {
  local folder
  for folder in "$cluster_dir/$1" "$cluster_dir/own-node/$1"; do
    [[ ! -e $folder/go.mod ]] || { printf '%s\n' "$folder"; return; }
  done
  die "there is no Go module '$1' under $cluster_dir"
}

# go_bin MODULE: prints the folder with MODULE's programs, and builds them when their inputs changed. All modules are
# built with one set of flags, so that packages that they share are compiled once.
go_bin() {
  local path
  path=$cache_dir/bin/$1-$(go_key "$1")
  if [[ ! -e $path ]]; then
    need_go
    say "building $1 from source; output of the build: $log_dir/go-$1.log"
    cached "$path" build_go_module "$1"
    only_newest "$cache_dir/bin" "$1-" "$path"
  fi
  printf '%s\n' "$path"
}

go_key() {
  local module file files=() sources
  module=$(module_folder "$1")
  # A module that requires nothing has no go.sum. The path of a missing file must not become a part of the key.
  for file in "$module/go.mod" "$module/go.sum"; do [[ ! -e $file ]] || files+=("$file"); done
  mapfile -t sources < <(find "$module" -name '*.go' | LC_ALL=C sort)
  hash_of "${files[@]}" "${sources[@]}" "$(go_ldflags "$1")"
}

# go_module_dir MODULE PATH: prints where Go keeps the sources of the dependency PATH in the version that MODULE pins.
go_module_dir() {
  local module
  need_go
  module=$(module_folder "$1")
  env -C "$module" GOWORK=off go mod download "$2"
  env -C "$module" GOWORK=off go list -m -f '{{.Dir}}' "$2"
}

# GOGC=400 saves the sixth of the compiler's time that goes into collecting garbage which fits into memory (coredns: 116
# s of CPU, not 135).
build_go_module() {
  local module=$1 partial=$2 start=$EPOCHREALTIME folder
  folder=$(module_folder "$module")
  mkdir -p "$partial"
  logged "go-$module" env -C "$folder" GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0 GOGC=400 \
    go build -trimpath -buildvcs=false -ldflags "$(go_ldflags "$module")" -o "$partial/" tool
  say "built $module in $(seconds_since "$start") s"
}

# module_version MODULE PATH: prints the version of the dependency PATH that MODULE pins.
module_version() {
  local module
  module=$(module_folder "$1")
  awk -v path="$2" '$1 == "require" { sub(/^require /, "") } $1 == path && $2 ~ /^v[0-9]/ { print $2; exit }' "$module/go.mod"
}

# Without these flags Kubernetes says that its version is v0.0.0-master, and kubeadm refuses this version.
go_ldflags() {
  local flags='-s -w' version major minor pair
  if [[ $1 == kubernetes ]]; then
    version=$(module_version kubernetes k8s.io/kubernetes)
    IFS=. read -r major minor _ <<<"${version#v}"
    for pair in "gitVersion=$version" "gitMajor=$major" "gitMinor=$minor" gitTreeState=clean; do
      flags+=" -X k8s.io/component-base/version.$pair"
    done
  fi
  printf '%s' "$flags"
}

# This folder holds the programs with which a person or a test looks into the cluster. `.cluster/env` puts it first in
# PATH.
bin_dir=$state_dir/bin

tools_up() {
  local built
  built=$(go_bin tools)
  mkdir -p "$bin_dir"
  ln -sf "$built"/{kind,helm,versitygw} "$bin_dir/"
  say "$built"
}
