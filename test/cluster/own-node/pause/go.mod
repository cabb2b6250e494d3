module batchupload.dev/test/cluster/pause

go 1.26.0

tool batchupload.dev/test/cluster/pause
