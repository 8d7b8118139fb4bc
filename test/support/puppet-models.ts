/**
 * Models that a test holds in its hand: servables without a file or a runtime, each with a runner that does one simple
 * thing. Requests that a runner was given stay visible (`requests`), so a test can say what reached the "runtime".
 */
import { ServingError, type SharedError } from '../../src/core/errors.ts';
import type { BatchAxis, Signature, TensorSpec } from '../../src/core/signature.ts';
import { elements, numericTensor, type Tensor, type TensorMap } from '../../src/core/tensor.ts';
import { STAGE_BATCH, STAGE_EXECUTE, STAGE_QUEUE, STAGE_SPLIT } from '../../src/ledger/stage-clock.ts';
import {
  Servable,
  type ServableHandle,
  type ServableRunner,
  type VersionState,
  type VersionStatus,
} from '../../src/models/serving/servable.ts';
import type { ServableDirectory } from '../../src/models/serving/servable-directory.ts';
import type { VersionChoice } from '../../src/models/versions/version-choice.ts';
import type { Fallbacks } from '../../src/proxy/handlers/model-resolver.ts';
import type { SchedulerRequest } from '../../src/scheduler/task.ts';

/** The behaviour of a puppet runner with a request; it may also throw or reject. */
export type Behaviour = (request: SchedulerRequest) => TensorMap | Promise<TensorMap>;

export class PuppetRunner implements ServableRunner {
  readonly requests: SchedulerRequest[] = [];
  readonly queuedRows = 0;
  readonly queuedTasks = 0;
  runningBatches = 0;
  isClosed = false;
  /** The error with which it refuses requests that are not decoded; undefined: they are submitted. */
  refusal: SharedError | undefined;
  readonly #behave: Behaviour;

  constructor(behave: Behaviour) {
    this.#behave = behave;
  }

  /** Like the scheduler: takes over the cancel listener while it waits, and rejects with the cancel reason. */
  submit(request: SchedulerRequest): Promise<TensorMap> {
    const { cancel, stages } = request.context;
    this.requests.push(request);
    const at = stages.startedAt;
    for (const stage of [STAGE_QUEUE, STAGE_BATCH, STAGE_EXECUTE]) stages.enter(stage, at);
    this.runningBatches += 1;
    return new Promise<TensorMap>((resolve, reject) => {
      cancel.listener = { onCancel: reject };
      const answer = async (): Promise<TensorMap> => this.#behave(request);
      answer().then(resolve, reject);
    }).finally(() => {
      this.runningBatches -= 1;
      cancel.listener = undefined;
      stages.enter(STAGE_SPLIT, at);
    });
  }

