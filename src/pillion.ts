/**
 * The features of Pillion, in the order in which they install. Delete a line with its folder, and everything else works as
 * before: src/kernel/feature.ts says how a feature is made.
 */
import { remote } from './backends/remote/feature.ts';
import { tfjs } from './backends/tfjs/feature.ts';
import { trees } from './backends/trees/feature.ts';
import { accessLog } from './features/access-log/feature.ts';
import { audit } from './features/audit/feature.ts';
import { authorization } from './features/authorization/feature.ts';
import { autoRuntime } from './features/auto-runtime/feature.ts';
import { bench } from './features/bench/feature.ts';
import { callerLimits } from './features/caller-limits/feature.ts';
import { classifyAndRegress } from './features/classify-and-regress/feature.ts';
import { client } from './features/client/feature.ts';
import { completion } from './features/completion/feature.ts';
import { webConsole } from './features/console/feature.ts';
import { doctor } from './features/doctor/feature.ts';
import { ensembles } from './features/ensembles/feature.ts';
import { envoyAdmin } from './features/envoy-admin/feature.ts';
import { explain } from './features/explain/feature.ts';
import { fallback } from './features/fallback/feature.ts';
import { flightRecorder } from './features/flight-recorder/feature.ts';
import { generate } from './features/generate/feature.ts';
import { goldenRequests } from './features/golden-requests/feature.ts';
import { grpcJs } from './features/grpc-js/feature.ts';
import { headroom } from './features/headroom/feature.ts';
import { init } from './features/init/feature.ts';
import { listModels } from './features/list-models/feature.ts';
import { loadReports } from './features/load-reports/feature.ts';
import { openInference } from './features/open-inference/feature.ts';
import { openapi } from './features/openapi/feature.ts';
import { otlp } from './features/otlp/feature.ts';
import { otlpLogs } from './features/otlp-logs/feature.ts';
import { overloadStatus } from './features/overload-status/feature.ts';
import { places } from './features/places/feature.ts';
import { podLife } from './features/pod-life/feature.ts';
import { predict } from './features/predict/feature.ts';
import { profile } from './features/profile/feature.ts';
import { prometheus } from './features/prometheus/feature.ts';
import { propagation } from './features/propagation/feature.ts';
import { proxyProtocol } from './features/proxy-protocol/feature.ts';
import { recordAndReplay } from './features/record-and-replay/feature.ts';
import { reflection } from './features/reflection/feature.ts';
import { reload } from './features/reload/feature.ts';
import { requestLogs } from './features/request-logs/feature.ts';
import { responseCache } from './features/response-cache/feature.ts';
import { rowProofs } from './features/row-proofs/feature.ts';
import { sandbox } from './features/sandbox/feature.ts';
import { sdkExporters } from './features/sdk-exporters/feature.ts';
import { sequences } from './features/sequences/feature.ts';
import { shadow } from './features/shadow/feature.ts';
import { sharedMemory } from './features/shared-memory/feature.ts';
import { stalledRuns } from './features/stalled-runs/feature.ts';
import { tailKeep } from './features/tail-keep/feature.ts';
import { terminal } from './features/terminal/feature.ts';
import { text } from './features/text/feature.ts';
import { textApis } from './features/text-apis/feature.ts';
import { traceLinks } from './features/trace-links/feature.ts';
import { tritonRepository } from './features/triton-repository/feature.ts';
import { trustedProxies } from './features/trusted-proxies/feature.ts';
import { warmUpFiles } from './features/warm-up-files/feature.ts';
import { whatIf } from './features/what-if/feature.ts';
import { FeatureList, type ListedFeature } from './kernel/feature.ts';
import { fronting } from './proxy/fronting/feature.ts';

