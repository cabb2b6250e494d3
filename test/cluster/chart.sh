# shellcheck shell=bash
# Helm installs the operator by the chart of this repository, with the services of this machine, for the namespaces that
# the demo and the tests use.

chart_dir=$root_dir/charts/batch-upload
release_namespace=batch-upload-system
# Each namespace with a name after `e2e-` belongs to one test, which forbids pods in it, holds up its database, deletes it,
# or lets Kueue queue its Jobs.
test_namespaces=(e2e e2e-quota e2e-limits e2e-locked e2e-deleted e2e-kueue)

chart_up() {
  [[ -e $chart_dir/Chart.yaml ]] || { say "charts/batch-upload is not there yet: nothing is installed"; return; }
  write_values
  local key
  key=$(hash_of "$state_dir/values.yaml" "$cluster_dir/values.yaml" "$(content_hash "$chart_dir")")
  if [[ $(cat "$state_dir/chart-key" 2>/dev/null) == "$key" ]] && operator_is_available; then
    say "unchanged and available: release batch-upload in $release_namespace"
    return
  fi
  rm -f "$state_dir/chart-key"
  # An interrupted helm leaves a pending release, and helm then refuses every further upgrade.
  kubectl_cmd -n "$release_namespace" delete secrets --ignore-not-found \
    -l 'owner=helm,name=batch-upload,status in (pending-install,pending-upgrade,pending-rollback)' >/dev/null 2>&1 || true
  local namespace
  for namespace in "$release_namespace" "${test_namespaces[@]}"; do
    kubectl_cmd get namespace "$namespace" >/dev/null 2>&1 || kubectl_cmd create namespace "$namespace" >/dev/null
  done
  kubectl_cmd -n "$release_namespace" get secret batch-upload-page >/dev/null 2>&1 ||
    kubectl_cmd -n "$release_namespace" create secret generic batch-upload-page \
      --from-literal=session-key="$(head -c 48 /dev/urandom | base64 -w0)" >/dev/null
  # A test that was stopped may have left a variable of the operator as it had set it.
  helm_cmd upgrade --install batch-upload "$chart_dir" --force-conflicts --namespace "$release_namespace" \
    --values "$cluster_dir/values.yaml" --values "$state_dir/values.yaml" --wait --timeout 120s >"$log_dir/helm.log" 2>&1 || {
    tail -n 20 "$log_dir/helm.log" >&2
    kubectl_cmd -n "$release_namespace" get pods >&2 || true
    kubectl_cmd -n "$release_namespace" logs --all-containers --tail=20 --prefix -l app.kubernetes.io/name=batch-upload >&2 || true
    die "the chart did not install" "all of helm's output: $log_dir/helm.log"
  }
  printf '%s\n' "$key" >"$state_dir/chart-key"
  kubectl_cmd -n "$release_namespace" get deployments --no-headers | awk '{ print "    " $1, $2 }' >&2
}

helm_cmd() { "$bin_dir/helm" --kubeconfig "$kubeconfig" "$@"; }

operator_is_available() {
  kubectl_cmd -n "$release_namespace" wait --for=condition=Available deployments --all --timeout=2s >/dev/null 2>&1
}

# These values belong to this cluster alone; the values that never change are in values.yaml beside this file. Secrets
# are quoted because a hexadecimal secret may look like a number.
write_values() {
  (
    . "$state_dir/services.env"
    cat >"$state_dir/values.yaml" <<EOF
image:
  repository: $image_repository
  tag: "$image_tag"
  pullPolicy: Never
uploads:
  namespaces: [default$(printf ', %s' "${test_namespaces[@]}")]
  # The queue server of a test runs beside the S3 server, on a port of its own.
  allowedEndpoints: ["$(sed -E 's|^https?://([^:/]+).*|\1|' <<<"$POD_S3_ENDPOINT")"]
  database:
    uri: "$POD_DATABASE_URL"
  s3:
    endpoint: "$POD_S3_ENDPOINT"
    region: "$AWS_REGION"
    accessKeyId: "$AWS_ACCESS_KEY_ID"
    secretAccessKey: "$AWS_SECRET_ACCESS_KEY"
gateway:
  # Senders on this machine reach the storage by another address than pods.
  storage: { "*": { bucket: "$S3_BUCKET", publicEndpoint: "$AWS_ENDPOINT_URL_S3" } }
EOF
  )
}
