/**
 * The configuration of one model as Triton has it (config.pbtxt), as @bufbuild/protobuf decodes the message
 * inference.ModelConfig: 64-bit integers are bigint, enums numbers, maps objects. Source: Triton's model_config.proto.
 */
import type { Message } from '@bufbuild/protobuf';
import { factKey } from '../../../core/collections/facts.ts';

export const TRITON_MODEL_CONFIG = 'inference.ModelConfig';

export interface TritonConfig extends Message {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly versionPolicy?: { readonly policyChoice: TritonVersionPolicy };
  readonly maxBatchSize: number;
  readonly input: readonly TritonInput[];
  readonly output: readonly TritonOutput[];
  readonly schedulingChoice:
    | { readonly case: 'dynamicBatching'; readonly value: TritonDynamicBatching }
    | { readonly case: 'sequenceBatching'; readonly value: TritonSequenceBatching }
    | { readonly case: 'ensembleScheduling'; readonly value: TritonEnsembling }
    | { readonly case: undefined };
  readonly instanceGroup: readonly TritonInstanceGroup[];
  readonly optimization?: { readonly inputPinnedMemory?: object; readonly outputPinnedMemory?: object };
  readonly defaultModelFilename: string;
  readonly parameters: Readonly<Record<string, { readonly stringValue: string }>>;
  readonly modelWarmup: readonly TritonWarmup[];
  readonly modelTransactionPolicy?: { readonly decoupled: boolean };
  readonly responseCache?: { readonly enable: boolean };
}

export type TritonVersionPolicy =
  | { readonly case: 'latest'; readonly value: { readonly numVersions: number } }
  | { readonly case: 'all' }
  | { readonly case: 'specific'; readonly value: { readonly versions: readonly bigint[] } }
  | { readonly case: undefined };

/** `dims` are those of one request, without the batch if max_batch_size is above 0; -1 = any size. */
export interface TritonTensor {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly bigint[];
  /** The shape that the model itself has. */
  readonly reshape?: { readonly shape: readonly bigint[] };
}

export interface TritonInput extends TritonTensor {
  readonly format: number;
  readonly optional: boolean;
}

export interface TritonOutput extends TritonTensor {
  readonly labelFilename: string;
}

export interface TritonDynamicBatching {
  readonly preferredBatchSize: readonly number[];
  readonly maxQueueDelayMicroseconds: bigint;
  readonly defaultQueuePolicy?: TritonQueuePolicy;
}

export interface TritonQueuePolicy {
  readonly timeoutAction: number;
  readonly defaultTimeoutMicroseconds: bigint;
  readonly maxQueueSize: number;
}

/** TritonQueuePolicy.timeoutAction: the request waits on, behind the others. REJECT is 0. */
export const TIMEOUT_DELAY = 1;

/** Its inputs are filled by the server, from one step of a sequence to the next. */
export interface TritonSequenceBatching {
  /** 0 = not said. */
  readonly maxSequenceIdleMicroseconds: bigint;
  readonly controlInput: readonly TritonControlInput[];
  readonly state: readonly TritonState[];
  readonly strategyChoice:
    | { readonly case: 'direct'; readonly value: { readonly maxQueueDelayMicroseconds: bigint } }
    | {
        readonly case: 'oldest';
        readonly value: { readonly maxQueueDelayMicroseconds: bigint; readonly preferredBatchSize: readonly number[] };
      }
    | { readonly case: undefined };
}

/** An input that tells the model which step of a sequence a row is of. */
export interface TritonControlInput {
  readonly name: string;
  readonly control: readonly {
    readonly kind: number;
    readonly int32FalseTrue: readonly number[];
    readonly fp32FalseTrue: readonly number[];
    readonly boolFalseTrue: readonly boolean[];
    /** The data type; CONTROL_KINDS.id alone has one. */
    readonly dataType: number;
  }[];
}

/** Numbers of TritonControlInput.control.kind. */
export const CONTROL_KINDS = { start: 0, ready: 1, end: 2, id: 3 } as const;

/** An output that is an input of the next step. */
export interface TritonState {
  readonly inputName: string;
  readonly outputName: string;
  readonly dataType: number;
  /** The dims of one request, without the batch. */
  readonly dims: readonly bigint[];
  /** The initial values of the state: at most one. */
  readonly initialState: readonly TritonInitialState[];
}

export interface TritonInitialState {
  readonly dataType: number;
  readonly dims: readonly bigint[];
  readonly stateData:
    | { readonly case: 'zeroData'; readonly value: boolean }
    | { readonly case: 'dataFile'; readonly value: string }
    | { readonly case: undefined };
}

export interface TritonInstanceGroup {
  readonly name: string;
  readonly kind: number;
  readonly count: number;
  readonly gpus: readonly number[];
}

/** Numbers of TritonInstanceGroup.kind. */
export const INSTANCE_KINDS = { auto: 0, gpu: 1, cpu: 2, model: 3 } as const;

export interface TritonEnsembling {
  readonly step: readonly {
    readonly modelName: string;
    /** -1 = the latest. */
    readonly modelVersion: bigint;
    readonly inputMap: Readonly<Record<string, string>>;
    readonly outputMap: Readonly<Record<string, string>>;
  }[];
}

export interface TritonWarmup {
  readonly name: string;
  readonly batchSize: number;
  readonly count: number;
  readonly inputs: Readonly<Record<string, TritonWarmupInput>>;
}

export interface TritonWarmupInput {
  readonly dataType: number;
  readonly dims: readonly bigint[];
  readonly inputDataType:
    | { readonly case: 'zeroData' | 'randomData'; readonly value: boolean }
    | { readonly case: 'inputDataFile'; readonly value: string }
    | { readonly case: undefined };
}

/** The content of a version's own config.pbtxt. */
export interface GivenConfig {
  /** Empty for a version of a repository without the file. */
  readonly config: TritonConfig;
  /** The labels of classes by output, in UTF-8; empty without label files. */
  readonly labels: ReadonlyMap<string, readonly Uint8Array[]>;
}

/** The fact of a version that a repository's model has. */
export const GIVEN_CONFIG = factKey<GivenConfig>('config.pbtxt');
