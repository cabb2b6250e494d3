// Toxiproxy's server for tests that break the connections of the job runner, steered by its HTTP API on the one address it is given.
// A module of its own: the programs of `make up` need not be built again for it.
package main

import (
	"os"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/collectors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

func main() {
	log := zerolog.New(os.Stdout).With().Timestamp().Logger()
	metrics := toxiproxy.NewMetricsContainer(prometheus.NewRegistry())
	metrics.ProxyMetrics = collectors.NewProxyMetricCollectors()
	if err := toxiproxy.NewServer(metrics, log).Listen(os.Args[1]); err != nil {
		log.Fatal().Err(err).Msg("the server has ended")
	}
}
