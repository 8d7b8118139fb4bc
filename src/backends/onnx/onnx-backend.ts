/**
 * Backend `onnx`: ONNX models on ONNX Runtime, in this process, on the CPU or on CUDA (cuda-natives.ts).
 *
 * The artifact is `<version>/model.onnx`, or the only *.onnx file there; ORT finds weights in files beside it. The
 * registry imports this file when it is needed, since that loads the native library.
 */
import { dirname } from 'node:path';
import process from 'node:process';
import { ServingError } from '../../core/errors.ts';
import { DEFAULT_SIGNATURE_NAME, PREDICT_METHOD_NAME, type Signature } from '../../core/signature.ts';
import { canOpenDirectly, openDirect } from '../../internals/direct-model.ts';
import { type InferenceSession, listSupportedBackends, type OrtModel } from '../../internals/ort-library.ts';
import type { Backend, LoadOptions, ModelParameters, Session } from '../backend.ts';
import { batchAxisCandidate } from '../batch-axis.ts';
import { checkParameters } from '../load-options.ts';
import { withFreeLabels } from './classifier-labels.ts';
import { type CudaState, cudaProblems, oldDriver, readCudaState } from './cuda-machine.ts';
import { externalDataText } from './external-data.ts';
import { findModelFile, hasModelFile } from './model-file.ts';
import { type FileFacts, type ModelSource, modelSource } from './model-source.ts';
import { ONNX_FACTS } from './onnx-facts.ts';
import { OnnxSession } from './onnx-session.ts';
import { inputSpecs, inputTensors, leftOutTexts, outputSpecs, outputTensors } from './onnx-signature.ts';
import { OPTIONAL_INPUTS, withOptionalInputs, withValues } from './optional-inputs.ts';
import { missingLocaleText, ortText, unsupportedTypeText } from './ort-errors.ts';
import { openPublic } from './ort-model.ts';
import { OrtProfile } from './ort-profile.ts';

/** ORT also throws the errors that it logs: at level 3 bad requests could fill stderr. */
const LOG_FATAL_ONLY = 4;

/** `source` as in ModelSource. */
type OpenModel = (source: ModelSource['source'], options: InferenceSession.SessionOptions) => Promise<OrtModel>;

/** The registry's 'onnx'. It opens models directly (direct-model.ts) if possible, else by ORT's public API. */
export const backend: Backend = onnxBackend(
  async (source, options) => (await openDirect(source, options)) ?? (await openPublic(source, options)),
);

/** The backend with a function that opens models. */
export function onnxBackend(open: OpenModel): Backend {
  return {
    ...ONNX_FACTS,

    probe: hasModelFile,

    load: (versionDirectory, options) => openDirectory(open, versionDirectory, options),

    loadProfiled: async (versionDirectory, options) => {
      const profile = await OrtProfile.create();
      try {
        const session = await openDirectory(profile.open, versionDirectory, options);
        return Object.assign(session, { endProfile: () => profile.end() });
      } catch (error) {
        await profile.discard();
        throw error;
      }
    },
  };
}

async function openDirectory(open: OpenModel, versionDirectory: string, options: LoadOptions): Promise<Session> {
  // A thread whose load fails is terminated, which native code does not survive: nothing may run on after a load.
  await canOpenDirectly();
  const file = await findModelFile(versionDirectory);
  checkCudaOptions(file, options.parameters);
  checkParameters(file, options.parameters, [OPTIONAL_INPUTS]);
  checkProvider(file, options);
  const { source: whole, facts } = await modelSource(file);
  const optional = await withOptionalInputs(file, whole, optionalInputs(options));
  const source = optional?.source ?? whole;
  const sessionOptions = toSessionOptions(options, typeof source === 'string' ? undefined : file);
  const ort = await openModel((each) => open(source, each), file, options, sessionOptions);
  try {
    const signature = readSignature(ort, facts);
    const signatures = new Map([
      [DEFAULT_SIGNATURE_NAME, optional === undefined ? signature : withValues(signature, optional.values)],
    ]);
    return new OnnxSession(ort, signatures, leftOutTexts(ort.outputMetadata));
  } catch (error) {
    await ort.release();
    if (error instanceof ServingError) throw loadFailed(file, error.message, error);
    throw error;
  }
}

function optionalInputs({ parameters }: LoadOptions): readonly string[] {
  const names = parameters.get(OPTIONAL_INPUTS);
  return typeof names === 'string' ? names.split('\n').filter((name) => name !== '') : [];
}

/** The execution providers whose libraries are installed with ONNX Runtime. */
export function installedProviders(): readonly string[] {
  return listSupportedBackends()
    .filter(({ bundled }) => bundled)
    .map(({ name }) => name);
}

/** Options of ONNX Runtime's CUDA provider that owners know from elsewhere. */
const CUDA_OPTIONS =
  /^(device_id|gpu_mem_limit|arena_extend_strategy|cudnn_\w+|do_copy_in_default_stream|enable_cuda_graph|prefer_nhwc|use_tf32|tunable_op_\w+)$/;

