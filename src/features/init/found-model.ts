/** Loads a model once, as a server would, to see what it is, and runs it on a sample request. */
import { Buffer } from 'node:buffer';
import type { Session } from '../../backends/backend.ts';
import type { Backends } from '../../backends/backends.ts';
import { importBackend } from '../../backends/import-backend.ts';
import { loadOptionsOf } from '../../backends/load-options.ts';
import { loadSession } from '../../backends/load-session.ts';
import { OutputsPrinter } from '../../codec/json/json-outputs.ts';
import type { Columns } from '../../core/columns/columns.ts';
import { DEFAULT_SIGNATURE_NAME, declaredRows, type Signature, type Signatures } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { trialZeros } from '../../core/trial-inputs.ts';

export interface FoundModel {
  /** The runtime's name. */
  readonly kind: string;
  readonly signatures: Signatures;
  /** Sentences about the model: of its runtime, and on what is not served as its file has it. */
  readonly notes: readonly string[];
  readonly sample: Sample;
}

/** A request, or why there is none. */
type Sample =
  | { readonly body: string /** The model's error, if it refused the request. */; readonly refusal: string | undefined }
  | { readonly body: undefined; readonly refusal: string };

/** Rejects with the runtime's error. */
export async function findModel(directory: string, backends: Backends): Promise<FoundModel> {
  const { kind, module } = await backends.find(directory);
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
  };
  const options = loadOptionsOf(
    { intraOpThreads: 1, executionProvider: 'cpu', fileRoots: [directory] },
    { log: { info: note, warn: note } },
  );
  const session = await loadSession(await importBackend(module), directory, options);
  try {
    notes.push(...(session.warnings ?? []));
    return { kind, signatures: session.signatures, notes, sample: await sampleOf(session) };
  } finally {
    await session.close();
  }
}

async function sampleOf(session: Session): Promise<Sample> {
  const { signatures } = session;
  const name = signatures.has(DEFAULT_SIGNATURE_NAME) ? DEFAULT_SIGNATURE_NAME : [...signatures.keys()][0];
  if (name === undefined) return { body: undefined, refusal: 'the model has no signature' };
  const signature = signatures.get(name)!;
  const inputs = sampleInputs(signature);
  if (inputs === undefined) return { body: undefined, refusal: 'one row of its inputs is too large to make one up' };
  const body = requestBody(name, signature.inputs, inputs, declaredRows(signature) !== undefined);
  try {
    await session.run(name, inputs, [...signature.outputs.keys()], { deadline: Infinity });
    return { body, refusal: undefined };
  } catch (error) {
    return { body, refusal: (error as Error).message };
  }
}

/** One row of zeros and of texts; undefined = it is too large. */
function sampleInputs({ inputs }: Signature): TensorMap | undefined {
  const zeros = trialZeros(inputs);
  if (zeros === undefined) return undefined;
  const text = Buffer.from('text');
  return new Map(
    [...zeros].map(([name, tensor]) => [
      name,
      tensor.dtype === 'string' ? { ...tensor, data: tensor.data.map(() => text) } : tensor,
    ]),
  );
}

/** The body of a predict request over REST. An answer's body has the same form, but for the first key. */
function requestBody(signatureName: string, specs: Signature['inputs'], inputs: TensorMap, hasRows: boolean): string {
  if (inputs.size === 0) return '{"inputs":{}}';
  const [only] = inputs.size === 1 ? specs.values() : [];
  if (only?.columns !== undefined) return JSON.stringify({ instances: [columnedRow(only.columns)] });
  const printed = new OutputsPrinter().print(inputs, hasRows ? 'row' : 'columnar').toString();
  const signature =
    signatureName === DEFAULT_SIGNATURE_NAME ? '' : `"signature_name":${JSON.stringify(signatureName)},`;
  return printed.replace(/^\{"(predictions|outputs)":/, () => `{${signature}"${hasRows ? 'instances' : 'inputs'}":`);
}

/** Zeros, and the first of the categories: both are the code 0. */
function columnedRow({ list }: Columns): Readonly<Record<string, unknown>> {
  return Object.fromEntries(list.map(({ name, categories }) => [name, categories?.[0] ?? 0]));
}
