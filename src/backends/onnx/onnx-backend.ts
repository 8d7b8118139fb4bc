/**
 * Backend `onnx`: ONNX models on ONNX Runtime, in this process, on the CPU or on CUDA.
 *
 * The artifact is `<version>/model.onnx`, or the only *.onnx file there; ORT finds weights in files beside it. The
 * registry imports this file when it is needed, since that loads the native library.
 */
import { ServingError } from '../../core/errors.ts';
import { DEFAULT_SIGNATURE_NAME, PREDICT_METHOD_NAME, type Signature } from '../../core/signature.ts';
import { openDirect } from '../../internals/direct-model.ts';
import { type InferenceSession, listSupportedBackends, type OrtModel } from '../../internals/ort-library.ts';
import type { Backend, LoadOptions, Session } from '../backend.ts';
import { batchAxisCandidate } from '../batch-axis.ts';
import { checkParameters } from '../load-options.ts';
import { withFreeLabels } from './classifier-labels.ts';
import { findModelFile, hasModelFile } from './model-file.ts';
import { type FileFacts, type ModelSource, modelSource } from './model-source.ts';
import { OnnxSession } from './onnx-session.ts';
import { inputTensors, leftOutTexts, outputTensors, specsOf } from './onnx-signature.ts';
import { ortText, unsupportedTypeText } from './ort-errors.ts';
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
    kind: 'onnx',
    hasSessionThreads: true,

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
  const file = await findModelFile(versionDirectory);
  checkParameters(file, options.parameters);
  checkProvider(file, options.executionProvider);
  const { source, facts } = await modelSource(file);
  const ort = await openModel((sessionOptions) => open(source, sessionOptions), file, options);
  try {
    const signatures = new Map([[DEFAULT_SIGNATURE_NAME, readSignature(ort, facts)]]);
    return new OnnxSession(ort, signatures, leftOutTexts(ort.outputMetadata));
  } catch (error) {
    await ort.release();
    if (error instanceof ServingError) throw loadFailed(file, error.message, error);
    throw error;
  }
}

/** The execution providers whose libraries are installed with ONNX Runtime. */
export function installedProviders(): readonly string[] {
  return listSupportedBackends()
    .filter(({ bundled }) => bundled)
    .map(({ name }) => name);
}

/** Rejects providers that this build of ORT does not know. A missing library is found when the model is opened. */
function checkProvider(file: string, provider: string): void {
  const known = listSupportedBackends().map(({ name }) => name);
  if (known.includes(provider)) return;
  throw loadFailed(
    file,
    `execution provider "${provider}" is not known to ONNX Runtime here; it knows ${known.join(', ')}`,
  );
}

async function openModel(
  open: (options: InferenceSession.SessionOptions) => Promise<OrtModel>,
  file: string,
  options: LoadOptions,
): Promise<OrtModel> {
  const sessionOptions = toSessionOptions(options);
  try {
    return await open(sessionOptions);
  } catch (error) {
    throw loadFailed(file, (await unsupportedTypeText(file, sessionOptions, error)) ?? explain(error, options), error);
  }
}

/**
 * Without spinning, with which a pool's idle threads take CPU from other slots and the event loop after each run. Without
 * memory patterns: the runtime keeps a block for every shape that it has run, beside what the first run of it took
 * (docs/memory.md).
 */
function toSessionOptions(options: LoadOptions): InferenceSession.SessionOptions {
  return {
    executionProviders: [options.executionProvider],
    intraOpNumThreads: options.intraOpThreads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    enableMemPattern: false,
    graphOptimizationLevel: 'all',
    logSeverityLevel: LOG_FATAL_ONLY,
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
  };
}

function explain(error: unknown, { executionProvider }: LoadOptions): string {
  const text = ortText(error);
  if (executionProvider === 'cpu' || !text.includes('ailed to load shared library')) return text;
  return (
    `execution provider "${executionProvider}" is not installed (${text}); installed: ` +
    `${installedProviders().join(', ')}; put libonnxruntime_providers_${executionProvider} of the same ONNX ` +
    `Runtime version beside its library, or set the execution provider to cpu (in a config.pbtxt: kind: KIND_CPU)`
  );
}

function readSignature(ort: OrtModel, facts: FileFacts): Signature {
  const inputs = inputTensors(ort.inputMetadata);
  const outputs = withFreeLabels(outputTensors(ort.outputMetadata), facts.labels);
  const batchAxis = batchAxisCandidate(inputs, outputs);
  const methodName = PREDICT_METHOD_NAME;
  return { inputs: specsOf(inputs, facts), outputs: specsOf(outputs, facts), methodName, batchAxis };
}

function loadFailed(file: string, text: string, cause?: unknown): ServingError {
  return new ServingError('load_failed', `"${file}": ${text}`, { cause });
}
