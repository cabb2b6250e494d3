// The S3 server of the local cluster and of the tests: versitygw with its backend for folders alone. Its own command line
// also brings Azure, other S3 servers, an identity service and a test suite, which cost a third of the build.
// Usage as with versitygw's own command line: versitygw [options] posix [--versioning-dir DIR] FOLDER
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

type addresses []string

func (a *addresses) String() string { return strings.Join(*a, ",") }

func (a *addresses) Set(address string) error {
	*a = append(*a, address)
	return nil
}

func main() {
	// The numbers are the defaults of versitygw's own command line.
	config := embedgw.Config{
		RootUserAccess:    os.Getenv("ROOT_ACCESS_KEY"),
		RootUserSecret:    os.Getenv("ROOT_SECRET_KEY"),
		MaxConnections:    250_000,
		MaxRequests:       100_000,
		MultipartMaxParts: 10_000,
	}
	flag.Var((*addresses)(&config.Ports), "port", "listen at `ADDRESS:PORT`; may be given several times")
	flag.StringVar(&config.Region, "region", "us-east-1", "region")
	flag.StringVar(&config.HealthPath, "health", "", "path that answers 200 without a signature")
	flag.BoolVar(&config.Quiet, "quiet", false, "log no requests")
	flag.BoolVar(&config.KeepAlive, "keep-alive", false, "keep connections open")
	flag.StringVar(&config.EventWebhookURL, "event-webhook-url", "", "gets a POST for every event of every bucket")
	flag.Parse()
	options := posix.PosixOpts{Concurrency: 5000, IOBufferSize: 1 << 20, CopyObjectThreshold: 5 << 30}
	options.SetNewDirPerm(0o755)
	options.SetNewFilePerm(0o644)
	backend := flag.NewFlagSet("posix", flag.ExitOnError)
	backend.StringVar(&options.VersioningDir, "versioning-dir", "", "folder for older versions of objects")
	if flag.Arg(0) == "posix" {
		backend.Parse(flag.Args()[1:]) //nolint:errcheck // ExitOnError
	}
	if backend.NArg() != 1 {
		log.Fatal("usage: versitygw [options] posix [--versioning-dir DIR] FOLDER")
	}
	if err := serve(backend.Arg(0), options, &config); err != nil {
		log.Fatal(err)
	}
}

func serve(folder string, options posix.PosixOpts, config *embedgw.Config) error {
	if err := (meta.XattrMeta{}).Test(folder); err != nil {
		return err
	}
	storage, err := posix.New(folder, meta.XattrMeta{}, options)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return embedgw.RunVersityGW(ctx, storage, config)
}
