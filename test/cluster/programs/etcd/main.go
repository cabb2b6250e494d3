// The etcd server of our node image, where kindest/node cannot be pulled: kubeadm 1.36 wants at least 3.6, Debian has 3.4.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
