/**
 * GET /models/NAME: the report of GET /models, with the model's configuration and, for each loaded version, its
 * signatures and the expected run times of its batches. Names and dtypes are those of the REST API.
 */
import type { ModelConfig, VersionPolicy } from '../config/model-config.ts';
import type { Signature, TensorSpec } from '../core/signature.ts';
import { TRY_OUT, type TryOut } from '../models/model-file/try-out-schema.ts';
import { CLASS_NAMES, type OutputLabels } from '../models/serving/class-names.ts';
import type { Servable } from '../models/serving/servable.ts';
import { type PaddingState, SHARING } from '../models/serving/sharing-findings.ts';
import { type FeatureDetail, featureDetail } from './feature-detail.ts';
import { type ModelReport, modelReport, type ReportedModels } from './models-report.ts';
import { omitUndefined } from './omit-undefined.ts';

/** The names of more classes are not told. */
const MOST_CLASSES = 10_000;

/** The part of ModelManager that is shown. */
export interface DetailedModels extends ReportedModels {
  configOf(name: string): ModelConfig | undefined;
  onDisk(name: string): readonly bigint[];
}

export interface ModelDetail extends ModelReport {
  readonly config: {
    readonly base_path: string;
    readonly version_policy: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly backend?: string;
    readonly execution_provider: string;
    readonly slo_ms?: number;
  };
  /** Versions on disk that are not loaded, highest first: an operator may load them. */
  readonly on_disk: readonly string[];
  /** Highest version first. */
  readonly loaded: readonly LoadedDetail[];
}

export interface LoadedDetail {
  readonly version: string;
  readonly signatures: readonly SignatureDetail[];
  /** Latencies by signature of the graph and size of batch. */
  readonly latency: readonly LatencyDetail[];
  /** Names of the samples that GET /models/NAME/samples has; absent: there are none. */
  readonly samples?: readonly string[];
}

