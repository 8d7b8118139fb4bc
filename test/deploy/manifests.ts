/** The manifests of deploy/ as those who use them get them: rendered by kubectl's kustomize and by Helm. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { parseAllDocuments } from 'yaml';

export interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly securityContext?: { readonly [key: string]: unknown };
  readonly resources?: { readonly requests?: Quantities; readonly limits?: Quantities };
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly lifecycle?: {
    readonly preStop?: {
      readonly exec?: { readonly command: readonly string[] };
      readonly sleep?: { readonly seconds: number };
    };
  };
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
}

type Quantities = Readonly<Record<string, string | number>>;

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: number | string };
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly terminationGracePeriodSeconds?: number;
  readonly enableServiceLinks?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: { readonly [key: string]: unknown };
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Labels; readonly annotations?: Labels };
  readonly spec: PodSpec;
}

export type Labels = Readonly<Record<string, string>>;

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Labels };
  readonly data?: Labels;
  // biome-ignore lint/suspicious/noExplicitAny: one of a dozen kinds; each test knows which it reads
  readonly spec?: any;
}

export interface Answer {
  readonly status: number | null;
  /** Standard output and standard error. */
  readonly output: string;
  readonly stdout: string;
}

const KUBERNETES = 'deploy/kubernetes/overlays';
export const CHART = 'deploy/helm/pillion';
/** Helm's own default is older than the chart's least. */
const KUBE_VERSION = '--kube-version=1.37.2';

/** Files beside the overlay's own directory, as in with-claim. */
const ANY_FILE = '--load-restrictor=LoadRestrictionsNone';

/** A program that `npm test -- deploy` names. */
export function programPath(name: string): string {
  const path = process.env[`PILLION_TEST_${name}`];
  if (path === undefined) throw new Error(`PILLION_TEST_${name} is not set: run \`npm test -- deploy\``);
  return path;
}

/** Ends any program that takes longer than a minute. */
export function runProgram(name: string, args: readonly string[], input = '', env: Labels = {}): Answer {
  const { status, stdout, stderr, error } = spawnSync(programPath(name), args, {
    encoding: 'utf8',
    input,
    timeout: 60_000,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
    env: { ...process.env, ...env },
  });
  if (error !== undefined) throw error;
  return { status, stdout, output: stdout + stderr };
}

function textOf(name: string, args: readonly string[]): string {
  const { status, output } = runProgram(name, args);
  if (status !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${status}:\n${output}`);
  return output;
}

export const helm = (...args: readonly string[]): Answer => runProgram('HELM', args);

/** Its defaults, and each file of ci/, by name. */
export function chartValues(): ReadonlyMap<string, readonly string[]> {
  const files = readdirSync(join(CHART, 'ci')).map((file) => join(CHART, 'ci', file));
  const named = files.map((file): [string, string[]] => [basename(file, '-values.yaml'), ['--values', file]]);
  return new Map([['defaults', []], ...named]);
}

export function renderChart(args: readonly string[]): string {
  return textOf('HELM', ['template', 'digits', CHART, '--namespace=default', KUBE_VERSION, ...args]);
}

/** All that is applied as one: each overlay, what is made for others, and the chart by each file of values. */
export function renderedSets(): ReadonlyMap<string, string> {
  const overlays = readdirSync(KUBERNETES).map((name) => join(KUBERNETES, name));
  const directories = [...overlays, 'deploy/linkerd', 'deploy/istio', 'deploy/kserve', 'test/deploy/with-claim'];
  return new Map([
    ...directories.map((directory) => [directory, textOf('KUBECTL', ['kustomize', ANY_FILE, directory])] as const),
    ...[...chartValues()].map(([name, args]) => [`${CHART} with ${name}`, renderChart(args)] as const),
  ]);
}

/** Manifests that stand for themselves. */
export const SINGLE_FILES = [
  'deploy/keda/scaled-object.yaml',
  'deploy/keda/horizontal-pod-autoscaler.yaml',
  'deploy/keda/horizontal-pod-autoscaler-load.yaml',
  'deploy/kserve/inference-service.yaml',
  'deploy/kserve/image-swap.yaml',
];

export const readManifest = (file: string): string => readFileSync(file, 'utf8');

/** Throws an error of the parser's for text that is no YAML, or has a key twice. */
export function documents(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors.length > 0) throw document.errors[0]!;
      return document.toJS() as Manifest | null;
    })
    .filter((manifest) => manifest !== null);
}

/** Of Deployments, Jobs and pods. */
export function podTemplates(manifests: readonly Manifest[]): ReadonlyMap<string, PodTemplate> {
  const found = manifests.flatMap((manifest): [string, PodTemplate][] => {
    const name = `${manifest.kind} ${manifest.metadata.name}`;
    if (manifest.kind === 'Pod') return [[name, manifest as unknown as PodTemplate]];
    return manifest.spec?.template?.spec === undefined ? [] : [[name, manifest.spec.template as PodTemplate]];
  });
  return new Map(found);
}

export function containersOf(pod: PodSpec): readonly Container[] {
  return [...(pod.initContainers ?? []), ...pod.containers];
}

export function isSelected(labels: Labels | undefined, selector: Selector): boolean {
  const has = labels ?? {};
  const byLabels = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => has[key] === value);
  return (
    byLabels && (selector.matchExpressions ?? []).every(({ key, operator }) => operator === 'Exists' && key in has)
  );
}

export interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string }[];
}
