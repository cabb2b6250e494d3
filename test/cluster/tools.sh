# shellcheck shell=bash
# Programs built from the Go modules beside this file, each pinned by its go.mod and go.sum: kind, helm and the S3 server (tools/), and
# for a node image of our own Kubernetes, etcd and CoreDNS.

go_proxy_line="install Go 1.21 or newer (it fetches the pinned toolchain itself): https://go.dev/dl"

need_go() {
  command -v go >/dev/null || die "Go is needed to build kind, helm and the S3 server" "$go_proxy_line"
}

# go_bin MODULE: the folder with MODULE's programs, built when its inputs changed. One set of flags for all of them: packages they share are
# then compiled once.
go_bin() {
  local path
  path=$cache_dir/bin/$1-$(go_key "$1")
  if [[ ! -e $path ]]; then
    need_go
    say "building $1 from source; its output: $log_dir/go-$1.log"
    cached "$path" build_go_module "$1"
    only_newest "$cache_dir/bin" "$1-" "$path"
  fi
  printf '%s\n' "$path"
}

go_key() {
  local module=$cluster_dir/$1 file files=() sources
  # A module that requires nothing has no go.sum; its path must not become a part of the key.
  for file in "$module/go.mod" "$module/go.sum"; do [[ ! -e $file ]] || files+=("$file"); done
  mapfile -t sources < <(find "$module" -name '*.go' | LC_ALL=C sort)
  hash_of "${files[@]}" "${sources[@]}" "$(go_ldflags "$1")"
}

go_module_dir() {
  need_go
  env -C "$cluster_dir/$1" GOWORK=off go mod download "$2"
  env -C "$cluster_dir/$1" GOWORK=off go list -m -f '{{.Dir}}' "$2"
}

# GOGC: the compiler spends a sixth of its time on collecting garbage that fits into memory (measured with coredns: 135 to 116 s of CPU).
build_go_module() {
  local module=$1 partial=$2 start=$EPOCHREALTIME
  mkdir -p "$partial"
  logged "go-$module" env -C "$cluster_dir/$module" GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0 GOGC=400 \
    go build -trimpath -buildvcs=false -ldflags "$(go_ldflags "$module")" -o "$partial/" tool
  say "built $module in $(seconds_since "$start") s"
}

# module_version MODULE PATH: the version that a go.mod of ours pins.
module_version() {
  awk -v path="$2" '$1 == "require" { sub(/^require /, "") } $1 == path && $2 ~ /^v[0-9]/ { print $2; exit }' "$cluster_dir/$1/go.mod"
}

# Without these Kubernetes calls itself v0.0.0-master, which kubeadm refuses.
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

# What a person or a test needs to look into the cluster; `.cluster/env` puts this folder first in PATH.
bin_dir=$state_dir/bin

tools_up() {
  local built
  built=$(go_bin tools)
  mkdir -p "$bin_dir"
  ln -sf "$built"/{kind,helm,versitygw} "$bin_dir/"
  say "$built"
}