  refusalOf(): SharedError | undefined {
    return this.refusal;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** Gives each wanted output the input of the same place in the signature: bytes out as they came in. */
export const echo: Behaviour = ({ inputs, outputs }) => {
  const values = [...inputs.values()];
  return new Map(outputs.map((name, i) => [name, values[i] ?? values[0]!]));
};

/** y = x·scale + offset on float32, for every wanted output. */
export function affine(scale: number, offset: number): Behaviour {
  return ({ inputs, outputs }) => {
    const x = inputs.values().next().value;
    if (x === undefined || x.dtype === 'string') throw new Error('affine wants one numeric input');
    const y = Float32Array.from(elements(x) as Float32Array, (value) => value * scale + offset);
    const tensor: Tensor = numericTensor('float32', x.shape, y);
    return new Map(outputs.map((name) => [name, tensor]));
  };
}

/** Never answers; a cancel or a deadline still ends the request. */
export const never: Behaviour = () => new Promise(() => undefined);

/** Fails with this. */
export function fail(error: unknown): Behaviour {
  return () => {
    throw error;
  };
}

export function spec(dtype: TensorSpec['dtype'], shape: TensorSpec['shape'], tensorName = 'tensor:0'): TensorSpec {
  return { dtype, shape, tensorName };
}

export function signature(
  inputs: Readonly<Record<string, TensorSpec>>,
  outputs: Readonly<Record<string, TensorSpec>>,
  batchAxis: BatchAxis = { kind: 'dynamic' },
): Signature {
  return {
    inputs: new Map(Object.entries(inputs)),
    outputs: new Map(Object.entries(outputs)),
    methodName: 'tensorflow/serving/predict',
    batchAxis,
  };
}

/** x → y, both float32 of any number of rows of any width. */
export const FLOAT_SIGNATURE = signature(
  { x: spec('float32', undefined, 'x:0') },
  { y: spec('float32', undefined, 'y:0') },
);

export interface PuppetVersion {
  readonly version: bigint;
  readonly state: VersionState;
  readonly error?: ServingError;
  readonly servable: Servable;
  readonly runner: PuppetRunner;
}

export interface PuppetOptions {
  readonly version?: bigint;
  readonly signatures?: Readonly<Record<string, Signature>>;
  readonly behave?: Behaviour;
  /** Default AVAILABLE. */
  readonly state?: VersionState;
  /** Why it failed to load; with END. */
  readonly error?: ServingError;
  readonly labels?: readonly string[];
}

export class PuppetDirectory implements ServableDirectory {
  isReady = true;
  /** Models that answer in a model's place. */
  fallbacks: Fallbacks | undefined;
  readonly #models = new Map<string, PuppetVersion[]>();
  readonly #labels = new Map<string, bigint>();
  readonly #listeners = new Set<() => void>();

  get modelNames(): readonly string[] {
    return [...this.#models.keys()];
  }

  /**
   * Adds a version (1 unless told otherwise) of a model with one float signature that echoes, unless told otherwise; in
   * place of the one of that number.
   */
  add(name: string, options: PuppetOptions = {}): PuppetRunner {
    const version = options.version ?? 1n;
    const runner = new PuppetRunner(options.behave ?? echo);
    const signatures = new Map(Object.entries(options.signatures ?? { serving_default: FLOAT_SIGNATURE }));
    const servable = new Servable(name, version, signatures, runner);
    const state = options.state ?? 'AVAILABLE';
    const entry = {
      version,
      state,
      servable,
      runner,
      ...(options.error === undefined ? {} : { error: options.error }),
    };
    const others = (this.#models.get(name) ?? []).filter((each) => each.version !== version);
    const versions = [...others, entry].sort((a, b) => (a.version < b.version ? 1 : -1));
    this.#models.set(name, versions);
    for (const label of options.labels ?? []) this.#labels.set(`${name}/${label}`, version);
    return runner;
  }

  acquire(name: string, choice: VersionChoice): ServableHandle {
    const versions = this.#versionsOf(name);
    const wanted = choice.label === undefined ? choice.version : this.#labels.get(`${name}/${choice.label}`);
    if (choice.label !== undefined && wanted === undefined) {
      throw new ServingError('label_not_found', `model "${name}" has no label "${choice.label}"`);
    }
    const found = versions.find((v) => (wanted === undefined ? v.state === 'AVAILABLE' : v.version === wanted));
    if (found === undefined) throw new ServingError('model_not_found', `model "${name}" has no version ${wanted}`);
    if (found.state !== 'AVAILABLE') {
      throw new ServingError('model_not_ready', `model "${name}" version ${found.version} is still loading`, {
        retryAfterMs: 1500,
      });
    }
    return found.servable.borrow();
  }

  find(name: string, choice: VersionChoice): Servable | undefined {
    try {
      const handle = this.acquire(name, choice);
      handle.release();
      return handle.servable;
    } catch {
      return undefined;
    }
  }

  status(name: string, choice: VersionChoice): readonly VersionStatus[] {
    const versions = this.#versionsOf(name);
    const wanted = versions.filter((v) => choice.version === undefined || v.version === choice.version);
    if (wanted.length === 0) {
      throw new ServingError('model_not_found', `model "${name}" has no version ${choice.version}`);
    }
    return wanted.map(({ version, state, error }) => ({ version, state, error }));
  }

  onReadinessChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setReady(isReady: boolean): void {
    this.isReady = isReady;
    for (const listener of this.#listeners) listener();
  }

  #versionsOf(name: string): PuppetVersion[] {
    const versions = this.#models.get(name);
    if (versions === undefined) throw new ServingError('model_not_found', `there is no model "${name}"`);
    return versions;
  }
}
