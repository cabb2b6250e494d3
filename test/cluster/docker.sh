# shellcheck shell=bash
# The cluster uses the Docker engine that answers. Where none does, this part starts an own engine, with its own socket
# and pid file under /run and its images in the cache. Nothing of a Docker engine that is installed but not running is
# touched.

docker_run_dir=/run/batch-upload
docker_pid_file=$docker_run_dir/docker.pid
docker_socket=$docker_run_dir/docker.sock

docker_answers() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

# The own engine is Debian's, which has no BuildKit. Every other engine builds with BuildKit.
legacy_builder() { [[ -S $docker_socket && ${DOCKER_HOST:-} == "unix://$docker_socket" ]]; }

own_docker_pid() { live_pid "$docker_pid_file" dockerd; }

# live_pid FILE NAME: prints the process id in FILE if that process lives and has the name NAME. The name is compared
# because Linux uses ids again after a reboot. A zombie, a process that nobody waited for, does not count as alive.
live_pid() {
  local pid name state
  [[ -r $1 ]] && pid=$(<"$1") && [[ -r /proc/$pid/status ]] || return 1
  { read -r _ name && read -r _ && read -r _ state _; } <"/proc/$pid/status"
  [[ $name == "$2"* && $state != Z ]] && printf '%s\n' "$pid"
}

use_own_docker() { export DOCKER_HOST=unix://$docker_socket; }

docker_up() {
  if own_docker_pid >/dev/null; then use_own_docker; fi
  if docker_answers; then
    say "engine $(docker version --format '{{.Server.Version}}')${DOCKER_HOST:+ at $DOCKER_HOST}"
    return
  fi
  if ! is_root || ! is_debian; then
    die "no Docker engine answers" "start yours, or install one: https://docs.docker.com/engine/install/" \
      "on Debian or Ubuntu: sudo apt-get install --no-install-recommends docker.io && sudo systemctl start docker"
  fi
  need_packages "a Docker engine" dockerd:docker.io docker:docker.io iptables:iptables
  start_own_docker
}

start_own_docker() {
  local pid args=(--data-root "$cache_dir/docker" --exec-root "$docker_run_dir/docker" --pidfile "$docker_pid_file"
    --host "unix://$docker_socket" --log-level warn)
  if pid=$(own_docker_pid); then
    say "the own dockerd $pid lives but does not answer: it is killed"
    kill -9 "$pid"
  fi
  # After a kill -9 of dockerd its containerd and its containers live on. The new dockerd finds them through the run
  # folder and ends them, but would wait in vain for a containerd that is a zombie.
  rm -f "$docker_pid_file" "$docker_socket"
  live_pid "$docker_run_dir/docker/containerd/containerd.pid" containerd >/dev/null || rm -f "$docker_run_dir/docker/containerd/containerd.pid"
  mkdir -p "$docker_run_dir" "$cache_dir/docker"
  # dockerd sets the policy of the FORWARD chain to DROP. `make down` sets the policy of before.
  [[ -e $docker_run_dir/forward-policy ]] ||
    { iptables -S FORWARD 2>/dev/null | awk '$1 == "-P" { print $3 }' >"$docker_run_dir/forward-policy"; }
  if ! has_cap_sys_resource; then
    say "this machine lacks CAP_SYS_RESOURCE: containers start through runc-without-resource.sh"
    need_packages "the runc wrapper" jq:jq
    install -m 755 "$cluster_dir/runc-without-resource.sh" "$docker_run_dir/"
    args+=(--add-runtime "without-resource=$docker_run_dir/runc-without-resource.sh" --default-runtime without-resource)
  fi
  setsid dockerd "${args[@]}" >"$log_dir/dockerd.log" 2>&1 </dev/null 9>&- &
  local dockerd=$!
  disown "$dockerd"
  use_own_docker
  for _ in {1..300}; do
    if [[ -S $docker_socket ]] && docker_answers; then
      say "started dockerd $(<"$docker_pid_file"), engine $(docker version --format '{{.Server.Version}}')"
      return
    fi
    kill -0 "$dockerd" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$log_dir/dockerd.log" >&2
  die "dockerd did not start" "its output: $log_dir/dockerd.log"
}

# CAP_SYS_RESOURCE is bit 24 of the bounding set.
has_cap_sys_resource() {
  local bounding
  bounding=$(awk '$1 == "CapBnd:" { print $2 }' /proc/self/status)
  (((16#$bounding >> 24) & 1))
}

# An engine must answer before containers can be removed, and the own engine may have died.
docker_for_down() {
  [[ -d $docker_run_dir ]] || return 0
  use_own_docker
  if ! own_docker_pid >/dev/null || ! docker_answers; then start_own_docker; fi
}

docker_down() {
  local pid
  [[ -d $docker_run_dir ]] || { say "make up did not start the Docker engine: the engine stays"; return; }
  if pid=$(own_docker_pid); then
    kill "$pid"
    for _ in {1..300}; do
      [[ -e /proc/$pid ]] || break
      sleep 0.1
    done
    [[ ! -e /proc/$pid ]] || kill -9 "$pid"
    say "stopped dockerd $pid"
  fi
  unmount_below "$docker_run_dir"
  unmount_below "$cache_dir"
  remove_docker_rules
  find /sys/fs/cgroup -mindepth 2 -depth -type d -path '*/docker*' -exec rmdir {} + 2>/dev/null || true
  rm -rf "$docker_run_dir"
  # dockerd and containerd also make these folders. rmdir leaves the folders of another engine, since these are not
  # empty.
  rmdir /run/docker/plugins /run/docker /run/containerd/s /run/containerd 2>/dev/null || true
}

unmount_below() {
  awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r path; do
    umount "$path" 2>/dev/null || umount -l "$path"
  done
}

# dockerd leaves its bridge and its iptables chains behind when it ends.
remove_docker_rules() {
  local table rule chain
  ip link delete docker0 2>/dev/null || true
  for table in nat filter; do
    iptables -t "$table" -S 2>/dev/null | grep -E '^-A (DOCKER|[A-Z]+ .*-j DOCKER|POSTROUTING .* ! -o docker0|FORWARD .*docker0)' |
      while read -r rule; do eval "iptables -t $table -D ${rule#-A }" 2>/dev/null || true; done
    for chain in $(iptables -t "$table" -S 2>/dev/null | awk '$1 == "-N" && $2 ~ /^DOCKER/ { print $2 }'); do
      iptables -t "$table" -F "$chain"
      iptables -t "$table" -X "$chain" || true
    done
  done
  if [[ -s $docker_run_dir/forward-policy ]]; then iptables -P FORWARD "$(<"$docker_run_dir/forward-policy")" || true; fi
}
