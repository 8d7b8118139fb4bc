{{/* The release's name, without "pillion" twice. */}}
{{- define "pillion.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* What finds the pods. */}}
{{- define "pillion.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pillion.labels" -}}
{{ include "pillion.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "pillion.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* "yes" where other pods ask Pillion: it then has ports for them, and a hook before its end. */}}
{{- define "pillion.isAsked" -}}
{{- if or (eq .Values.mode "server") (and (eq .Values.mode "sidecar") .Values.app.front) -}}yes{{- end -}}
{{- end -}}

{{/* "yes" where Pillion is an init container that starts before the application and ends after it. */}}
{{- define "pillion.isNative" -}}
{{- if or (eq .Values.mode "sidecar") (and (eq .Values.mode "job") .Values.job.nativeSidecar) -}}yes{{- end -}}
{{- end -}}

{{/*
Seconds that the preStop hook waits: for clients; in a Job's ordinary container for the application. 0: there is no hook.
*/}}
{{- define "pillion.hookSeconds" -}}
{{- if include "pillion.isAsked" . -}}
{{- .Values.drain.clients -}}
{{- else if include "pillion.isNative" . -}}
0
{{- else -}}
{{- max .Values.drain.clients .Values.app.endSeconds -}}
{{- end -}}
{{- end -}}

{{/*
What comes before SIGTERM (the hook, or the application's end, or one after the other), the drain, 3 s for connections that
do not end and the last lines of log and traces, and 2 s of reserve.
*/}}
{{- define "pillion.graceSeconds" -}}
{{- $hook := include "pillion.hookSeconds" . | int -}}
{{- $application := ternary (.Values.app.endSeconds | int) 0 (eq (include "pillion.isNative" .) "yes") -}}
{{- add $hook $application .Values.drain.timeout 5 -}}
{{- end -}}
