# shellcheck shell=bash
# The image of the cluster's nodes is kind's own where it can be pulled. Elsewhere it is built here, from the Go modules
# beside this file and from Debian packages. `node_image_up` sets node_image and node_image_is_ours; kind.sh adds the
# settings of kind.yaml for an own image.

own_node_dir=$cluster_dir/own-node

# The minor version is that of kubernetes/go.mod, and the digest is that of kind's release notes.
upstream_node_image=${NODE_IMAGE:-kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5}
node_packages=systemd,systemd-sysv,dbus,containerd,runc,containernetworking-plugins,conntrack,iptables,nftables,iproute2,ethtool
node_packages+=,util-linux,mount,kmod,procps,hostname,socat,ca-certificates,curl,jq
kube_proxy_packages=iptables,nftables,conntrack

node_image_up() {
  node_image=$upstream_node_image node_image_is_ours=false
  if has_image "$node_image"; then
    say "kind's own image, pulled before: $node_image"
    return
  fi
  local ours
  ours=batch-upload/node:$(node_image_key)
  if ! has_image "$ours"; then
    if registry_answers && pull "$node_image"; then return; fi
    say "building a node image instead: Kubernetes from its Go modules, the rest from Debian $debian_suite"
    node_image_build "$ours"
  else
    say "own node image, built before because no registry answered: $ours"
  fi
  node_image=$ours node_image_is_ours=true
}

node_image_key() {
  local module inputs=("$debian_suite" "$node_packages" "$kube_proxy_packages" "$own_node_dir/node-rootfs.sh")
  inputs+=("$(declare -f control_plane_images debian_rootfs import_node)")
  for module in kubernetes etcd coredns pause; do
    inputs+=("$(go_key "$module")")
  done
  hash_of "${inputs[@]}"
}

node_image_build() {
  local image=$1 work kubernetes version pause_image kind_files
  work=$cache_dir/node-image.partial
  rm -rf "$work" && mkdir -p "$work"
  need_packages "a Debian root file system" mmdebstrap:mmdebstrap jq:jq
  need_packages "Debian's archive keys" /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
  kubernetes=$(go_bin kubernetes)
  version=$(module_version kubernetes k8s.io/kubernetes)
  "$kubernetes/kubeadm" config images list --kubernetes-version "$version" >"$work/images"
  pause_image=$(grep /pause: "$work/images")
  kind_files=$(go_module_dir tools sigs.k8s.io/kind)/images/base/files

  step "Control plane images" control_plane_images "$work" "$kubernetes"
  step "Node root file system" debian_rootfs "$work/node.tar" "$node_packages" \
    "KIND_FILES=$kind_files KUBERNETES_BIN=$kubernetes KUBERNETES_VERSION=$version PAUSE_IMAGE=$pause_image $own_node_dir/node-rootfs.sh"
  step "Node image $image" import_node "$work" "$image"
  rm -rf "$work"
  remove_other_tags batch-upload/node "$image"
}

# The images that kubeadm asks for are saved into one archive. Each is `FROM scratch` with one static program, except
# kube-proxy, which needs iptables.
control_plane_images() {
  local work=$1 kubernetes=$2 image name base=scratch program entrypoint images
  debian_rootfs "$work/kube-proxy.tar" "$kube_proxy_packages"
  docker import "$work/kube-proxy.tar" batch-upload/kube-proxy-base >/dev/null
  mapfile -t images <"$work/images"
  for image in "${images[@]}"; do
    name=${image##*/} name=${name%%:*} base=scratch
    program=/usr/local/bin/$name entrypoint=$program
    mkdir -p "$work/image/$name"
    case $name in
      kube-proxy) base=batch-upload/kube-proxy-base && cp "$kubernetes/$name" "$work/image/$name/" ;;
      kube-*) cp "$kubernetes/$name" "$work/image/$name/" ;;
      *) cp "$(go_bin "$name")/$name" "$work/image/$name/" ;;
    esac
    printf 'FROM %s\nCOPY %s %s\nENTRYPOINT ["%s"]\n' "$base" "$name" "$program" "$entrypoint" >"$work/image/$name/Dockerfile"
    logged "image-$name" docker_build -t "$image" "$work/image/$name"
  done
  docker save "${images[@]}" -o "$work/images.tar"
  docker rmi "${images[@]}" batch-upload/kube-proxy-base >/dev/null
  rm -rf "$work/image"
}

# The control plane's images are imported into the node's containerd in a container that is then committed, as kind's
# own build does.
import_node() {
  local work=$1 image=$2 name=batch-upload-node-build
  docker rm -f "$name" >/dev/null 2>&1 || true
  docker import --change 'ENV container=docker' "$work/node.tar" batch-upload/node-base >/dev/null
  # kind stops a node by systemd's own signal. `docker commit` keeps the stop signal of the container.
  docker run -d --name "$name" --privileged --network none --stop-signal SIGRTMIN+3 --entrypoint sleep \
    --volume "$work/images.tar:/images.tar:ro" batch-upload/node-base infinity >/dev/null
  logged node-import docker exec "$name" bash -euc '
    containerd >/containerd.log 2>&1 & pid=$!
    for i in $(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
    ctr -n k8s.io images import --no-unpack /images.tar
    ctr -n k8s.io images ls -q
    kill $pid; wait $pid || true; rm /containerd.log'
  docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' --change 'CMD []' "$name" "$image" >/dev/null
  docker rm -f "$name" >/dev/null
}
