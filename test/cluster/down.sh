#!/usr/bin/env bash
# This script removes everything that up.sh started: services, nodes, kind's network, the own Docker engine and
# .cluster/. The cache stays.
cd "$(dirname "$0")" || exit
. ./lib.sh
for part in programs docker kind services; do . "./$part.sh"; done

take_lock
docker_for_down
step "PostgreSQL and S3" services_down
step "Cluster $cluster_name" cluster_all_down
step "Docker" docker_down
rm -rf "$state_dir"
say "everything is removed; what was built stays in $cache_dir"
