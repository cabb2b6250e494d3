#!/usr/bin/env bash
# Removes everything that up.sh started: services, nodes, kind's network, a Docker engine of ours, .cluster/. The cache stays.
cd "$(dirname "$0")" || exit
. ./lib.sh
for part in tools docker kind services; do . "./$part.sh"; done

take_lock
docker_for_down
step "PostgreSQL and S3" services_down
step "Cluster $cluster_name" cluster_all_down
step "Docker" docker_down
rm -rf "$state_dir"
say "all gone; what was built stays in $cache_dir"
