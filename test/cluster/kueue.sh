#!/usr/bin/env bash
# This script installs Kueue on the running cluster, for the tests that queue Jobs. `make up` leaves Kueue out, because its
# build takes minutes. Kueue's manager, chart and CRDs come from the Go module kueue/; a second run keeps what is there.
cd "$(dirname "$0")" || exit
. ./lib.sh
for part in programs docker images kind image-load chart; do . "./$part.sh"; done

kueue_namespace=kueue-system

# Kueue's manager is a static program, so that its image needs nothing else. The chart asks for a user that is not root.
kueue_image_build() {
  local dockerfile work=$cache_dir/kueue.partial
  dockerfile=$'FROM scratch\nCOPY kueue /manager\nUSER 65532:65532\nENTRYPOINT ["/manager"]'
  kueue_image=batch-upload-kueue:$(hash_of "$(program_path kueue)" "$dockerfile")
  if has_image "$kueue_image"; then
    say "unchanged: $kueue_image"
    return
  fi
  rm -rf "$work" && mkdir -p "$work"
  cp "$(program_path kueue)" "$work/"
  printf '%s\n' "$dockerfile" >"$work/Dockerfile"
  logged kueue-image docker_build -t "$kueue_image" "$work"
  rm -rf "$work"
  remove_other_tags batch-upload-kueue "$kueue_image"
}

# The chart is rendered and applied without its visibility server: while an aggregated API does not answer, Kubernetes deletes
# no namespace, and other tests delete some.
kueue_install() {
  local source manifests=$cache_dir/kueue.yaml.partial key
  source=$(module_source sigs.k8s.io/kueue kueue)
  key=$(hash_of "$kueue_image" "$cluster_dir/kueue/values.yaml" "$(declare -f kueue_install)" "$(cat "$state_dir/cluster-key")")
  if [[ $(cat "$state_dir/kueue-key" 2>/dev/null) == "$key" ]] && kueue_is_available 2; then
    say "unchanged and available in $kueue_namespace"
    return
  fi
  rm -f "$state_dir/kueue-key"
  kubectl_cmd get namespace "$kueue_namespace" >/dev/null 2>&1 || kubectl_cmd create namespace "$kueue_namespace" >/dev/null
  helm_cmd template kueue "$source/charts/kueue" --namespace "$kueue_namespace" --values "$cluster_dir/kueue/values.yaml" \
    --set "controllerManager.manager.image.repository=${kueue_image%:*}" \
    --set "controllerManager.manager.image.tag=${kueue_image##*:}" \
    --set controllerManager.manager.image.pullPolicy=Never >"$manifests"
  logged kueue-apply kubectl_cmd apply --server-side --force-conflicts \
    --selector 'app.kubernetes.io/component!=visibility-service' -f "$manifests"
  rm -f "$manifests"
  kueue_is_available 120 || {
    kubectl_cmd -n "$kueue_namespace" get pods >&2 || true
    kubectl_cmd -n "$kueue_namespace" logs deployment/kueue-controller-manager --tail=20 >&2 || true
    die "Kueue did not become available"
  }
  printf '%s\n' "$key" >"$state_dir/kueue-key"
}

# kueue_is_available SECONDS: waits for the manager, which is ready when its webhooks answer.
kueue_is_available() {
  kubectl_cmd -n "$kueue_namespace" rollout status deployment/kueue-controller-manager --timeout="$1s" >/dev/null 2>&1
}

take_lock
docker_up
[[ -e $state_dir/env ]] && cluster_is_healthy || die "there is no running cluster" "make up"
step "Kueue's manager" programs_up kueue
step "Image of Kueue" kueue_image_build
step "Kueue's image on the workers" load_image "$kueue_image"
step "Kueue" kueue_install