/** Nothing that an owner sets is left out silently. */
function checkCudaOptions(file: string, parameters: ModelParameters): void {
  const name = [...parameters.keys()].find((each) => CUDA_OPTIONS.test(each));
  if (name === undefined) return;
  const advice = name === 'device_id' ? 'say devices in its place' : 'take it out';
  const text = `parameter "${name}" cannot reach ONNX Runtime: onnxruntime-node passes on the device alone; ${advice}`;
  throw loadFailed(file, text);
}

/** Rejects providers that ONNX Runtime does not know, and CUDA where this machine lacks something for it. */
function checkProvider(file: string, options: LoadOptions): void {
  const { executionProvider: provider, devices } = options;
  const known = listSupportedBackends().map(({ name }) => name);
  if (!known.includes(provider)) {
    const text = `execution provider "${provider}" is not known to ONNX Runtime here; it knows ${known.join(', ')}`;
    throw loadFailed(file, text);
  }
  if (provider !== 'cuda') {
    if (devices === undefined) return;
    throw loadFailed(file, `devices are those of provider cuda, and this model runs on ${provider}; leave them out`);
  }
  const state = readCudaState();
  const problems = [...cudaProblems(state, deviceOf(options)), ...pathProblem(state)];
  if (problems.length > 0) throw loadFailed(file, cudaText(problems));
}

/** Reports a wrong LD_LIBRARY_PATH: the process has then loaded onnxruntime-node's own library, without a provider. */
function pathProblem({ libraries }: Pick<CudaState, 'libraries'>): readonly string[] {
  const [first] = (process.env['LD_LIBRARY_PATH'] ?? '').split(':');
  if (libraries === undefined || first === libraries) return [];
  return [`LD_LIBRARY_PATH of this process does not begin with "${libraries}", as a model's own process has it`];
}

async function openModel(
  open: (options: InferenceSession.SessionOptions) => Promise<OrtModel>,
  file: string,
  options: LoadOptions,
  sessionOptions: InferenceSession.SessionOptions,
): Promise<OrtModel> {
  try {
    return await open(sessionOptions);
  } catch (error) {
    const known =
      (await unsupportedTypeText(file, sessionOptions, error)) ?? (await externalDataText(file, String(error)));
    throw loadFailed(file, known ?? explain(error, options), error);
  }
}

/**
 * The options turn spinning off, with which a pool's idle threads take CPU from other slots and the event loop after
 * each run. They turn memory patterns off, for which the runtime keeps a block for every shape that it has run, beside
 * the memory of the first run of it (docs/why/memory.md). `file`: that beside which a model that is opened from its
 * bytes has its weights.
 */
function toSessionOptions(options: LoadOptions, file: string | undefined): InferenceSession.SessionOptions {
  return {
    executionProviders: [providerOf(options)],
    intraOpNumThreads: options.intraOpThreads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    enableMemPattern: false,
    graphOptimizationLevel: 'all',
    logSeverityLevel: LOG_FATAL_ONLY,
    extra: {
      session: {
        intra_op: { allow_spinning: '0' },
        inter_op: { allow_spinning: '0' },
        ...(file !== undefined && { model_external_initializers_file_folder_path: dirname(file) }),
      },
    },
  };
}

/** onnxruntime-node passes the device, and no other option of the provider, to ONNX Runtime. */
function providerOf(options: LoadOptions): InferenceSession.ExecutionProviderConfig {
  const { executionProvider: name } = options;
  return name === 'cuda' ? { name, deviceId: deviceOf(options) } : name;
}

/** A library's or the driver's words, not the model's. */
const CUDA_FAILED = /\bCU[A-Z]+ failure\b|Failed to load shared library/i;

function explain(error: unknown, { executionProvider }: LoadOptions): string {
  const raw = ortText(error);
  const text = missingLocaleText(raw) ?? raw;
  if (executionProvider !== 'cuda' || !CUDA_FAILED.test(text)) return text;
  const old = oldDriver(readCudaState());
  return cudaText(old === undefined ? [text] : [text, old]);
}

function cudaText(problems: readonly string[]): string {
  const advice = 'or run the model on the cpu (provider: cpu; in a config.pbtxt KIND_CPU)';
  return `execution provider "cuda": CUDA cannot be used: ${problems.join('; ')}; ${advice}`;
}

/** The device of the session. */
function deviceOf({ devices = [0], slot }: LoadOptions): number {
  return devices[slot % devices.length]!;
}

function readSignature(ort: OrtModel, facts: FileFacts): Signature {
  const inputs = inputTensors(ort.inputMetadata, facts);
  const outputs = withFreeLabels(outputTensors(ort.outputMetadata), facts.labels);
  const batchAxis = batchAxisCandidate(inputs, outputs);
  const methodName = PREDICT_METHOD_NAME;
  return { inputs: inputSpecs(inputs, facts), outputs: outputSpecs(outputs, facts), methodName, batchAxis };
}

function loadFailed(file: string, text: string, cause?: unknown): ServingError {
  return new ServingError('load_failed', `"${file}": ${text}`, { cause });
}
