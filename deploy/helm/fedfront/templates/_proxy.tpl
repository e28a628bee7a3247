{{/* proxy.yaml as JSON, from text or from a map. */}}
{{- define "fedfront.proxy" -}}
{{- $given := .Values.proxy -}}
{{- if not $given -}}
  {{- fail "\n\nproxy is missing: give the whole proxy.yaml, by --set-file proxy=proxy.yaml or as a map in the values.\n" -}}
{{- end -}}
{{- if kindIs "string" $given -}}
  {{- $read := fromYaml $given -}}
  {{- if and (hasKey $read "Error") (eq (len $read) 1) -}}
    {{- fail (printf "\n\nproxy is not YAML: %s\n" $read.Error) -}}
  {{- end -}}
  {{- $read | toJson -}}
{{- else -}}
  {{- $given | toJson -}}
{{- end -}}
{{- end -}}

{{/* Fails where proxy.yaml has a secret as text: everybody who may read ConfigMaps could read it. */}}
{{- define "fedfront.withoutSecrets" -}}
{{- range include "fedfront.secretsAsText" (dict "at" "" "value" (include "fedfront.proxy" . | fromJson)) | splitList "\n" | compact -}}
  {{- $remedy := "write ${NAME} there, and have env or envFrom take NAME from a Secret" -}}
  {{- if not (contains "headers." .) -}}
    {{- $remedy = printf "write %s_file, and list the Secret that has the file in the value secrets; or %s" . $remedy -}}
  {{- end -}}
  {{- fail (printf "\n\nproxy: %s is a secret as text, and would be in a ConfigMap; %s\n" . $remedy) -}}
{{- end -}}
{{- end -}}

{{/* The path of each, in lines. Kept in step with docs/configuration.md by a test. */}}
{{- define "fedfront.secretsAsText" -}}
{{- $at := .at -}}
{{- if kindIs "map" .value -}}
  {{- range $key, $value := .value -}}
    {{- include "fedfront.secretsAsText" (dict "at" (printf "%s.%s" $at $key | trimPrefix ".") "value" $value) -}}
  {{- end -}}
{{- else if kindIs "slice" .value -}}
  {{- range .value -}}
    {{- include "fedfront.secretsAsText" (dict "at" $at "value" .) -}}
  {{- end -}}
{{- else if and (not (kindIs "invalid" .value)) (not (contains "${" (toString .value))) -}}
  {{- $secret := "(password|\\.pin|^state\\.key)$" -}}
  {{- /* Vendors of collectors have names of their own for a key. */ -}}
  {{- $header := "(?i)(^telemetry\\.traces\\.headers\\.|headers\\..*(auth|cookie|credential|key|password|secret|token))" -}}
  {{- if or (regexMatch $secret $at) (regexMatch $header $at) -}}{{ $at }}{{ "\n" }}{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The files that proxy.yaml has fedfront read from beside it, in lines: the values of *_file that are no absolute paths, without
the pair of the value tls.
*/}}
{{- define "fedfront.filesBeside" -}}
{{- if kindIs "map" .value -}}
  {{- range $key, $value := .value -}}
    {{- if and (hasSuffix "_file" $key) (ne $key "audit_file") (kindIs "string" $value) -}}
      {{- $mounted := and $.tls (has $value (list "tls.crt" "tls.key")) -}}
      {{- if not (or $mounted (hasPrefix "/" $value) (contains "${" $value)) -}}{{ $value }}{{ "\n" }}{{- end -}}
    {{- else -}}
      {{- include "fedfront.filesBeside" (dict "tls" $.tls "value" $value) -}}
    {{- end -}}
  {{- end -}}
{{- else if kindIs "slice" .value -}}
  {{- range .value -}}
    {{- include "fedfront.filesBeside" (dict "tls" $.tls "value" .) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* What the manifests must agree with, as JSON: see README.md. */}}
{{- define "fedfront.facts" -}}
{{- $proxy := include "fedfront.proxy" . | fromJson -}}

{{- $listen := list -}}
{{- range $index, $each := $proxy.listen -}}
  {{- $name := ternary "https" (printf "listen-%d" (add1 $index)) (eq $index 0) -}}
  {{- $listen = append $listen (dict "name" $name "port" (include "fedfront.addressPort" $each.address | int)) -}}
{{- end -}}
{{- if not $listen -}}
  {{- fail "\n\nproxy: listen is missing; write  listen: [{ address: 0.0.0.0:8443, tls: { certificate_file: tls.crt, private_key_file: tls.key } }]\n" -}}
{{- end -}}

{{- $admin := ($proxy.admin).address | default "127.0.0.1:9464" -}}
{{- if regexMatch "^(127\\.|\\[::1\\])" $admin -}}
  {{- fail (printf "\n\nproxy: admin.address is %s, but probes and Prometheus come from outside the pod; write 0.0.0.0:9464\n" $admin) -}}
{{- end -}}
{{- $socket := ($proxy.admin).socket | default "" -}}
{{- if not (regexMatch "^/.+/" $socket) -}}
  {{- fail "\n\nproxy: admin.socket is missing or not below a folder of its own, and `fedfront drain` and `reload` need it; write /run/fedfront/admin.sock\n" -}}
{{- end -}}

