{{/*
fedfront's container. In the mode standalone it is the pod's own; otherwise a native sidecar, which starts before the
identity provider and ends after it.
*/}}
{{- define "fedfront.container" -}}
{{- $facts := include "fedfront.facts" . | fromJson -}}
{{- $beside := ne .Values.mode "standalone" -}}
{{- $leaves := ternary (int .Values.sidecar.sleepSeconds) (int $facts.lameDuck) $beside -}}
name: fedfront
image: {{ include "fedfront.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- if $beside }}
restartPolicy: Always
{{- end }}
args: [run, -c, /etc/fedfront/proxy.yaml]
# What is wrong with a configuration is in `kubectl describe pod`.
terminationMessagePolicy: FallbackToLogsOnError
{{- with .Values.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- range $facts.listen }}
  - { name: {{ .name }}, containerPort: {{ int .port }} }
  {{- end }}
  - { name: admin, containerPort: {{ int $facts.admin }} }
# None of these asks for the identity provider or the directory.
startupProbe:
  httpGet: { path: /startupz, port: admin }
  periodSeconds: 1
  failureThreshold: 60
# It says no only when the pod ends, and is believed late: while the balancer in front still sends requests, kube-proxy
# passes them on only to a pod that is ready.
readinessProbe:
  httpGet: { path: /readyz, port: admin }
  periodSeconds: 5
  failureThreshold: {{ add (div (add $leaves 4) 5) 1 | max 3 }}
livenessProbe:
  httpGet: { path: /livez, port: admin }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- if $beside }}
lifecycle:
  # At the beginning of the pod's end, long before SIGTERM: no connection is kept alive from here on.
  preStop:
    exec: { command: [/fedfront, drain, -c, /etc/fedfront/proxy.yaml] }
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- include "fedfront.securityContext" . | nindent 2 }}
volumeMounts:
  - { name: fedfront, mountPath: /etc/fedfront, readOnly: true }
  - { name: fedfront-run, mountPath: {{ $facts.run }} }
  {{- if $facts.cache }}
  - { name: fedfront-cache, mountPath: {{ $facts.cache }} }
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Beside an identity provider the pod is not ours, so that the container itself says who it is. */}}
{{- define "fedfront.securityContext" -}}
{{- if eq .Values.mode "standalone" -}}
{{- toYaml .Values.securityContext -}}
{{- else -}}
{{- $own := pick .Values.podSecurityContext "runAsNonRoot" "runAsUser" "runAsGroup" "seccompProfile" -}}
{{- mergeOverwrite $own (deepCopy .Values.securityContext) | toYaml -}}
{{- end -}}
{{- end -}}

{{/* Its volumes. */}}
{{- define "fedfront.volumes" -}}
{{- $facts := include "fedfront.facts" . | fromJson -}}
# All that proxy.yaml names, in one directory, as it is beside proxy.yaml on a host.
- name: fedfront
  projected:
    defaultMode: 0440
    sources:
      - configMap: { name: {{ include "fedfront.configMap" . }} }
      {{- range .Values.configMaps }}
      - configMap: { name: {{ . }} }
      {{- end }}
      {{- range .Values.secrets }}
      - secret: { name: {{ . }} }
      {{- end }}
      {{- if .Values.tls.enabled }}
      - secret:
          name: {{ include "fedfront.tlsSecret" . }}
          items:
            - { key: tls.crt, path: tls.crt }
            - { key: tls.key, path: tls.key }
      {{- end }}
- name: fedfront-run
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- if $facts.cache }}
# cache.folder: outlives the container, but not the pod.
- name: fedfront-cache
  emptyDir: { sizeLimit: 1Gi }
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Annotations of the pods, empty where there are none. */}}
{{- define "fedfront.podAnnotations" -}}
{{- if and .Values.rollOut (not .Values.existingConfigMap) }}
fedfront/configuration: {{ include "fedfront.proxy" . | sha256sum }}
{{- end }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "fedfront.gracePeriod" -}}
{{- if .Values.terminationGracePeriodSeconds -}}
{{- int .Values.terminationGracePeriodSeconds -}}
{{- else -}}
{{- $facts := include "fedfront.facts" . | fromJson -}}
{{- $beside := add .Values.sidecar.sleepSeconds .Values.sidecar.stopSeconds -}}
{{- $leaves := ternary (int $facts.lameDuck) (int $beside) (eq .Values.mode "standalone") -}}
{{- add $leaves (int $facts.drain) 10 -}}
{{- end -}}
{{- end -}}

{{/* Of the identity provider: it goes on while what reaches fedfront until then is answered. */}}
{{- define "fedfront.identityProviderLifecycle" -}}
preStop:
  {{- if eq .Values.sidecar.sleepBy "exec" }}
  exec: { command: [sleep, {{ int .Values.sidecar.sleepSeconds | quote }}] }
  {{- else }}
  sleep: { seconds: {{ int .Values.sidecar.sleepSeconds }} }
  {{- end }}
{{- end -}}
