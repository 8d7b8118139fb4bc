/**
 * The paths that each suite tests, as git's pathspecs: its own files, the scripts that prepare it and the parts of the
 * product that it was written for. A commit that touches one of them makes the suite due. Every suite that starts a
 * server passes through much more of it: that is left to npm test, or each suite would be due after each commit.
 */

const HTTP1 = ['src/proxy/http1', 'src/proxy/net'];
const HTTP2 = ['src/proxy/http2', 'src/proxy/net', 'src/internals/socket-reads.ts'];
const GRPC = [...HTTP2, 'src/proxy/grpc', 'src/features/grpc-js'];
const FRONTING = ['src/proxy/fronting'];
const REQUESTS = ['src/proxy/exchange.ts', 'src/proxy/request-lifecycle.ts', 'src/proxy/handlers'];
const DRAIN = [
  'src/kernel/assembly/drain.ts',
  'src/features/pod-life',
  'src/proxy/readiness.ts',
  'src/proxy/request-lifecycle.ts',
];
const ENDS = [
  ...DRAIN,
  'src/kernel/assembly/app.ts',
  'src/kernel/assembly/connection-limits.ts',
  'src/cli/serve.ts',
  'src/cli/end-signals.ts',
];
const TENSORFLOW = ['src/codec/tensorflow', 'src/proxy/protocols/tensorflow-serving'];
const TRITON_MODELS = ['src/features/triton-repository'];
const OPEN_INFERENCE = [
  'src/codec/open-inference',
  'src/features/open-inference',
  'src/features/shared-memory',
  'proto',
];
const MODELS = ['src/models', 'src/features/row-proofs', 'src/backends', 'src/scheduler'];
const TFJS = ['src/backends/tfjs', 'src/backends/graph', 'scripts/natives/tfjs', 'scripts/lib/tfjs-natives.mjs'];
const START = ['bin', 'scripts/lib/bundle', 'src/main.ts', 'src/cli/run-command.ts', 'src/cli/serve.ts'];
const IMAGE = [
  ...START,
  ...['deploy/docker', 'scripts/image.mjs', 'scripts/lib/image-base.mjs', 'scripts/lib/image-suite.mjs'],
  'package-lock.json',
];
const ENVOY = [
  'scripts/lib/envoy.mjs',
  'test/mesh/requirements.txt',
  'test/mesh/envoy.ts',
  'test/mesh/envoy-config.ts',
];
const INTEROP = ['test/conformance/interop', 'test/conformance/grpc-interop', 'test/conformance/grpc-interop-java'];
const APPS = ['test/fronting/apps', 'test/fronting/apps.ts', 'scripts/lib/fronted-apps.mjs'];
const RESTARTS = ['test/support/restarts.ts', 'test/support/restart-clients.ts'];

/** Changes of these make no suite due, wherever they are: documents, and the inputs that fuzzing finds. */
const LEFT_OUT = [':(exclude)*.md', ':(exclude)test/fuzz/corpora'];

