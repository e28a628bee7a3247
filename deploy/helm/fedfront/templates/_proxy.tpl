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
  {{- $upstream = append $upstream (include "fedfront.urlPort" . | int) -}}
{{- end -}}

{{- $directory := list -}}
{{- $directories := $proxy.directory | default list -}}
{{- range ternary $directories (list $directories) (kindIs "slice" $directories) -}}
  {{- range (.ldap).urls -}}
    {{- $directory = append $directory (include "fedfront.urlPort" . | int) -}}
  {{- end -}}
  {{- with (.upstream).url -}}
    {{- $upstream = append $upstream (include "fedfront.urlPort" . | int) -}}
  {{- end -}}
{{- end -}}

{{- $state := list -}}
{{- with ($proxy.state).url -}}
  {{- $state = append $state (include "fedfront.urlPort" . | int) -}}
{{- end -}}

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

{{/* The port of a server's URL, or the usual one of its scheme. */}}
{{- define "fedfront.urlPort" -}}
{{- $usual := dict "https" 443 "http" 80 "ldaps" 636 "ldap" 389 "rediss" 6379 "redis" 6379 -}}
{{- $scheme := regexFind "^[a-z]+:" . | trimSuffix ":" -}}
{{- $port := regexFind ":[0-9]+(/|$)" . | trimPrefix ":" | trimSuffix "/" -}}
{{- if $port -}}
  {{- $port -}}
{{- else if hasKey $usual $scheme -}}
  {{- get $usual $scheme -}}
{{- else -}}
  {{- fail (printf "\n\nproxy: the port of %s cannot be told; write the URL with its port\n" .) -}}
{{- end -}}
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