{{- $upstream := list -}}
{{- range ($proxy.upstream).servers -}}
  {{- $upstream = append $upstream (include "fedfront.asked" . | fromJson) -}}
{{- end -}}

{{- $directory := list -}}
{{- $directories := $proxy.directory | default list -}}
{{- range ternary $directories (list $directories) (kindIs "slice" $directories) -}}
  {{- range (.ldap).urls -}}
    {{- $directory = append $directory (include "fedfront.asked" . | fromJson) -}}
  {{- end -}}
  {{- with (.upstream).url -}}
    {{- $upstream = append $upstream (include "fedfront.asked" . | fromJson) -}}
  {{- end -}}
{{- end -}}

{{- $state := list -}}
{{- with ($proxy.state).url -}}
  {{- $state = append $state (include "fedfront.asked" . | fromJson) -}}
{{- end -}}

{{- $sources := list -}}
{{- range $proxy.metadata_sources -}}
  {{- with coalesce .mdq .url -}}
    {{- $sources = append $sources . -}}
  {{- end -}}
{{- end -}}
{{- $sources = include "fedfront.askedOf" $sources | fromJsonArray -}}

{{- $telemetry := list (($proxy.telemetry).audit_syslog).server (($proxy.telemetry).traces).endpoint -}}
{{- $telemetry = include "fedfront.askedOf" $telemetry | fromJsonArray -}}

{{- dict
    "listen" $listen
    "admin" (include "fedfront.addressPort" $admin | int)
    "run" (dir $socket)
    "cache" (($proxy.cache).folder | default "")
    "lameDuck" (include "fedfront.seconds" (($proxy.limits).lame_duck | default "5s") | int)
    "drain" (include "fedfront.seconds" (($proxy.limits).drain | default "20s") | int)
    "threshold" (($proxy.guard).threshold | default 3 | int)
    "publicHost" ($proxy.public_url | default "" | regexFind "//[^/:]+" | trimPrefix "//")
    "upstream" ($upstream | uniq)
    "directory" ($directory | uniq)
    "state" $state
    "metadataSources" ($sources | uniq)
    "telemetry" ($telemetry | uniq)
  | toJson -}}
{{- end -}}

{{/* The port of 0.0.0.0:8443 or [::]:8443. */}}
{{- define "fedfront.addressPort" -}}
{{- $port := toString . | regexFind ":[0-9]+$" | trimPrefix ":" -}}
{{- if not $port -}}
  {{- fail (printf "\n\nproxy: the address %s has no port; write 0.0.0.0:8443\n" (toString .)) -}}
{{- end -}}
{{- $port -}}
{{- end -}}

{{/* A server by its URL, as a NetworkPolicy has it: the port that is written or the usual one of its scheme, as JSON. */}}
{{- define "fedfront.asked" -}}
{{- $usual := dict "https" 443 "http" 80 "ldaps" 636 "ldap" 389 "rediss" 6379 "redis" 6379 "tls" 6514 "tcp" 601 "udp" 514 -}}
{{- $scheme := regexFind "^[a-z]+:" . | trimSuffix ":" -}}
{{- $port := regexFind "^[a-z]+://[^/?]+" . | regexFind ":[0-9]+$" | trimPrefix ":" -}}
{{- if not (or $port (hasKey $usual $scheme)) -}}
  {{- fail (printf "\n\nproxy: the port of %s cannot be told; write the URL with its port\n" .) -}}
{{- end -}}
{{- dict "protocol" (ternary "UDP" "TCP" (eq $scheme "udp")) "port" ($port | default (get $usual $scheme) | int) | toJson -}}
{{- end -}}

{{/* Each of a list of URLs, as JSON; one that a variable holds is for egress.extra. */}}
{{- define "fedfront.askedOf" -}}
{{- $asked := list -}}
{{- range . -}}
  {{- if and . (not (hasPrefix "${" .)) -}}
    {{- $asked = append $asked (include "fedfront.asked" . | fromJson) -}}
  {{- end -}}
{{- end -}}
{{- $asked | toJson -}}
{{- end -}}

{{/* Whole seconds of a duration in proxy.yaml, rounded up. */}}
{{- define "fedfront.seconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 -}}
{{- $text := toString . -}}
{{- if not (regexMatch "^[0-9]+(ms|s|m|h|d)$" $text) -}}
  {{- fail (printf "\n\nproxy: %s is no duration; write 250ms, 60s or 30m\n" $text) -}}
{{- end -}}
{{- $milliseconds := mul (regexFind "^[0-9]+" $text) (get $units (regexFind "[a-z]+$" $text)) -}}
{{- div (add $milliseconds 999) 1000 -}}
{{- end -}}
