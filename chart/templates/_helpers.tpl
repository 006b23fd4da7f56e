{{/* The names are those of the original chart, so that its users' commands still work. They are fixed, so a cluster can
have one release only. */}}
{{- define "pisw.webhook" -}}k8s-proxy-image-swapper-webhook{{- end }}
{{- define "pisw.service" -}}k8s-pisw{{- end }}
{{- define "pisw.deployment" -}}k8s-proxy-image-swapper-webhook-deployment{{- end }}
{{- define "pisw.configMap" -}}k8s-proxy-image-swapper-config{{- end }}

{{/* The labels by which the service and the deployment select the pods. They are the original chart's, because a
deployment's selector cannot change. */}}
{{- define "pisw.selector" -}}
app: k8s-proxy-image-swapper-webhook
{{- end }}

{{/* The labels of every object. .Values.labels cannot replace one of these. */}}
{{- define "pisw.labels" -}}
{{- $labels := dict "app.kubernetes.io/name" .Chart.Name "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- merge $labels .Values.labels | toYaml -}}
{{- end }}

{{/* The metadata of an object in the release's namespace: (dict "root" $ "name" NAME), and if needed "labels" MAP
and "annotations" MAP. */}}
{{- define "pisw.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- merge (include "pisw.labels" .root | fromYaml) (.labels | default dict) | toYaml | nindent 2 }}
{{- with merge dict (.annotations | default dict) .root.Values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pisw.image" -}}
{{- $default := eq .Values.server.kind "socat" | ternary "ghcr.io/pisw/pisw-socat" "ghcr.io/pisw/pisw" -}}
{{- with .Values.image -}}
{{- $name := .repository | default $default -}}
{{- if .digest -}}
{{ $name }}@{{ .digest }}
{{- else -}}
{{ $name }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{/* The effective tls.mode. */}}
{{- define "pisw.tlsMode" -}}
{{- if .Values.tls.mode -}}
{{ .Values.tls.mode }}
{{- else if .Values.caBundle -}}
existingSecret
{{- else -}}
selfSigned
{{- end }}
{{- end }}

{{/* Converts a memory quantity to MiB, rounded down: 352Mi, 1Gi, 400M, 1.5Gi, 400000000. */}}
{{- define "pisw.mebibytes" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $text := kindIs "float64" . | ternary (printf "%.0f" (float64 .)) (toString .) -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- if or (not (hasKey $units $unit)) (not (regexMatch "^[0-9]+([.][0-9]+)?[A-Za-z]*$" $text)) -}}
{{- fail (printf "resources.limits.memory: write %q as a number with Ki, Mi, Gi or Ti" $text) -}}
{{- end -}}
{{- divf (mulf (float64 (trimSuffix $unit $text)) (get $units $unit)) 1048576 | floor | int -}}
{{- end }}

{{/* The arguments for --max-reviews and --review-memory, as JSON. What the values leave at 0 is chosen to fit into the
memory limit. */}}
{{- define "pisw.reviews" -}}
{{- $reviews := int .Values.server.maxReviews -}}
{{- $memory := int .Values.server.reviewMemory -}}
{{- $limit := dig "limits" "memory" "" .Values.resources -}}
{{- if $limit -}}
{{- $has := include "pisw.mebibytes" $limit | int -}}
{{- $free := sub $has 96 | int -}}
{{- if not $memory -}}
{{- $memory = min 64 (div $free (max 1 $reviews)) | int -}}
{{- end -}}
{{- if not $reviews -}}
{{- $reviews = max 1 (min 4 (div $free (max 1 $memory))) | int -}}
{{- end -}}
{{- $needs := add (mul $reviews (max 16 $memory)) 96 | int -}}
{{- if lt $has $needs -}}
{{- fail (printf
  "resources.limits.memory: %v is too low: %d reviews at %d MiB each, plus 96 MiB for the server, need %dMi. Raise the limit, or lower server.maxReviews or server.reviewMemory"
  $limit $reviews (max 16 $memory) $needs) -}}
{{- end -}}
{{- end -}}
{{- dict "reviews" ($reviews | default 4) "memory" ($memory | default 64) | toJson -}}
{{- end }}

{{/* The number of connections that socat serves at the same time. Each is a process, which uses 12 MiB for the largest
review. */}}
{{- define "pisw.children" -}}
{{- $limit := dig "limits" "memory" "" .Values.resources -}}
{{- if $limit -}}
{{- max 1 (min (int .Values.server.maxConnections) (div (sub (include "pisw.mebibytes" $limit | int) 32) 12)) -}}
{{- else -}}
{{- .Values.server.maxConnections -}}
{{- end -}}
{{- end }}

{{/* Checks that values.schema.json cannot express. */}}
{{- define "pisw.check" -}}
{{- $v := .Values -}}
{{- $dockerHub := get $v.mirrors "docker.io" -}}
{{- if not (or $v.registryUrl $v.mirrors) -}}
{{- fail
  "registryUrl: name your proxy for Docker Hub, for instance --set registryUrl=proxy.example.com, or set mirrors" -}}
{{- end -}}
{{- if and $v.registryUrl $dockerHub (ne $v.registryUrl $dockerHub) -}}
{{- fail (printf "registryUrl and mirrors.docker.io mean the same, but are %q and %q: remove one of them"
  $v.registryUrl $dockerHub) -}}
{{- end -}}
{{- $mode := include "pisw.tlsMode" . -}}
{{- if and (eq $mode "existingSecret") (not $v.caBundle) -}}
{{- fail
  "caBundle: tls.mode existingSecret needs it: the CA certificate that the API server must trust, in base64" -}}
{{- end -}}
{{- if and (ne $mode "existingSecret") $v.caBundle -}}
{{- fail (printf "caBundle: tls.mode %s sets it itself: remove it, or set tls.mode to existingSecret" $mode) -}}
{{- end -}}
{{- range $key := list "tlscertpath" "tlskeypath" -}}
{{- if ne (dir (get $v.config $key)) (clean $v.tlsdirpath) -}}
{{- fail (printf "config.%s: %q is not in tlsdirpath, %q" $key (get $v.config $key) $v.tlsdirpath) -}}
{{- end -}}
{{- end -}}
{{- if lt (int $v.server.drainTimeout) (int $v.server.drainDelay) -}}
{{- fail "server.drainTimeout: must be at least server.drainDelay" -}}
{{- end -}}
{{- if eq (int $v.server.adminPort) (int $v.config.port) -}}
{{- fail "server.adminPort: must differ from config.port" -}}
{{- end -}}
{{- if and $v.webhook.matchConditions (semverCompare "<1.28.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "webhook.matchConditions: needs Kubernetes 1.28 or later; this cluster is %s"
  .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (not (.Capabilities.APIVersions.Has "autoscaling/v2")) -}}
{{- fail "autoscaling.enabled: needs autoscaling/v2 (Kubernetes 1.23 or later), which this cluster lacks" -}}
{{- end -}}
{{- if and (eq $v.isolation "connection") (eq $v.server.sandbox "require") -}}
{{- fail "server.sandbox require: needs isolation request, because only a review's own process can be confined" -}}
{{- end -}}
{{- if eq $v.server.kind "socat" -}}
{{- range $setting, $isSet := dict
  "isolation connection" (eq $v.isolation "connection")
  "server.sandbox require" (eq $v.server.sandbox "require")
  "serviceMonitor" $v.serviceMonitor.enabled
  "prometheusRule" $v.prometheusRule.enabled -}}
{{- if $isSet -}}
{{- fail (printf "%s: needs server.kind pisw-serve: socat has no metrics, and runs each review in its own process"
  $setting) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* exclude.namespaces with its templates rendered, as a JSON array. */}}
{{- define "pisw.excludedNamespaces" -}}
{{- $names := list -}}
{{- range .Values.exclude.namespaces -}}
{{- $names = append $names (tpl . $) -}}
{{- end -}}
{{- $names | uniq | toJson -}}
{{- end }}

{{/* The webhooks' namespaceSelector: webhook.namespaceSelector without the namespaces that are excluded by name or opt
out by label. Names with * are left to pisw, because a selector cannot express them. */}}
{{- define "pisw.namespaceSelector" -}}
{{- $expressions := list (dict "key" "k8s-proxy-image-swapper/skip" "operator" "NotIn" "values" (list "true")) -}}
{{- $names := list -}}
{{- range include "pisw.excludedNamespaces" . | fromJsonArray -}}
{{- if not (contains "*" .) }}{{ $names = append $names . }}{{ end -}}
{{- end -}}
{{- if $names -}}
{{- $expressions = append $expressions (dict "key" "kubernetes.io/metadata.name" "operator" "NotIn" "values" $names) -}}
{{- end -}}
{{- include "pisw.selectorWith" (dict "selector" .Values.webhook.namespaceSelector "expressions" $expressions) -}}
{{- end }}

{{/* The webhooks' objectSelector: webhook.objectSelector without the pods that opt out by label, as this release's own
pods do, or have a label of exclude.labels. */}}
{{- define "pisw.objectSelector" -}}
{{- $expressions := list (dict "key" "k8s-proxy-image-swapper/skip" "operator" "NotIn" "values" (list "true")) -}}
{{- range $key, $value := .Values.exclude.labels -}}
{{- $values := kindIs "slice" $value | ternary $value (list $value) -}}
{{- $names := list -}}
{{- range $values -}}
{{- if not (contains "*" .) }}{{ $names = append $names . }}{{ end -}}
{{- end -}}
{{- if has "*" $values -}}
{{- $expressions = append $expressions (dict "key" $key "operator" "DoesNotExist") -}}
{{- else if $names -}}
{{- $expressions = append $expressions (dict "key" $key "operator" "NotIn" "values" (uniq $names)) -}}
{{- end -}}
{{- end -}}
{{- include "pisw.selectorWith" (dict "selector" .Values.webhook.objectSelector "expressions" $expressions) -}}
{{- end }}

{{/* A selector with additional expressions: (dict "selector" SELECTOR "expressions" LIST). */}}
{{- define "pisw.selectorWith" -}}
{{- with .selector.matchLabels }}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
matchExpressions:
  {{- concat .expressions (.selector.matchExpressions | default list) | toYaml | nindent 2 }}
{{- end }}
