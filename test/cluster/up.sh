#!/usr/bin/env bash
# This script makes a cluster, PostgreSQL, S3, the product's image and the release of the chart, and writes
# .cluster/env. A second run keeps everything that is there and right. README.md beside this file explains each step.
# Variables: WORKERS (1), S3_BUCKET (batch-upload), NODE_IMAGE, BASE_IMAGE, NO_PULL (ask no registry),
# BATCH_UPLOAD_CACHE.
cd "$(dirname "$0")" || exit
. ./lib.sh
for part in tools docker images own-node/node-image kind services image image-load chart; do . "./$part.sh"; done

started=$EPOCHREALTIME
take_lock
step "Docker" docker_up
step "Tools (kind, helm, versitygw)" tools_up
step "Node image" node_image_up
step "Cluster $cluster_name" cluster_up
step "PostgreSQL and S3 on this machine" services_up
step "Image of the operator and the job runner" image_up
write_env
step "Chart" chart_up
say "the cluster is up after $(seconds_since "$started") s; to use it: source .cluster/env"
