#!/usr/bin/env bash
# A cluster, PostgreSQL, S3, our image and the chart, from nothing; writes .cluster/env. Can be repeated: what is there and right stays.
# Variables: WORKERS (1), S3_BUCKET (batch-upload), NODE_IMAGE, BASE_IMAGE, NO_PULL (ask no registry), BATCH_UPLOAD_CACHE.
cd "$(dirname "$0")" || exit
. ./lib.sh
for part in tools docker node-image kind services image image-load chart; do . "./$part.sh"; done

started=$EPOCHREALTIME
take_lock
step "Docker" docker_up
step "Tools (kind, helm, versitygw)" tools_up
step "Node image" node_image_up
step "Cluster $cluster_name" cluster_up
step "PostgreSQL and S3 on this machine" services_up
step "Our image" image_up
write_env
step "Chart" chart_up
say "up in $(seconds_since "$started") s; to use it: source .cluster/env"
