#!/usr/bin/env bash
# This script makes a cluster, PostgreSQL, S3, the product's image and the release of the chart, and writes
# .cluster/env. A second run keeps everything that is there and right. README.md beside this file explains each step.
# Variables: WORKERS (1), S3_BUCKET (batch-upload), NODE_IMAGE, BASE_IMAGE, NO_PULL (ask no registry),
# BATCH_UPLOAD_CACHE.
cd "$(dirname "$0")" || exit
. ./lib.sh
for part in programs docker images own-node/node-image kind services image image-load chart plan; do . "./$part.sh"; done

# This function finds out what is missing, and pulls what can be pulled.
choose() {
  node_image_choose
  base_choose
  debian_is_missing=false
  programs=("${host_programs[@]}")
  if $node_image_is_missing; then programs+=("${node_programs[@]}"); fi
  if $node_image_is_missing || $base_is_missing; then
    has_image "$debian_image" || debian_is_missing=true
    need_packages "a Debian root file system" mmdebstrap:mmdebstrap jq:jq
    need_packages "Debian's archive keys" /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
  fi
  show_plan
}

# These images need no program of Go, so they are made while Go compiles.
make_images() {
  if $debian_is_missing; then step "Debian for images" timed debian debian_import; fi
  if $node_image_is_missing; then step "Root file system of the nodes" timed node-root node_rootfs "$node_root"; fi
  if $base_is_missing; then step "Base of our image" timed base base_build; fi
  step "Image of the operator and the job runner" timed image image_build
}

started=$EPOCHREALTIME node_root=$cache_dir/node.partial.tar
take_lock
mkdir -p "$state_dir"
step "Docker" docker_up
step "What is missing" choose
beside images make_images
step "Programs" timed "$(programs_key)" programs_up "${programs[@]}"
link_programs
wait_for images
image_chosen
if $node_image_is_missing; then step "Node image $node_image" timed node-image node_image_build "$node_root"; fi
step "Cluster $cluster_name" timed cluster cluster_up
step "PostgreSQL and S3 on this machine" services_up
step "Our image on the workers" load_image "$image"
write_env
step "Chart" timed chart chart_up
say "the cluster is up after $(seconds_since "$started") s; to use it: source .cluster/env"
