# shellcheck shell=bash
# Programs are built from Go modules, each pinned by its go.mod and go.sum: what the cluster needs from programs/, the
# proxy of tests from toxiproxy/, and Kueue's manager from kueue/. The programs of the cluster share one module, because a package of one version is
# then compiled once: Kubernetes, helm, CoreDNS and etcd have a third of their packages in common.

# These run on this machine; the others are in an own node image. `kubernetes` is kubeadm, kubelet, kubectl and the
# control plane in one file.
host_programs=(kind helm versitygw)
node_programs=(kubernetes coredns etcd pause)

module_of() { case $1 in toxiproxy | kueue) echo "$1" ;; *) echo programs ;; esac; }

package_of() {
  case $1 in
    kind) echo sigs.k8s.io/kind ;;
    helm) echo helm.sh/helm/v4/cmd/helm ;;
    kueue) echo sigs.k8s.io/kueue/cmd/kueue ;;
    toxiproxy) echo . ;;
    *) echo "./$1" ;;
  esac
}

# program_path PROGRAM: prints where the built PROGRAM is, or will be. The folder's name holds a hash of all inputs.
program_path() {
  local module sources
  module=$(module_of "$1")
  mapfile -t sources < <(cd "$cluster_dir/$module" && find "$(package_of "$1")" -name '*.go' 2>/dev/null | LC_ALL=C sort)
  printf '%s/bin/%s-%s/%s\n' "$cache_dir" "$1" "$(hash_of "$cluster_dir/$module"/go.{mod,sum} \
    "${sources[@]/#/$cluster_dir/$module/}" "${compiler_flags[*]}" "$(linker_flags)")" "$1"
}

missing_programs() {
  local name
  for name; do [[ -e $(program_path "$name") ]] || echo "$name"; done
}

# programs_up PROGRAM…: builds those of the programs that are missing. All are of one module, and one call of Go builds
# them, which keeps every core busy until the end. One build runs at a time, since tests and `make up` may ask at once.
programs_up() {
  local missing name folder partial=$cache_dir/bin/partial
  mkdir -p "$cache_dir/bin"
  exec 8>"$cache_dir/bin/lock"
  flock 8
  mapfile -t missing < <(missing_programs "$@")
  if ((${#missing[@]})); then
    need_go
    say "building ${missing[*]} from source"
    rm -rf "$partial"
    build_programs "$partial" "${missing[@]}"
    for name in "${missing[@]}"; do
      folder=$(dirname "$(program_path "$name")")
      mkdir -p "$partial/$name.folder"
      mv "$partial/$name" "$partial/$name.folder/"
      rm -rf "$folder"
      mv "$partial/$name.folder" "$folder"
      only_newest "$cache_dir/bin" "$name-" "$folder"
    done
    rm -rf "$partial"
  else
    say "built before: $*"
  fi
  exec 8>&-
}

# build_programs FOLDER PROGRAM…: The first call of Go downloads every module and counts the packages. GOGC=400 saves
# the sixth of the compiler's time that goes into collecting garbage which fits into memory.
build_programs() {
  local folder=$1 module packages=() name total go_env start=$EPOCHREALTIME
  shift
  mkdir -p "$folder"
  module=$(module_of "$1")
  for name; do packages+=("$(package_of "$name")"); done
  go_env=(env -C "$cluster_dir/$module" GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0 GOGC=400)
  logged go-modules "${go_env[@]}" go list -deps -f 'package {{.ImportPath}}' "${packages[@]}"
  total=$(grep -c '^package ' "$log_dir/go-modules.log")
  say "modules are here after $(seconds_since "$start") s; compiling $total packages"
  : >"$log_dir/go-build.log"
  with_progress go_progress "$total" logged go-build \
    "${go_env[@]}" go build -v "${compiler_flags[@]}" -ldflags "$(linker_flags)" -o "$folder/" "${packages[@]}"
  say "built $* in $(seconds_since "$start") s"
}

# `go build -v` names a package when its compilation begins. Packages that Go has in its own cache are not named.
go_progress() { printf 'compiled %s of %s packages' "$(grep -vc '^go: ' "$log_dir/go-build.log")" "$1"; }

need_go() {
  command -v go >/dev/null || die "Go is needed to build kind, helm and the S3 server" "install Go 1.26 or newer: https://go.dev/dl"
}

# One set of flags for all, or Go compiles shared packages again. No debug information is made, since the linker would
# drop it: 7 % less time of the compiler.
compiler_flags=(-trimpath -buildvcs=false -gcflags=all=-dwarf=false)

# Without the version Kubernetes says that it is v0.0.0-master, and kubeadm refuses this version.
linker_flags() {
  local version major minor pair flags='-s -w'
  version=$(module_version k8s.io/kubernetes)
  IFS=. read -r major minor _ <<<"${version#v}"
  for pair in "gitVersion=$version" "gitMajor=$major" "gitMinor=$minor" gitTreeState=clean; do
    flags+=" -X k8s.io/component-base/version.$pair"
  done
  printf '%s' "$flags"
}

# module_version PATH: prints the version of the dependency PATH that programs/go.mod pins.
module_version() { awk -v path="$1" '$1 == path && $2 ~ /^v[0-9]/ { print $2; exit }' "$cluster_dir/programs/go.mod"; }

# module_source PATH [MODULE]: prints where Go keeps the sources of the dependency PATH of MODULE, which is `programs` when
# absent.
module_source() {
  local folder=$cluster_dir/${2:-programs}
  need_go
  env -C "$folder" GOFLAGS=-mod=readonly GOWORK=off go mod download "$1"
  env -C "$folder" GOFLAGS=-mod=readonly GOWORK=off go list -m -f '{{.Dir}}' "$1"
}

# This folder holds the programs with which a person or a test looks into the cluster. `.cluster/env` puts it first in
# PATH.
bin_dir=$state_dir/bin

link_programs() {
  local name
  mkdir -p "$bin_dir"
  for name in "${host_programs[@]}"; do ln -sf "$(program_path "$name")" "$bin_dir/"; done
}
