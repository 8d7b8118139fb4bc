/**
 * GET /models/NAME: the report of GET /models, with the model's configuration and, for each loaded version, its
 * signatures and the expected run times of its batches. Names and dtypes are those of the REST API.
 */
import type { ModelConfig, VersionPolicy } from '../config/model-config.ts';
import type { Signature, TensorSpec } from '../core/signature.ts';
import type { Servable } from '../models/serving/servable.ts';
import { type FeatureDetail, featureDetail } from './feature-detail.ts';
import { type ModelReport, modelReport, type ReportedModels } from './models-report.ts';
import { omitUndefined } from './omit-undefined.ts';

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
  /** By signature of the graph and size of batch. */
  readonly latency: readonly LatencyDetail[];
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
  readonly features?: readonly FeatureDetail[];
}

export interface TensorDetail {
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
  return policy.kind === 'all' ? 'all versions' : `versions ${policy.versions.join(', ')}`;
}

function loadedDetail({ version, signatures, runner, batchDisproofs }: Servable): LoadedDetail {
  const estimates = [...(runner.latencyEstimates?.() ?? [])];
  return {
    version: version.toString(),
    signatures: [...signatures].map(([name, signature]) => signatureDetail(name, signature, batchDisproofs.get(name))),
    latency: estimates.map(([signature, sizes]) => ({
      signature,
      sizes: sizes.map(({ rows, meanMs, highMs, runs }) => ({ rows, mean_ms: meanMs, high_ms: highMs, runs })),
    })),
  };
}

function signatureDetail(
  name: string,
  { methodName, batchAxis, inputs, outputs, defaults, features }: Signature,
  disproof: string | undefined,
): SignatureDetail {
  const detail = ([tensor, { dtype, shape }]: [string, TensorSpec]): TensorDetail =>
    omitUndefined({ name: tensor, dtype, shape, has_default: defaults?.has(tensor) || undefined });
  return omitUndefined({
    name,
    method: methodName,
    batch: batchAxis.kind,
    batch_reason: disproof === undefined ? batchAxis.reason : `${batchAxis.reason}, but it is wrong: ${disproof}`,
    inputs: [...inputs].map(detail),
    outputs: [...outputs].map(detail),
    features: features?.map(featureDetail),
  });
}
