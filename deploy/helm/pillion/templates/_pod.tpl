{{- define "pillion.restricted" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "pillion.container" -}}
- name: pillion
  image: {{ include "pillion.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  {{- if include "pillion.isNative" . }}
  restartPolicy: Always
  {{- end }}
  args:
    - serve
    - --config=/etc/pillion/pillion.yaml
    - --probe_port=8503
    - --drain_timeout_ms={{ mul .Values.drain.timeout 1000 }}
    {{- if include "pillion.isAsked" . }}
    - --drain_delay_ms={{ mul .Values.drain.delay 1000 }}
    {{- else }}
    - --bind_address=127.0.0.1
    {{- end }}
    {{- if and (eq .Values.mode "sidecar") .Values.app.front }}
    - --app=http://127.0.0.1:{{ .Values.app.port }}
    {{- with .Values.app.healthPath }}
    - --app_health_path={{ . }}
    - --app_health_interval_ms=1000
    {{- end }}
    {{- with .Values.app.trustedProxies }}
    - --trusted_proxies={{ . }}
    {{- end }}
    {{- end }}
    {{- if and (eq .Values.mode "job") (not .Values.job.nativeSidecar) }}
    - --quitquitquit
    {{- end }}
    {{- range .Values.extraArgs }}
    - {{ . | quote }}
    {{- end }}
  {{- with .Values.env }}
  env: {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    {{- if eq .Values.mode "server" }}
    - {name: grpc, containerPort: 8500}
    {{- end }}
    {{- if include "pillion.isAsked" . }}
    - {name: rest, containerPort: 8501}
    {{- end }}
    - {name: probes, containerPort: 8503}
  {{- if or (include "pillion.isNative" .) (ne .Values.mode "job") }}
  startupProbe:
    httpGet: {path: /startup, port: probes}
    periodSeconds: 1
    failureThreshold: {{ .Values.startupSeconds }}
  {{- end }}
  {{- if ne .Values.mode "job" }}
  readinessProbe:
    httpGet: {path: /ready, port: probes}
    {{- if and (eq .Values.mode "sidecar") .Values.app.front }}
    # One bad look counts: a drain and a dead application are facts, and clients come until the kubelet knows.
    periodSeconds: 1
    failureThreshold: 1
    {{- else if include "pillion.isAsked" . }}
    # A drain is seen within its delay.
    periodSeconds: 2
    failureThreshold: 2
    {{- else }}
    periodSeconds: 5
    {{- end }}
    timeoutSeconds: 3
  {{- end }}
  livenessProbe:
    httpGet: {path: /live, port: probes}
    periodSeconds: 10
    timeoutSeconds: 3
  {{- with include "pillion.hookSeconds" . | int }}
  lifecycle:
    preStop:
      exec: {command: [pillion, drain, --timeout={{ . }}]}
  {{- end }}
  resources: {{- toYaml .Values.resources | nindent 4 }}
  securityContext: {{- include "pillion.restricted" . | nindent 4 }}
  volumeMounts:
    - {name: config, mountPath: /etc/pillion, readOnly: true}
    - {name: models, mountPath: /models, readOnly: true}
    - {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* The container of the modes sidecar and job. */}}
{{- define "pillion.application" -}}
{{- $isAwaiting := and (eq .Values.mode "job") (not .Values.job.nativeSidecar) -}}
- name: app
  image: {{ .Values.app.image }}
  {{- if $isAwaiting }}
  command: [pillion, await, --timeout={{ .Values.startupSeconds }}, --quit, --]
  args: {{- concat .Values.app.command .Values.app.args | toYaml | nindent 4 }}
  {{- else }}
  {{- with .Values.app.command }}
  command: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.app.args }}
  args: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with .Values.app.env }}
  env: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and .Values.app.port (eq .Values.mode "sidecar") }}
  ports:
    - {name: app, containerPort: {{ .Values.app.port }}}
  {{- if and .Values.app.healthPath (not .Values.app.front) }}
  readinessProbe:
    httpGet: {path: {{ .Values.app.healthPath }}, port: app}
  {{- end }}
  {{- end }}
  {{- if and (eq .Values.mode "sidecar") .Values.app.front }}
  # Pillion passes requests on to it until its clients have left.
  lifecycle:
    preStop:
      sleep: {seconds: {{ .Values.drain.clients }}}
  {{- end }}
  resources: {{- toYaml .Values.app.resources | nindent 4 }}
  securityContext: {{- include "pillion.restricted" . | nindent 4 }}
{{- end -}}

