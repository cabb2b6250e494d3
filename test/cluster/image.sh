# shellcheck shell=bash
# The product's image is built by the Dockerfile at the top. The tag is the hash of everything in the image: an image
# that did not change is neither built nor loaded again, and a pod never runs an older image under the same name.

image_repository=batch-upload
upstream_base=node:24-slim

# image_build: builds the image unless it is there, and leaves its tag for image_chosen.
image_build() {
  local context=$cache_dir/context.partial image
  # The build uses a copy of the sources, so that the hash is that of the built files even while somebody edits.
  rm -rf "$context" && mkdir -p "$context"
  # .dockerignore alone lists what the image may hold.
  (cd "$root_dir" && sed -n 's/^!//p' .dockerignore | xargs cp -r -t "$context" Dockerfile .dockerignore)
  rm -rf "$context/page/dist"
  image=$image_repository:$(hash_of "$(docker image inspect "$base" --format '{{.Id}}')" "$(content_hash "$context")")
  if has_image "$image"; then
    say "unchanged: $image"
  else
    # The page is built here, where its tools are installed. What it becomes is said by the sources, which the hash covers.
    logged page "$root_dir/node_modules/.bin/vite" build "$root_dir/page" --outDir "$context/page/dist" --emptyOutDir
    logged image docker_build -t "$image" --build-arg "BASE=$base" --build-arg PAGE=built "${build_network[@]}" "$context"
    say "built $image"
    remove_other_tags "$image_repository" "$image"
  fi
  printf '%s\n' "$image" >"$state_dir/image"
}

# image_chosen: sets image and image_tag. The image was built in another process, beside this one.
image_chosen() {
  image=$(<"$state_dir/image")
  image_tag=${image##*:}
}

content_hash() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum; }

# base_choose: sets base, which becomes the Dockerfile's argument BASE, base_is_missing, and build_network, which says
# whether the build may use the network.
base_choose() {
  base=${BASE_IMAGE:-$upstream_base} base_is_missing=false build_network=()
  if has_image "$base"; then return; fi
  local ours
  ours=batch-upload/base:$(hash_of "$debian_image" "$root_dir/package-lock.json" "$(node --version)" "$(declare -f base_build)")
  if ! has_image "$ours"; then
    if registry_answers && pull "$base"; then return; fi
    say "our image: its base is built now, of Debian $debian_suite, Node $(node --version) from npm, and our dependencies"
    base_is_missing=true
  fi
  base=$ours build_network=(--network none)
}

# The build has no network, so this function puts together what both stages of the Dockerfile need.
base_build() {
  local work=$cache_dir/base.partial
  rm -rf "$work" && mkdir -p "$work"
  cp "$root_dir/package.json" "$root_dir/package-lock.json" "$work/"
  logged base-npm env -C "$work" npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
  # The bundler needs its native program for this machine, which is an optional package.
  cp -r "$root_dir"/node_modules/{rolldown,@rolldown,@oxc-project} "$work/node_modules/"
  cp "$(readlink -f "$(command -v node)")" "$work/node"
  cat >"$work/Dockerfile" <<EOF
FROM $debian_image
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY node /usr/local/bin/node
COPY node_modules /app/node_modules
COPY package-lock.json /app/installed-lock.json
EOF
  logged base docker_build -t "$base" "$work"
  rm -rf "$work"
  remove_other_tags batch-upload/base "$base"
}
