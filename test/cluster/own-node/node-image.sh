# shellcheck shell=bash
# The image of the cluster's nodes is kind's own where it can be pulled. Elsewhere it is built here, from Go modules and
# from Debian packages. `node_image_choose` sets node_image, node_image_is_ours and node_image_is_missing; kind.sh adds
# the settings of kind.yaml for an own image.

own_node_dir=$cluster_dir/own-node

# The minor version is that of programs/go.mod, and the digest is that of kind's release notes.
upstream_node_image=${NODE_IMAGE:-kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5}
node_packages=systemd,systemd-sysv,dbus,containerd,runc,containernetworking-plugins,conntrack,iptables,nftables,iproute2,ethtool
node_packages+=,util-linux,mount,kmod,procps,hostname,socat,ca-certificates,curl,jq

node_image_choose() {
  node_image=$upstream_node_image node_image_is_ours=false node_image_is_missing=false
  if has_image "$node_image"; then
    say "nodes: kind's own image, pulled before"
    return
  fi
  local ours
  ours=batch-upload/node:$(node_image_key)
  if has_image "$ours"; then
    say "nodes: an image that was built before because no registry answered: $ours"
  else
    if registry_answers && pull "$node_image"; then return; fi
    say "nodes: an image that is built now"
    node_image_is_missing=true
  fi
  node_image=$ours node_image_is_ours=true
}

node_image_key() {
  local name inputs=("$debian_suite" "$node_packages" "$debian_image" "$own_node_dir/node-rootfs.sh")
  inputs+=("$(declare -f node_rootfs control_plane_images import_node)")
  for name in "${node_programs[@]}"; do inputs+=("$(basename "$(dirname "$(program_path "$name")")")"); done
  hash_of "${inputs[@]}"
}

# node_rootfs TAR: writes a node without Kubernetes and without the control plane's images. It needs no program of ours,
# and so is made while these are compiled.
node_rootfs() {
  local kind
  kind=$(module_source sigs.k8s.io/kind)
  debian_rootfs "$1" "$node_packages" "KIND_FILES=$kind/images/base/files $own_node_dir/node-rootfs.sh"
}

# node_image_build TAR: TAR is what node_rootfs made.
node_image_build() {
  local work=$cache_dir/node-image.partial version
  rm -rf "$work" && mkdir -p "$work/node"
  version=$(module_version k8s.io/kubernetes)
  cp "$(program_path kubernetes)" "$work/node/kubernetes"
  (exec -a kubeadm "$work/node/kubernetes" config images list --kubernetes-version "$version") >"$work/images"
  printf '%s' "$version" >"$work/node/version"
  grep /pause: "$work/images" >"$work/node/pause-image"
  control_plane_images "$work"
  import_node "$work" "$1" "$node_image"
  rm -rf "$work" "$1"
  remove_other_tags batch-upload/node "$node_image"
}

# The images that kubeadm asks for are saved into one archive. The four programs of Kubernetes are one image with four
# names, in which links lead to the one program. Its base is Debian because kube-proxy needs iptables. The other images
# are `FROM scratch` with one static program each.
control_plane_images() {
  local work=$1 image name images
  mapfile -t images <"$work/images"
  mkdir -p "$work/kubernetes/bin"
  cp "$work/node/kubernetes" "$work/kubernetes/bin/"
  for name in apiserver controller-manager scheduler proxy; do ln -s kubernetes "$work/kubernetes/bin/kube-$name"; done
  printf 'FROM %s\nCOPY bin /usr/local/bin/\n' "$debian_image" >"$work/kubernetes/Dockerfile"
  logged image-kubernetes docker_build -t batch-upload/kubernetes "$work/kubernetes"
  for image in "${images[@]}"; do
    name=${image##*/} name=${name%%:*}
    if [[ $name == kube-* ]]; then
      docker tag batch-upload/kubernetes "$image"
    else
      mkdir -p "$work/$name"
      cp "$(program_path "$name")" "$work/$name/"
      printf 'FROM scratch\nCOPY %s /usr/local/bin/\nENTRYPOINT ["/usr/local/bin/%s"]\n' "$name" "$name" >"$work/$name/Dockerfile"
      logged "image-$name" docker_build -t "$image" "$work/$name"
    fi
  done
  docker save "${images[@]}" -o "$work/images.tar"
  docker rmi "${images[@]}" batch-upload/kubernetes >/dev/null
}

# Kubernetes and the control plane's images are brought into the node in a container that is then committed, as kind's
# own build does. Hard links, since `docker cp` of a symbolic link copies the link.
import_node() {
  local work=$1 tar=$2 image=$3 name=batch-upload-node-build
  docker rm -f "$name" >/dev/null 2>&1 || true
  docker import --change 'ENV container=docker' "$tar" batch-upload/node-base >/dev/null
  # kind stops a node by systemd's own signal. `docker commit` keeps the stop signal of the container.
  docker run -d --name "$name" --privileged --network none --stop-signal SIGRTMIN+3 --entrypoint sleep \
    --volume "$work/images.tar:/images.tar:ro" --volume "$work/node:/node:ro" batch-upload/node-base infinity >/dev/null
  logged node-import docker exec "$name" bash -euc '
    install -m 755 /node/kubernetes /usr/bin/kubelet
    ln /usr/bin/kubelet /usr/bin/kubeadm
    ln /usr/bin/kubelet /usr/bin/kubectl
    cp /node/version /kind/version
    sed -i "s#sandbox_image = .*#sandbox_image = \"$(cat /node/pause-image)\"#" /etc/containerd/config.toml
    containerd >/containerd.log 2>&1 & pid=$!
    for i in $(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
    ctr -n k8s.io images import --no-unpack /images.tar
    ctr -n k8s.io images ls -q
    kill $pid; wait $pid || true; rm /containerd.log'
  docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' --change 'CMD []' "$name" "$image" >/dev/null
  docker rm -f "$name" >/dev/null
}
