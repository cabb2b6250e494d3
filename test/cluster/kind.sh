# shellcheck shell=bash
# kind makes the cluster, with the image of own-node/node-image.sh. Whether the cluster is healthy is asked from Docker
# and the API server, never from a file alone.

kubeconfig=$state_dir/kubeconfig
pod_range=10.244.0.0/16

kind_cmd() { "$(program_path kind)" "$@"; }
kubectl_cmd() { "$bin_dir/kubectl" --kubeconfig "$kubeconfig" "$@"; }
node_names() { docker ps -a --filter "label=io.x-k8s.kind.cluster=$cluster_name" --format '{{.Names}}' "$@" | sort; }

cluster_up() {
  local key
  write_kind_config
  key=$(hash_of "$node_image" "$state_dir/kind.yaml" "$(declare -f pod_network_up)")
  if cluster_is_healthy && [[ $(cat "$state_dir/cluster-key" 2>/dev/null) == "$key" ]]; then
    say "running: $(node_names | paste -sd' ')"
    return
  fi
  claim_cluster
  cluster_down
  logged kind-create kind_cmd create cluster --name "$cluster_name" --config "$state_dir/kind.yaml" --image "$node_image" \
    --kubeconfig "$kubeconfig.new" --wait 0s --verbosity 3
  copy_kubectl
  mv "$kubeconfig.new" "$kubeconfig"
  if $node_image_is_ours; then pod_network_up; fi
  logged nodes-ready kubectl_cmd wait --for=condition=Ready nodes --all --timeout=120s
  kubectl_cmd get nodes --no-headers | awk '{ print "    " $1, $2, $5 }' >&2
  printf '%s\n' "$key" >"$state_dir/cluster-key"
}

# The cluster's name is one for the whole machine: a second checkout must not take a living cluster away from the first
# checkout. When the first checkout's services no longer run (after a restart of the machine, for example), nothing uses
# its cluster, and the name is free.
claim_cluster() {
  local owner
  owner=$(cat "$cache_dir/cluster-owner" 2>/dev/null || echo "$state_dir")
  if [[ $owner != "$state_dir" && -n $(node_names) ]]; then
    if live_pid "$owner/postgres.pid" postgres >/dev/null || live_pid "$owner/versitygw.pid" versitygw >/dev/null; then
      die "cluster $cluster_name belongs to another checkout: $(dirname "$owner")" "there: make down"
    fi
    say "taking over from $(dirname "$owner"), whose services no longer run"
  fi
  printf '%s\n' "$state_dir" >"$cache_dir/cluster-owner"
}

write_kind_config() {
  mkdir -p "$state_dir"
  {
    cat "$cluster_dir/kind.yaml"
    for ((i = 1; i < ${WORKERS:-1}; i++)); do echo '  - role: worker'; done
    if $node_image_is_ours; then cat "$cluster_dir/own-node/kind.yaml"; fi
  } >"$state_dir/kind.yaml"
}

cluster_is_healthy() {
  [[ -s $kubeconfig && -x $bin_dir/kubectl ]] || return 1
  local nodes
  nodes=$(node_names)
  [[ -n $nodes && $nodes == "$(node_names --filter status=running)" ]] || return 1
  kubectl_cmd get --raw /readyz --request-timeout 5s >/dev/null 2>&1
}

# kubectl is copied out of the node, so that its version always fits the cluster.
copy_kubectl() {
  docker cp --quiet "$cluster_name-control-plane:/usr/bin/kubectl" "$bin_dir/kubectl" 2>/dev/null ||
    docker cp "$cluster_name-control-plane:/usr/bin/kubectl" "$bin_dir/kubectl" >/dev/null
}

# The pods of each node get a range of addresses of their own behind a point-to-point link. All nodes are on one bridge,
# so a route to every other node's range replaces an overlay. Packets that leave the pod range get the node's address,
# as with kind's own CNI.
pod_network_up() {
  local node range gateway others
  others=$(kubectl_cmd get nodes -o jsonpath='{range .items[*]}{.metadata.name} {.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}')
  while read -r node range gateway; do
    docker exec -i "$node" bash -euc "
      while read -r name range gateway; do
        [[ \$name == $node ]] || ip route replace \$range via \$gateway
      done
      iptables -t nat -A POSTROUTING -s $pod_range ! -d $pod_range -j MASQUERADE
      mkdir -p /etc/cni/net.d
      cat >/etc/cni/net.d/.pods <<'JSON'
$(cni_config "$range")
JSON
      mv /etc/cni/net.d/.pods /etc/cni/net.d/10-pods.conflist" <<<"$others"
  done <<<"$others"
}

cni_config() {
  cat <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam",
   "ranges": [[{"subnet": "$1"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
}

# Pods reach this machine at the gateway of kind's network.
host_address() {
  docker network inspect kind --format '{{range .IPAM.Config}}{{.Gateway}}{{"\n"}}{{end}}' | awk '/^[0-9.]+$/ { address = $1 } END { print address; exit !address }'
}

cluster_down() {
  local nodes
  mapfile -t nodes < <(node_names)
  rm -f "$state_dir/cluster-key" "$kubeconfig" "$kubeconfig.new"
  ((${#nodes[@]})) || return 0
  say "removing the nodes ${nodes[*]}"
  docker rm -f -v "${nodes[@]}" >/dev/null
}

# kind does not remove its network. Docker keeps the network if other clusters use it.
cluster_all_down() {
  if docker_answers; then
    cluster_down
    docker network rm kind >/dev/null 2>&1 || true
  else
    say "no Docker engine answers: there is no cluster to remove"
  fi
}