/** The answer of GET /models/NAME/samples. */
export interface SamplesDetail {
  readonly samples: readonly SampleDetail[];
  /** The names of classes, in their order, by signature and output; only of outputs whose names are known. */
  readonly classes: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

export interface SampleDetail {
  readonly name: string;
  /** One row of each of the graph's inputs that the sample names, as JSON has it. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** The hint of the model's pillion.yaml about an input, for people who try it. */
export interface InputHintDetail {
  /** The graph's input, if it has another name there. */
  readonly input?: string;
  /** The lowest and the highest value. */
  readonly range?: readonly [number, number];
  /** One row is a picture of this height and width. */
  readonly picture?: readonly [number, number];
}

export interface SignatureDetail {
  readonly name: string;
  readonly method: string;
  /** dynamic: requests share batches; fixed: batches have one size; none: each request runs alone. */
  readonly batch: 'dynamic' | 'fixed' | 'none';
  /** Why, as a clause. */
  readonly batch_reason?: string;
  readonly inputs: readonly TensorDetail[];
  readonly outputs: readonly TensorDetail[];
  /** The features of an example. Absent: the signature takes no examples, or the model parses them itself. */
  readonly features?: readonly (FeatureDetail & InputHintDetail)[];
}

export interface TensorDetail extends InputHintDetail {
  readonly name: string;
  readonly dtype: string;
  /** −1 means any size; absent means any rank. */
  readonly shape?: readonly number[];
  /** A request may leave it out. */
  readonly has_default?: boolean;
}

export interface LatencyDetail {
  readonly signature: string;
  readonly sizes: readonly {
    readonly rows: number;
    readonly mean_ms: number;
    readonly high_ms: number;
    /** Runs that were measured; 0: a guess from other sizes. */
    readonly runs: number;
  }[];
}

/** Undefined for a name that is not configured. */
export function modelDetail(name: string, models: DetailedModels): ModelDetail | undefined {
  const config = models.configOf(name);
  if (config === undefined) return undefined;
  const loaded = [...models.servables()].filter((servable) => servable.name === name);
  loaded.sort((a, b) => (a.version < b.version ? 1 : -1));
  return {
    ...modelReport(name, models),
    config: configDetail(config),
    on_disk: models.onDisk(name).map(String),
    loaded: loaded.map(loadedDetail),
  };
}

function configDetail(config: ModelConfig): ModelDetail['config'] {
  const labels = [...config.versionLabels].map(([label, version]) => [label, version.toString()]);
  return omitUndefined({
    base_path: config.basePath,
    version_policy: policyText(config.versionPolicy),
    labels: Object.fromEntries(labels) as Record<string, string>,
    backend: config.backend,
    execution_provider: config.executionProvider,
    slo_ms: config.sloMs,
  });
}

function policyText(policy: VersionPolicy): string {
  if (policy.kind === 'latest')
    return policy.count === 1 ? 'the latest version' : `the latest ${policy.count} versions`;
  if (policy.kind === 'all') return 'all versions';
  return policy.versions.length === 0 ? 'no version' : `versions ${policy.versions.join(', ')}`;
}

/** The samples and classes of a loaded version, or of the highest one. Undefined for a model or version that is not loaded. */
export function samplesDetail(
  name: string,
  version: bigint | undefined,
  models: Pick<DetailedModels, 'servables'>,
): SamplesDetail | undefined {
  const [found] = [...models.servables()]
    .filter((each) => each.name === name && (version === undefined || each.version === version))
    .sort((a, b) => (a.version < b.version ? 1 : -1));
  if (found === undefined) return undefined;
  const samples = found.facts.get(TRY_OUT)?.samples ?? [];
  return {
    samples: samples.map((sample) => ({ name: sample.name, inputs: Object.fromEntries(sample.inputs) })),
    classes: classesDetail(found),
  };
}

function classesDetail({ facts }: Servable): SamplesDetail['classes'] {
  const decoder = new TextDecoder();
  const textsOf = (outputs: OutputLabels): Readonly<Record<string, readonly string[]>> => {
    const shown = [...outputs].filter(([, names]) => names.length <= MOST_CLASSES);
    return Object.fromEntries(shown.map(([output, names]) => [output, names.map((name) => decoder.decode(name))]));
  };
  return Object.fromEntries([...(facts.get(CLASS_NAMES) ?? [])].map(([name, outputs]) => [name, textsOf(outputs)]));
}

function loadedDetail(servable: Servable): LoadedDetail {
  const { version, signatures, runner, facts } = servable;
  const tryOut = facts.get(TRY_OUT);
  const estimates = [...(runner.latencyEstimates?.() ?? [])];
  return omitUndefined({
    version: version.toString(),
    signatures: [...signatures].map(([name, signature]) => signatureDetail(name, signature, servable)),
    latency: estimates.map(([signature, sizes]) => ({
      signature,
      sizes: sizes.map(({ rows, meanMs, highMs, runs }) => ({ rows, mean_ms: meanMs, high_ms: highMs, runs })),
    })),
    samples: tryOut === undefined || tryOut.samples.length === 0 ? undefined : tryOut.samples.map(({ name }) => name),
  });
}

function signatureDetail(
  name: string,
  { methodName, batchAxis, inputs, outputs, defaults, features }: Signature,
  { facts }: Servable,
): SignatureDetail {
  const tryOut = facts.get(TRY_OUT);
  const graphInputs = tryOut?.graphInputs.get(name);
  const found = facts.get(SHARING);
  const detail = ([tensor, { dtype, shape }]: [string, TensorSpec]): TensorDetail =>
    omitUndefined({ name: tensor, dtype, shape, has_default: defaults?.has(tensor) || undefined });
  const inputDetail = (entry: [string, TensorSpec]): TensorDetail => ({
    ...detail(entry),
    ...hintDetail(entry[0], graphInputs?.get(entry[0]) ?? entry[0], tryOut),
  });
  return omitUndefined({
    name,
    method: methodName,
    batch: batchAxis.kind,
    batch_reason: batchReason(batchAxis.reason, found?.disproofs.get(name), found?.paddings.get(name)),
    inputs: [...inputs].map(inputDetail),
    outputs: [...outputs].map(detail),
    features: features?.map((feature) => ({
      ...featureDetail(feature),
      ...hintDetail(feature.name, feature.input, tryOut),
    })),
  });
}

function batchReason(
  reason: string | undefined,
  disproof: string | undefined,
  padding: PaddingState | undefined,
): string | undefined {
  const ofAxis = disproof === undefined ? reason : `${reason}, but it is wrong: ${disproof}`;
  if (padding === undefined) return ofAxis;
  const ofLengths = padding.isOn
    ? `different lengths share runs: ${padding.reason}`
    : `different lengths do not share runs: ${padding.reason}`;
  return `${ofAxis}; ${ofLengths}`;
}

function hintDetail(name: string, input: string, tryOut: TryOut | undefined): InputHintDetail {
  if (tryOut === undefined) return {};
  return omitUndefined({ input: input === name ? undefined : input, ...tryOut.inputs.get(input) });
}
