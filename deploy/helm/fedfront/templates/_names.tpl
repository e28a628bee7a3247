{{- define "fedfront.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of everything; some of it has an ending. */}}
{{- define "fedfront.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "fedfront.name" . -}}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $whole | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "fedfront.configMap" -}}
{{- default (include "fedfront.fullname" .) .Values.existingConfigMap -}}
{{- end -}}

{{- define "fedfront.tlsSecret" -}}
{{- default (printf "%s-tls" (include "fedfront.fullname" .)) .Values.tls.secret -}}
{{- end -}}

{{- define "fedfront.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What selects our own pods. */}}
{{- define "fedfront.ownLabels" -}}
app.kubernetes.io/name: {{ include "fedfront.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What selects the pods that fedfront is in, whosever they are. */}}
{{- define "fedfront.selector" -}}
{{- if eq .Values.mode "standalone" -}}
{{- include "fedfront.ownLabels" . -}}
{{- else -}}
{{- .Values.sidecar.podLabels | default (dict "app.kubernetes.io/name" .Values.sidecar.workload) | toYaml -}}
{{- end -}}
{{- end -}}

{{- define "fedfront.labels" -}}
{{ include "fedfront.ownLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
