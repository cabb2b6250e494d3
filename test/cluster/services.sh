# shellcheck shell=bash
# services.ts starts PostgreSQL and S3 on this machine. Their data and secrets are in the state folder.

services_up() {
  local address
  address=$(host_address)
  say "pods reach this machine at $address"
  STATE_DIR=$state_dir node "$cluster_dir/services.ts" "$address" "${S3_BUCKET:-batch-upload}" >"$state_dir/services.env.new" 9>&-
  mv "$state_dir/services.env.new" "$state_dir/services.env"
}

# The services are stopped without Node, because node_modules with its Node may be deleted already. SIGINT is
# PostgreSQL's fast shutdown, which does not wait for open sessions.
services_down() {
  stop_service postgres INT
  stop_service versitygw TERM
}

stop_service() {
  local pid
  pid=$(live_pid "$state_dir/$1.pid" "$1") || return 0
  kill -s "$2" "$pid"
  for _ in {1..200}; do
    live_pid "$state_dir/$1.pid" "$1" >/dev/null || break
    sleep 0.1
  done
  ! live_pid "$state_dir/$1.pid" "$1" >/dev/null || kill -KILL "$pid"
  say "stopped $1 $pid"
}

# Tests and people need nothing but `source .cluster/env`.
write_env() {
  {
    echo "# make up writes this file, and make down removes it."
    cat "$state_dir/services.env"
    echo "export KUBECONFIG=$kubeconfig"
    echo "export IMAGE=$image"
    if [[ -n ${DOCKER_HOST:-} ]]; then echo "export DOCKER_HOST=$DOCKER_HOST"; fi
    echo "export PATH=$bin_dir:\$PATH"
  } >"$state_dir/env.new"
  mv "$state_dir/env.new" "$state_dir/env"
}