{{- define "pillion.models" -}}
{{- $source := .Values.modelSource -}}
- name: models
  {{- if $source.claim }}
  persistentVolumeClaim: {claimName: {{ $source.claim }}, readOnly: true}
  {{- else if $source.image.reference }}
  image:
    reference: {{ $source.image.reference }}
    pullPolicy: {{ $source.image.pullPolicy }}
  {{- else }}
  emptyDir: {sizeLimit: {{ $source.init.sizeLimit }}}
  {{- end }}
{{- end -}}

{{- define "pillion.copy" -}}
- name: models
  image: {{ required "modelSource wants an init image, an image or a claim" .Values.modelSource.init.image }}
  imagePullPolicy: {{ .Values.modelSource.init.pullPolicy }}
  command: [cp, -R, /models/., /target/]
  resources:
    requests: {cpu: 100m, memory: 32Mi, ephemeral-storage: {{ .Values.modelSource.init.sizeLimit }}}
    limits: {memory: 64Mi}
  securityContext:
    runAsUser: 65532
    runAsGroup: 65532
    {{- include "pillion.restricted" . | nindent 4 }}
  volumeMounts:
    - {name: models, mountPath: /target}
{{- end -}}

{{/* Metadata and spec of a pod, in all modes. */}}
{{- define "pillion.pod" -}}
{{- $isNative := include "pillion.isNative" . -}}
{{- $copies := not (or .Values.modelSource.claim .Values.modelSource.image.reference) -}}
metadata:
  labels:
    {{- include "pillion.labels" . | nindent 4 }}
    pillion: {{ .Values.mode }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include "pillion.config" . | sha256sum }}
    # docs/how-to/istio.md and docs/how-to/linkerd.md say why.
    {{- if and (eq .Values.mode "job") (not $isNative) }}
    sidecar.istio.io/inject: "false"
    linkerd.io/inject: disabled
    {{- else }}
    sidecar.istio.io/nativeSidecar: "true"
    traffic.sidecar.istio.io/excludeInboundPorts: "8503"
    config.linkerd.io/skip-inbound-ports: "8503"
    {{- end }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  {{- if eq .Values.mode "job" }}
  restartPolicy: Never
  {{- end }}
  serviceAccountName: {{ include "pillion.name" . }}
  automountServiceAccountToken: false
  # No variables of Services: one called pillion gives PILLION_PORT=tcp://…, which has an option's name.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "pillion.graceSeconds" . }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    seccompProfile: {type: RuntimeDefault}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if or $copies $isNative }}
  initContainers:
    {{- if $copies }}{{ include "pillion.copy" . | nindent 4 }}{{ end }}
    {{- if $isNative }}{{ include "pillion.container" . | nindent 4 }}{{ end }}
  {{- end }}
  containers:
    {{- if not $isNative }}{{ include "pillion.container" . | nindent 4 }}{{ end }}
    {{- if ne .Values.mode "server" }}{{ include "pillion.application" . | nindent 4 }}{{ end }}
  volumes:
    - name: config
      configMap: {name: {{ include "pillion.name" . }}}
    {{- include "pillion.models" . | nindent 4 }}
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
{{- end -}}

{{- define "pillion.config" -}}
{{- toYaml (merge (dict "models" .Values.models) .Values.config) -}}
{{- end -}}
