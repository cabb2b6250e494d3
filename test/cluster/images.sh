# shellcheck shell=bash
# The node image and the product's image are made with these functions: they ask for an image, pull one, build one, and
# make a minimal Debian where nothing can be pulled.

debian_suite=bookworm

# One Debian is below the product's image and below kube-proxy's: Node needs the first three packages, kube-proxy the
# others.
debian_packages=libstdc++6,ca-certificates,tzdata,iptables,nftables,conntrack

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# A pull from a registry that cannot be reached may hang for minutes, so the registry is asked with a short limit first,
# once. Every HTTP status counts as an answer.
registry_answers() {
  [[ -z ${registry_state:-} ]] || return "$registry_state"
  registry_state=1
  [[ -z ${NO_PULL:-} ]] || { say "NO_PULL is set: nothing is pulled"; return 1; }
  NODE_USE_ENV_PROXY=1 node -e 'fetch("https://registry-1.docker.io/v2/", {signal: AbortSignal.timeout(4000)}).then(() => 0, () => process.exit(1))' && registry_state=0 && return
  say "registry-1.docker.io does not answer within 4 s: nothing can be pulled"
  return 1
}

pull() {
  say "pulling $1"
  timeout 900 docker pull --quiet "$1" >/dev/null || { say "pulling $1 failed"; return 1; }
}

docker_build() {
  if legacy_builder; then
    DOCKER_BUILDKIT=0 docker build "$@"
  else
    docker build "$@"
  fi
}

remove_other_tags() {
  docker image ls --format '{{.Repository}}:{{.Tag}}' "$1" | grep -vxF "$2" | xargs -r docker rmi >/dev/null 2>&1 || true
}

# debian_rootfs TAR PACKAGES [HOOK]: writes a minimal Debian as a tarball. HOOK is a command that gets the root folder
# as its argument.
debian_rootfs() {
  local args=(--variant=minbase --include="$2")
  args+=(--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*')
  [[ -z ${3:-} ]] || args+=(--customize-hook="$3 \"\$1\"")
  logged "rootfs-$(basename "$1" .tar)" mmdebstrap "${args[@]}" "$debian_suite" "$1"
}

debian_image=batch-upload/debian:$(hash_of "$debian_suite" "$debian_packages" "$(declare -f debian_import)")

debian_import() {
  local tar=$cache_dir/debian.partial.tar
  debian_rootfs "$tar" "$debian_packages"
  docker import "$tar" "$debian_image" >/dev/null
  rm "$tar"
  remove_other_tags batch-upload/debian "$debian_image"
}