const LINES = [
  { feature: terminal, adds: 'a log for people, where it is written to a terminal' },
  { feature: audit, adds: 'a log of changes and refusals: who did what, and whether it was allowed' },
  { feature: authorization, adds: 'a file that says who may ask which models for what' },
  { feature: callerLimits, adds: 'limits of what one caller has in flight, and sends a second' },
  { feature: remote, adds: 'models that another server runs' },
  { feature: trees, adds: 'gradient-boosted trees and random forests of XGBoost and LightGBM' },
  { feature: tfjs, adds: 'models of TensorFlow: SavedModels, and those of TensorFlow.js' },
  { feature: sandbox, adds: 'a sandbox around models’ processes, of the tools that the machine has' },
  { feature: proxyProtocol, adds: 'the addresses of clients behind a proxy, as its first bytes tell them' },
  { feature: trustedProxies, adds: 'the clients of requests behind proxies that are trusted, as headers tell them' },
  {
    feature: prometheus,
    adds: 'pages of metrics for Prometheus, with those of the process and TensorFlow Serving’s names',
  },
  { feature: fronting, adds: 'an application behind this server, which gets every request that is not for inference' },
  { feature: accessLog, adds: 'one line of JSON for each request, for inference and for the application' },
  { feature: openInference, adds: 'the Open Inference Protocol (KServe V2) with Triton’s extensions, REST and gRPC' },
  {
    feature: sharedMemory,
    adds: 'tensors in shared memory, for clients of the Open Inference Protocol on the same machine',
    requires: ['open-inference'],
  },
  {
    feature: tritonRepository,
    adds: 'Triton’s model repositories, loads and unloads by request, and tritonserver’s command line',
    requires: ['open-inference'],
  },
  {
    feature: generate,
    adds: 'Triton’s paths generate and generate_stream, whose bodies are one JSON object of inputs',
    requires: ['open-inference'],
  },
  {
    feature: text,
    adds: 'texts as inputs: embeddings, classes, entities and rankings of transformers, tokenized here',
  },
  {
    feature: textApis,
    adds: 'HTTP APIs for texts: OpenAI’s embeddings, text-embeddings-inference, Cohere’s and Jina’s reranking',
    requires: ['text'],
  },
  { feature: sequences, adds: 'states that are kept from one request of a sequence to the next' },
  { feature: ensembles, adds: 'versions that are made of other models' },
  { feature: autoRuntime, adds: 'the fastest runtime of those that a version has files for' },
  { feature: shadow, adds: 'a second runtime that runs copies of batches, for comparison' },
  { feature: fallback, adds: 'other models that answer for one that cannot, or is too busy' },
  { feature: responseCache, adds: 'answers that are kept, and given to the same requests again' },
  { feature: classifyAndRegress, adds: 'Classify, Regress and MultiInference, which take tf.Examples' },
  { feature: rowProofs, adds: 'proofs by runs that requests may share a run, also with padding' },
  { feature: warmUpFiles, adds: 'requests of a version’s own that run before it is served' },
  { feature: goldenRequests, adds: 'requests with known answers, without which a version is not served' },
  { feature: reload, adds: 'HandleReloadConfigRequest, by which clients replace the list of models' },
  { feature: headroom, adds: 'GET /headroom: how much more traffic the server takes, for autoscalers' },
  { feature: overloadStatus, adds: 'UNAVAILABLE for overload, for clients that retry by that alone' },
  { feature: loadReports, adds: 'how loaded the server is, on answers and as a gRPC stream, for balancers (ORCA)' },
  { feature: openapi, adds: 'GET /openapi.json, the description of the REST surface' },
  { feature: reflection, adds: 'server reflection, by which tools find the gRPC services' },
  { feature: otlp, adds: 'spans and metrics for OpenTelemetry collectors (OTLP)' },
  { feature: propagation, adds: 'traces in the formats that OTEL_PROPAGATORS names: B3, Jaeger, X-Ray, Datadog' },
  { feature: otlpLogs, adds: 'the server’s log for OpenTelemetry collectors (OTLP)', requires: ['otlp'] },
  {
    feature: sdkExporters,
    adds: 'exporters of spans beside OTLP: console, zipkin, several at once, and OTLP as JSON',
    requires: ['otlp'],
  },
  { feature: grpcJs, adds: 'the gRPC port on @grpc/grpc-js, to compare with' },
  {
    feature: envoyAdmin,
    adds: 'pages about the server as Envoy has them: /server_info, /config_dump, /stats, /logging',
  },
  { feature: explain, adds: 'which bound holds for a version, and how good its forecasts were' },
  { feature: tailKeep, adds: 'the choice of slow and failed requests that the flight recorder and traces keep' },
  { feature: traceLinks, adds: 'links to the page that shows a request’s trace, in the log and the console' },
  { feature: stalledRuns, adds: 'lines of the log about runs that do not end' },
  { feature: flightRecorder, adds: 'pages of the last requests, for the console and for tools' },
  {
    feature: webConsole,
    adds: 'a page for people on the admin port: live numbers, models, requests, a playground',
    requires: ['flight-recorder'],
  },
  { feature: podLife, adds: 'commands for the hooks and jobs of pods: await, drain; and the paths that they ask' },
  {
    feature: doctor,
    adds: 'a command that says what is wrong with a server and its machine',
    requires: ['prometheus'],
  },
  {
    feature: whatIf,
    adds: 'a command that simulates the last requests with other cores, load or settings',
    requires: ['flight-recorder', 'prometheus'],
  },
  { feature: profile, adds: 'some seconds of a server as one trace file, by a command and on the admin port' },
  { feature: requestLogs, adds: 'a sample of a model’s requests, with their answers, in TFRecord files' },
  {
    feature: recordAndReplay,
    adds: 'commands that record requests of a running server, and send them again',
    requires: ['classify-and-regress'],
  },
  { feature: init, adds: 'a command that makes a directory that is served of a model’s file' },
  { feature: completion, adds: 'a command that lets a shell complete commands, options and their values' },
  { feature: listModels, adds: 'a command that lists models, versions and states, and why' },
  { feature: client, adds: 'a command that writes a typed client of a model, in TypeScript, Python or Go' },
  { feature: predict, adds: 'a command that sends data as people have it to a server, and shows the answer' },
  {
    feature: bench,
    requires: ['predict'],
    adds: 'a command that measures the latency of one server, or of two side by side',
  },
  { feature: places, adds: 'a command that says where in the source the stacks of a log are' },
] as const satisfies readonly ListedFeature[];

export const FEATURES = new FeatureList(LINES);

/** Names of the features' options, so that the types of other packages know them. */
export type FeatureOption = KeysOf<(typeof LINES)[number]['feature']>;
type KeysOf<F> = F extends { readonly options: infer O } ? Extract<keyof O, string> : never;
