{{- define "batch-upload.labels" -}}
{{ include "batch-upload.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "batch-upload.selector" -}}
app.kubernetes.io/name: batch-upload
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "batch-upload.operator" -}}{{ .Release.Name }}-operator{{- end }}

{{- define "batch-upload.image" -}}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end }}


{{- define "batch-upload.bridge" -}}{{ .Release.Name }}-bridge{{- end }}

{{- define "batch-upload.bridge-labels" -}}
{{ include "batch-upload.bridge-selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The bridge has a name of its own: the operator's selectors cannot be changed and would select the bridge's pods. */}}
{{- define "batch-upload.bridge-selector" -}}
app.kubernetes.io/name: batch-upload-bridge
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "batch-upload.gateway" -}}{{ .Release.Name }}-gateway{{- end }}

{{- define "batch-upload.gateway-labels" -}}
{{ include "batch-upload.gateway-selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "batch-upload.gateway-selector" -}}
app.kubernetes.io/name: batch-upload-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Fails when the gateway's values contradict each other, or would send tokens over the network in clear by accident. */}}
{{- define "batch-upload.check-gateway" -}}
{{- $gateway := .Values.gateway }}
{{- $tls := $gateway.tls }}
{{- if and $tls.secretName $tls.plainHttp }}
{{- fail "gateway.tls has secretName and plainHttp: true, of which only one can hold: remove plainHttp to serve HTTPS, or secretName to serve HTTP" }}
{{- end }}
{{- if not (or $tls.secretName $tls.plainHttp) }}
{{- fail "gateway.tls.secretName is needed: senders prove who they are by tokens, which nobody else may read on their way. Name a Secret of type kubernetes.io/tls, or set gateway.tls.plainHttp to true when an Ingress or a mesh in front of the gateway ends TLS" }}
{{- end }}
{{- range $namespace, $_ := $gateway.storage }}
{{- if not (or (eq $namespace "*") (has $namespace $.Values.uploads.namespaces)) }}
{{- fail (printf "gateway.storage names %s, which is not in uploads.namespaces: add it there, or remove it here" $namespace) }}
{{- end }}
{{- end }}
{{- if and $gateway.oidc.issuer (not $gateway.oidc.audience) }}
{{- fail "gateway.oidc.audience is needed: without it a token that the identity provider made for another program would be accepted" }}
{{- end }}
{{- if and $gateway.oidc.audience (not $gateway.oidc.issuer) }}
{{- fail "gateway.oidc.issuer is needed: it is the URL of the identity provider whose tokens have the audience" }}
{{- end }}
{{- $page := $gateway.page | default dict }}
{{- if $page.enabled }}
{{- range $name := list "origin" "clientId" "secretName" }}
{{- if not (index $page $name) }}
{{- fail (printf "gateway.page.%s is needed, since gateway.page.enabled is true: docs/how-to/gateway-page.md says what each of these values is" $name) }}
{{- end }}
{{- end }}
{{- if not $gateway.oidc.issuer }}
{{- fail "gateway.oidc.issuer is needed, since gateway.page.enabled is true: people sign in there" }}
{{- end }}
{{- end }}
{{- if and (.Values.networkPolicy).enabled $gateway.oidc.issuer }}
{{- $port := regexReplaceAll "^https://[^/]*?(:([0-9]+))?(/.*)?$" $gateway.oidc.issuer "${2}" | default 443 | int }}
{{- $has := false }}
{{- range .Values.networkPolicy.identityProvider.ports }}{{ if eq (int .) $port }}{{ $has = true }}{{ end }}{{ end }}
{{- if not $has }}
{{- fail (printf "networkPolicy.identityProvider.ports lacks %d, the port of gateway.oidc.issuer: add it, or the policy would cut the gateway off from the identity provider" $port) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The annotations of an object that exists only at the end of an uninstall; the argument is its place in the order. */}}
{{- define "batch-upload.uninstall-hook" -}}
helm.sh/hook: post-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* The rule for the name server, which every pod asks. */}}
{{- define "batch-upload.egress-dns" -}}
- ports:
    - { protocol: UDP, port: 53 }
    - { protocol: TCP, port: 53 }
{{- end }}

{{- /* A rule to the servers of one kind, a dict of `to` and `ports`. Without `to` these are all servers but the machine's
own addresses and those under which clouds serve credentials of machines. Some networks, such as Cilium, match pods of the
cluster only by labels and never by their addresses. */}}
{{- define "batch-upload.egress" -}}
- to:
    {{- if .to }}
    {{- toYaml .to | nindent 4 }}
    {{- else }}
    - ipBlock: { cidr: 0.0.0.0/0, except: [127.0.0.0/8, 169.254.0.0/16, 100.100.100.200/32] }
    - ipBlock: { cidr: "::/0", except: ["::1/128", "fe80::/10", "fd00:ec2::/32"] }
    - namespaceSelector: {}
    {{- end }}
  ports:
    {{- range .ports }}
    - { protocol: TCP, port: {{ . | int }} }
    {{- end }}
{{- end }}

{{- /* What a namespace has of its own, a dict of `root`, `namespace` and `kind` (database or s3). A namespace that has its
own block inherits nothing of it: the keys of all would otherwise be sent to the server of one. */}}
{{- define "batch-upload.of-namespace" -}}
{{- $own := index (.root.Values.uploads.perNamespace | default dict) .namespace | default dict }}
{{- if hasKey $own .kind }}
{{- $block := ternary (dict "create" true "region" "us-east-1") (dict "create" true) (eq .kind "s3") }}
{{- range $name, $value := index $own .kind }}{{ $_ := set $block $name $value }}{{ end }}
{{- $block | toJson }}
{{- else }}
{{- index .root.Values.uploads .kind | toJson }}
{{- end }}
{{- end }}

{{- /* Fails when a policy would cut a namespace off from a server that the chart's own values name; a dict of `root`,
`namespace`, and the namespace's `database` and `s3`. */}}
{{- define "batch-upload.check-ports" -}}
{{- $policy := .root.Values.networkPolicy }}
{{- if and .s3.create .s3.endpoint }}
{{- $default := ternary 80 443 (hasPrefix "http:" .s3.endpoint) }}
{{- $port := regexReplaceAll "^https?://[^/]*?(:([0-9]+))?(/.*)?$" .s3.endpoint "${2}" | default $default | int }}
{{- include "batch-upload.check-port" (dict "ports" $policy.storage.ports "port" $port "kind" "storage" "what" "storage endpoint" "namespace" .namespace) }}
{{- end }}
{{- if and .database.create .database.uri }}
{{- $hosts := regexReplaceAll "^[a-z]+://([^@/]*@)?([^/?]*).*$" .database.uri "${2}" }}
{{- range splitList "," $hosts }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" .) | default 5432 | int }}
{{- include "batch-upload.check-port" (dict "ports" $policy.database.ports "port" $port "kind" "database" "what" "database" "namespace" $.namespace) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "batch-upload.check-port" -}}
{{- $port := .port }}
{{- $has := false }}
{{- range .ports }}{{ if eq (int .) $port }}{{ $has = true }}{{ end }}{{ end }}
{{- if not $has }}
{{- fail (printf "networkPolicy.%s.ports lacks %d, the port of the %s of the namespace %s: add it, or the policy would cut uploads off" .kind $port .what .namespace) }}
{{- end }}
{{- end }}
