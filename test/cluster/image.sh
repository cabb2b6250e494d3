# shellcheck shell=bash
# The product's image is built by the Dockerfile at the top. The tag is the hash of everything in the image: an image
# that did not change is neither built nor loaded again, and a pod never runs an older image under the same name.
# `image_up` sets image and image_tag.

image_repository=batch-upload
upstream_base=node:24-slim

image_up() {
  local context=$cache_dir/context.partial
  base_up
  # The build uses a copy of the sources, so that the hash is that of the built files even while somebody edits.
  rm -rf "$context" && mkdir -p "$context"
  # .dockerignore alone lists what the image may hold.
  (cd "$root_dir" && sed -n 's/^!//p' .dockerignore | xargs cp -r -t "$context" Dockerfile .dockerignore)
  image_tag=$(hash_of "$(docker image inspect "$base" --format '{{.Id}}')" "$(content_hash "$context")")
  image=$image_repository:$image_tag
  if has_image "$image"; then
    say "unchanged: $image"
  else
    logged image docker_build -t "$image" --build-arg "BASE=$base" "${build_network[@]}" "$context"
    say "built $image"
    remove_other_tags "$image_repository" "$image"
  fi
  load_image "$image"
}

content_hash() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum; }

# base_up: sets base, which becomes the Dockerfile's argument BASE, and build_network, which says whether the build may
# use the network.
base_up() {
  base=${BASE_IMAGE:-$upstream_base} build_network=()
  if has_image "$base"; then return; fi
  local ours debian
  debian=batch-upload/debian:$(hash_of "$debian_suite" "$base_packages" "$(declare -f debian_import)")
  ours=batch-upload/base:$(hash_of "$debian" "$root_dir/package-lock.json" "$(node --version)" "$(declare -f base_build)")
  if ! has_image "$ours"; then
    if registry_answers && pull "$base"; then return; fi
    say "building a base image instead: Debian $debian_suite, Node $(node --version) from npm, our dependencies"
    has_image "$debian" || step "Debian for our image" debian_import "$debian"
    step "Base image with our dependencies" base_build "$debian" "$ours"
    remove_other_tags batch-upload/base "$ours"
  fi
  base=$ours build_network=(--network none)
}

base_packages=libstdc++6,ca-certificates,tzdata

debian_import() {
  local tar=$cache_dir/debian.partial.tar
  need_packages "a Debian root file system" mmdebstrap:mmdebstrap
  need_packages "Debian's archive keys" /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
  debian_rootfs "$tar" "$base_packages"
  docker import "$tar" "$1" >/dev/null
  rm "$tar"
}

# The build has no network, so this function puts together what both stages of the Dockerfile need.
base_build() {
  local debian=$1 ours=$2 work=$cache_dir/base.partial
  rm -rf "$work" && mkdir -p "$work"
  cp "$root_dir/package.json" "$root_dir/package-lock.json" "$work/"
  logged base-npm env -C "$work" npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
  # The bundler needs its native program for this machine, which is an optional package.
  cp -r "$root_dir"/node_modules/{rolldown,@rolldown,@oxc-project} "$work/node_modules/"
  cp "$(readlink -f "$(command -v node)")" "$work/node"
  cat >"$work/Dockerfile" <<EOF
FROM $debian
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY node /usr/local/bin/node
COPY node_modules /app/node_modules
COPY package-lock.json /app/installed-lock.json
EOF
  logged base docker_build -t "$ours" "$work"
  rm -rf "$work"
}