/** The paths by the suite's name. */
export const TESTED_PATHS = {
  long: [
    ...['src/scheduler', 'test/support/scheduler-harness.ts', 'test/support/puppet-executor.ts'],
    ...['scheduler', 'scheduler-shared', 'scheduler-promise'].map((name) => `test/property/${name}.test.ts`),
  ],
  deletions: ['src/pillion.ts', 'test/integration/features-deleted.test.ts', 'test/support/tree-without.ts'],
  graphs: [
    ...['src/backends/graph', 'src/backends/onnx/graph'],
    ...['test/graphs', 'test/support/onnx-graph.ts', 'scripts/lib/graphs.mjs'],
  ],
  'length-networks': [
    ...['src/features/row-proofs', 'src/scheduler/batch', 'src/backends/graph', 'src/backends/onnx/graph'],
    ...['test/features/row-proofs/networks', 'test/features/row-proofs/integration/length-networks.test.ts'],
  ],
  fuzz: [
    ...['src/codec', 'src/backends/trees', 'src/backends/graph', 'src/backends/onnx/graph', 'src/config/yaml'],
    ...['src/config/text-proto', 'src/proxy/http1', 'src/proxy/http2', 'src/proxy/grpc', 'src/proxy/inflation.ts'],
    ...['src/ledger/tracing', 'test/fuzz', 'scripts/lib/fuzz.mjs'],
  ],
  soak: [
    ...MODELS,
    ...GRPC,
    ...HTTP1,
    ...REQUESTS,
    'src/kernel/assembly',
    'src/proxy/records',
    'src/features/request-logs',
    'src/ledger',
    'test/long/soak',
  ],
  faults: [...MODELS, ...ENDS, 'src/kernel/assembly', 'src/files', 'src/ledger', 'bench/faults'],
  processes: ['src/backends/host', 'src/backends/graph', 'src/backends/onnx', 'test/long/process-host.ts'],
  restarts: [...ENDS, ...HTTP1, ...GRPC, ...RESTARTS, 'test/integration/restarts.test.ts'],
  h2spec: [
    ...[...HTTP2, 'src/proxy/grpc', 'src/proxy/fronting', 'test/conformance/h2spec', 'test/conformance/h2spec.mjs'],
    ...['test/support/http2-handlers.ts', 'test/features/fronting/fronted-http2.ts', 'scripts/lib/go-program.mjs'],
  ],
  interop: [...GRPC, ...INTEROP, 'test/conformance/grpc-interop.mjs', 'test/support/interop-service.ts'],
  'grpc-tools': [
    ...[...GRPC, 'src/features/reflection', 'src/proxy/protocols/health', ...TENSORFLOW],
    ...['test/conformance/grpc-tools.mjs', 'test/conformance/grpcurl', 'test/conformance/ghz'],
  ],
  'fronted-grpc': [
    ...[...FRONTING, ...GRPC, ...INTEROP, 'test/conformance/fronted-grpc.mjs', 'test/conformance/fronted-scenarios'],
    ...['test/conformance/grpc-interop-server', 'test/fronting/apps/go'],
  ],
  browser: [
    'src/admin',
    'src/kernel/assembly/admin.ts',
    'src/features/console',
    'scripts/lib/bundle/build-console.mjs',
    'test/browser',
  ],
  shells: ['src/features/completion', 'test/features/completion', 'test/support/pseudo-terminal.ts'],
  site: ['site', 'test/site'],
  envoy: [
    ...GRPC,
    ...HTTP1,
    ...DRAIN,
    'src/features/load-reports',
    'src/proxy/refusal-headers.ts',
    'test/mesh',
    ...ENVOY,
  ],
  'rolling-restarts': [
    ...ENDS,
    ...HTTP1,
    ...GRPC,
    ...FRONTING,
    ...RESTARTS,
    'test/mesh/rolling-restarts.mesh.ts',
    ...ENVOY,
  ],
  'fronting-apps': [...FRONTING, ...HTTP1, 'test/fronting', ...APPS, ...ENVOY],
  'fronting-events': [...FRONTING, ...HTTP1, 'test/fronting/long-events.ts', 'test/fronting/passing.ts', ...APPS],
  scaling: [
    ...[
      'src/features/headroom',
      'src/kernel/assembly/load.ts',
      'src/proxy/servers/probes.ts',
      'src/backends/remote',
      ...DRAIN,
    ],
    ...['test/mesh/envoy-scaling.scaling.ts', 'test/mesh/autoscaler.ts', 'deploy/keda', ...ENVOY],
  ],
  observability: [
    ...[
      'src/ledger',
      'src/features/otlp',
      'src/features/sdk-exporters',
      'src/kernel/assembly/model-metrics.ts',
      'src/kernel/assembly/process-metrics.ts',
      'src/proxy/fronting/app/app-metrics.ts',
    ],
    ...['deploy/grafana', 'test/observability', 'examples/fronted', 'scripts/lib/trace-stores.mjs', ...ENVOY],
  ],
  metrics: [
    ...['src/ledger/metrics', 'src/features/prometheus'],
    ...['src/kernel/assembly/model-metrics.ts', 'src/kernel/assembly/process-metrics.ts'],
    ...['test/metrics', 'scripts/lib/debian-program.mjs'],
  ],
  triton: [
    ...OPEN_INFERENCE,
    ...TRITON_MODELS,
    ...REQUESTS,
    'src/features/sequences',
    'src/features/ensembles',
    'test/triton',
  ],
  kserve: [...OPEN_INFERENCE, ...REQUESTS, 'test/kserve'],
  text: [
    'src/features/text',
    'src/scheduler',
    'test/features/text/minilm',
    'examples/text',
    'scripts/lib/text-model.mjs',
  ],
  'text-references': [
    'src/features/text',
    'test/features/text/references',
    'test/features/text/tokenizers',
    'scripts/lib/text-references.mjs',
  ],
  tokenizers: ['src/features/text/tokenizer', 'test/features/text/tokenizers', 'scripts/lib/tokenizers.mjs'],
  'text-clients': [
    'src/features/text-apis',
    'src/features/text',
    'test/features/text-apis',
    'scripts/lib/text-clients.mjs',
  ],
  'perf-analyzer': [...OPEN_INFERENCE, ...TENSORFLOW, 'test/perf-analyzer', 'scripts/lib/perf-analyzer.mjs'],
  'triton-rust': [...OPEN_INFERENCE, 'test/triton-rust', 'scripts/lib/rust-program.mjs'],
  openapi: [
    ...[
      'src/features/openapi',
      'src/proxy/protocols',
      'src/proxy/servers/rest-routes.ts',
      'src/proxy/http1',
      'src/codec/json',
    ],
    ...['src/codec/open-inference/rest', 'src/features/open-inference', 'test/openapi'],
    ...['src/features/text-apis', 'test/features/text-apis/openapi'],
  ],
  'tfjs-long': [...[...TFJS, 'src/backends/host', 'package-lock.json', 'test/long/human', 'test/features/tfjs']],
  zoo: [...MODELS, ...TENSORFLOW, 'scripts/natives/tfjs', 'package-lock.json', 'test/zoo', 'scripts/lib/zoo.mjs'],
  'onnx-suite': [
    ...[
      'src/backends/onnx',
      'src/backends/host',
      'src/models',
      'src/scheduler/batch',
      'src/codec',
      'package-lock.json',
    ],
    ...['test/zoo', 'scripts/lib/zoo.mjs'],
  ],
  package: [...START, 'src/api', 'scripts/package.mjs', 'package.json', 'package-lock.json', 'test/package'],
  image: [...IMAGE, 'deploy/compose', 'deploy/kserve', 'test/image'],
  'image-tfjs': [...IMAGE, ...TFJS, 'test/image/tensorflow.image-tfjs.ts', 'test/image/containers.ts'],
  deploy: [
    'deploy',
    'src/config',
    'src/cli/commands',
    'src/cli/sidecar-command.ts',
    'test/deploy',
    'scripts/lib/deploy-programs.mjs',
  ],
  pod: [
    ...[...IMAGE, ...DRAIN, 'deploy/kubernetes', 'src/proxy/servers/probes.ts'],
    ...['test/pod', 'test/deploy/api-server.ts', 'test/deploy/manifests.ts'],
    'scripts/lib/pod-programs.mjs',
  ],
  smoke: [
    ...START,
    'src/kernel/assembly',
    'scripts/demo.mjs',
    'scripts/demo',
    'scripts/lib/smoke.mjs',
    'package-lock.json',
  ],
  nodes: [
    ...[...FRONTING, ...HTTP1, 'scripts/lib/smoke.mjs'],
    ...['fronting-http2', 'fronting-grpc', 'fronting-peers', 'fronting-answers'].map(
      (name) => `test/features/fronting/integration/${name}.test.ts`,
    ),
    ...['app', 'heads', 'telemetry'].map((name) => `test/features/fronting/${name}`),
  ],
};

/** The pathspecs by which git is asked about a suite. */
export const pathspecsOf = (suite) => [...TESTED_PATHS[suite], ...LEFT_OUT];
