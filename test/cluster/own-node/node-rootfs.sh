#!/usr/bin/env bash
# mmdebstrap calls this script with the root of a fresh Debian. The script turns it into what kind expects of a node, but
# for Kubernetes and the images of containers, which node-image.sh adds. It does what images/base/Dockerfile of kind does,
# with kind's own files, except for the differences that are explained here. KIND_FILES is the folder images/base/files of
# kind's module.
set -euo pipefail
root=$1

# `cp` keeps the modes of Go's module cache, where nothing is writable or executable.
cp -r --no-preserve=mode "$KIND_FILES"/{etc,kind,usr} "$root/"
chmod 755 "$root"/kind "$root"/kind/bin "$root"/kind/bin/* "$root"/usr/local/bin/*

# systemd in a container: nothing but containerd and the kubelet.
rm -f "$root"/lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* \
  "$root"/etc/systemd/system/*.wants/* \
  "$root"/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service \
  "$root"/lib/systemd/system/sockets.target.wants/*{udev,initctl}*
echo 'ReadKMsg=no' >>"$root/etc/systemd/journald.conf"
ln -sf /usr/lib/systemd/systemd "$root/sbin/init"
chroot "$root" systemctl enable kubelet.service containerd.service undo-mount-hacks.service
chroot "$root" systemctl mask systemd-binfmt.service
mkdir -p "$root/etc/kubernetes/manifests"

# kind's files expect upstream's places; here are Debian's.
ln -s /usr/bin/containerd /usr/bin/ctr "$root/usr/local/bin/"
mkdir -p "$root/opt/cni"
ln -s /usr/lib/cni "$root/opt/cni/bin"
# Debian's package brings a bridge configuration of its own for CRI in some versions: ours is written when the nodes' ranges are known.
rm -rf "$root"/etc/cni/net.d/*

# Where root lacks CAP_SYS_RESOURCE nobody may lower an OOM score or raise a limit; elsewhere this costs nothing in a test cluster.
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$root/etc/containerd/config.toml"
sed -i -E '/^(OOMScoreAdjust|Limit[A-Z]+)=/d' "$root/etc/systemd/system/containerd.service"
chroot "$root" ctr oci spec |
  jq '.hooks.createContainer += [{path: "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' >"$root/etc/containerd/cri-base.json"

# Not needed on a node, and every MB is copied into each node's volume.
rm -rf "$root"/usr/share/{doc,man,locale,info} "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
