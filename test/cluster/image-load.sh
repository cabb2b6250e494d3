# shellcheck shell=bash
# This part brings an image onto the workers. The control plane is tainted, so none of the product's pods run there.
# `kind load` sends the whole image to each node (11 s for 300 MB); when the workers have an earlier image, only the
# layers that they lack are sent.

load_image() {
  local image=$1 node missing=()
  for node in $(node_names --filter label=io.x-k8s.kind.role=worker); do
    [[ -n $(node_ctr "$node" images ls -q "name==docker.io/library/$image") ]] || missing+=("$node")
  done
  ((${#missing[@]})) || { say "on every worker"; return; }
  local start=$EPOCHREALTIME work=$cache_dir/load.partial sending=() pid complete=true
  rm -rf "$work" && mkdir -p "$work/saved"
  docker save "$image" | tar -C "$work/saved" -x
  if write_layout "$image" "$work" "${missing[@]}"; then
    for node in "${missing[@]}"; do
      tar -C "$work/layout" -c . | node_ctr "$node" images import --snapshotter overlayfs - >/dev/null &
      sending+=($!)
    done
    for pid in "${sending[@]}"; do wait "$pid" || complete=false; done
    if $complete; then say "sent $(du -sh "$work/layout" | cut -f1) to ${missing[*]} in $(seconds_since "$start") s"; fi
  else
    complete=false
  fi
  if ! $complete; then
    logged image-load kind_cmd load docker-image "$image" --name "$cluster_name" --nodes "$(IFS=, && echo "${missing[*]}")"
    say "loaded by kind in $(seconds_since "$start") s"
  fi
  rm -rf "$work"
}

node_ctr() {
  local node=$1
  shift
  docker exec -i "$node" ctr --namespace k8s.io "$@"
}

# write_layout IMAGE WORK NODE…: turns the output of `docker save` into an OCI layout without the layers that all these
# nodes have. A layer that is not compressed has the digest that the image's configuration names. The function fails
# where an engine saves compressed layers or where jq is missing, and `kind load` then loads the image.
write_layout() {
  command -v jq >/dev/null || return 1
  local image=$1 work=$2 saved=$2/saved blobs=$2/layout/blobs/sha256 config i size digest manifest
  shift 2
  local layers diff_ids known descriptors=()
  config=$saved/$(jq -r '.[0].Config' "$saved/manifest.json")
  mapfile -t layers < <(jq -r '.[0].Layers[]' "$saved/manifest.json")
  mapfile -t diff_ids < <(jq -r '.rootfs.diff_ids[]' "$config")
  known=$(for node; do node_ctr "$node" content ls -q; done | sort | uniq -c | awk -v n=$# '$1 == n { print $2 }')
  mkdir -p "$blobs"
  for i in "${!layers[@]}"; do
    digest=${diff_ids[i]}
    case ${layers[i]} in */layer.tar | "blobs/sha256/${digest#sha256:}") ;; *) return 1 ;; esac
    size=$(stat -Lc %s "$saved/${layers[i]}")
    descriptors+=("{\"mediaType\": \"application/vnd.oci.image.layer.v1.tar\", \"digest\": \"$digest\", \"size\": $size}")
    grep -qxF "$digest" <<<"$known" || ln -f "$(readlink -f "$saved/${layers[i]}")" "$blobs/${digest#sha256:}"
  done
  cp "$config" "$work/config.json"
  manifest=$(jq -cn --arg config "$(put_blob "$work/config.json" "$blobs")" --argjson size "$(stat -c %s "$work/config.json")" \
    --argjson layers "$(printf '%s\n' "${descriptors[@]}" | jq -s .)" '{schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $size}, layers: $layers}')
  printf '%s' "$manifest" >"$work/manifest.json"
  jq -cn --arg digest "$(put_blob "$work/manifest.json" "$blobs")" --argjson size "$(stat -c %s "$work/manifest.json")" \
    --arg name "docker.io/library/$image" '{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: $digest, size: $size, annotations: {"io.containerd.image.name": $name}}]}' >"$work/layout/index.json"
  printf '{"imageLayoutVersion": "1.0.0"}' >"$work/layout/oci-layout"
}

put_blob() {
  local sum
  sum=$(sha256sum <"$1" | cut -d' ' -f1)
  cp "$1" "$2/$sum"
  printf 'sha256:%s' "$sum"
}
