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
