# shellcheck shell=bash
# PostgreSQL and S3 on this machine, by services.ts; their data and secrets are in the state folder.

services_up() {
  local address
  address=$(host_address)
  say "pods reach this machine at $address"
  STATE_DIR=$state_dir node "$cluster_dir/services.ts" up "$address" "${S3_BUCKET:-batch-upload}" >"$state_dir/services.env.new" 9>&-
  mv "$state_dir/services.env.new" "$state_dir/services.env"
}

services_down() {
  if [[ -e $state_dir/services.json ]]; then STATE_DIR=$state_dir node "$cluster_dir/services.ts" down; fi
}

# `source .cluster/env` is all that tests and people need.
write_env() {
  {
    echo "# Written by make up; gone after make down."
    cat "$state_dir/services.env"
    echo "export KUBECONFIG=$kubeconfig"
    echo "export IMAGE=$image"
    if [[ -n ${DOCKER_HOST:-} ]]; then echo "export DOCKER_HOST=$DOCKER_HOST"; fi
    echo "export PATH=$bin_dir:\$PATH"
  } >"$state_dir/env.new"
  mv "$state_dir/env.new" "$state_dir/env"
}
