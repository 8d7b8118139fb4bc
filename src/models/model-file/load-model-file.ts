/**
 * Reads `pillion.yaml` in a version's directory: the signatures that a model declares beside its graph's own, its
 * runtime, and help for people who try it.
 *
 * The file is read before the model is opened and checked against the graph afterwards. All its problems are reported
 * together, as `load_failed`.
 */
import { join } from 'node:path';
import { type BatchDeclaration, type DeclaredBatching, declarationOf } from '../../config/batch-declaration.ts';
import { quote, readDocument } from '../../config/yaml/problems.ts';
import { YamlDocument, type YamlPart } from '../../config/yaml/yaml-document.ts';
import { ServingError } from '../../core/errors.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import type { DeclaredSignature } from '../serving/declared-signature.ts';
import {
  type RuntimeDeclaration,
  readDeclarations,
  type SignatureDeclaration,
  type TryOutDeclaration,
  WORDING,
} from './declaration.ts';
import { declareBatching } from './declare-batching.ts';
import { type DeclaredPadding, declarePadding } from './declare-padding.ts';
import { declareSignatures } from './declare-signatures.ts';
import { declareTryOut } from './declare-try-out.ts';
import { type FileKey, type FileKeys, NO_FILE_KEYS } from './file-key.ts';
import { isNameInside, isReallyInside, linesOf, readSmall } from './small-files.ts';
import { SAMPLE_LIST, type Sample, type TryOut } from './try-out-schema.ts';

const MODEL_FILE = 'pillion.yaml';

const MAX_MODEL_FILE_BYTES = 1 << 20;
const MAX_LABEL_FILE_BYTES = 16 << 20;
const MAX_SAMPLES_FILE_BYTES = 1 << 20;
const OUTSIDE = "is not in the version's directory; put it there";

export class ModelFile {
  /** The runtime of the model, unless the server's configuration names another. */
  readonly runtime: RuntimeDeclaration;
  readonly #file: YamlDocument;
  /** The file's batch axis, unless the server's configuration says something else. */
  readonly declaration: BatchDeclaration | undefined;
  readonly #declarations: readonly SignatureDeclaration[];
  readonly #declaredBatching: DeclaredBatching | 'off' | undefined;
  readonly #values: ReadonlyMap<FileKey<unknown>, unknown>;
  readonly #tryOut: DeclaredTryOut;
  #checkedTryOut: TryOut | undefined;

  constructor(file: YamlDocument, declared: FileDeclarations) {
    const { runtime, batching, values, signatures, tryOut } = declared;
    this.runtime = runtime;
    this.declaration = declarationOf(batching);
    this.#declaredBatching = batching;
    this.#file = file;
    this.#declarations = signatures;
    this.#values = values;
    this.#tryOut = tryOut;
    for (const { besideIt } of values.keys()) if (besideIt !== undefined) this.#reportModelKeys(besideIt);
  }

  /** Undefined if there is none, and before `views`, which checks it. */
  get tryOut(): TryOut | undefined {
    return this.#checkedTryOut;
  }

  /** The version has no model that these could be said of. */
  #reportModelKeys(problemOf: (key: string) => string): void {
    const { runtime } = this.runtime;
    const ofModel = [...this.#values].filter(([{ besideIt }]) => besideIt === undefined);
    const ofFeatures = ofModel.map(([{ name }, value]) => [name, value]);
    const said = { runtime, batching: this.#declaredBatching, ...Object.fromEntries(ofFeatures) };
    for (const [key, value] of Object.entries(said)) {
      if (value === undefined) continue;
      this.#file.part([key]).reportKey(problemOf(key));
    }
  }

  /** The graph's signatures with the file's batch axes. Problems are thrown by `views`. */
  declareBatching(graphs: Signatures): Signatures {
    if (this.#declaredBatching === undefined) return graphs;
    const part = this.#file.part(['batching']);
    return declareBatching(this.#declaredBatching, graphs, 'declared in pillion.yaml', (problem, side, name) =>
      part.reportKey(problem, ...(name === undefined ? [] : [side!, name])),
    );
  }

  /** The file's value of a feature's key; undefined = it has none. */
  valueOf<T>(key: FileKey<T>): T | undefined {
    return this.#values.get(key) as T | undefined;
  }

  /** A problem below a feature's key, which `views` throws. */
  report({ name }: FileKey<unknown>, problem: string, ...keys: readonly (string | number)[]): void {
    this.#file.reportKey([name, ...keys], problem);
  }

  /** How shorter rows are padded, by signature. Problems are thrown by `views`. */
  paddings(graphs: Signatures): ReadonlyMap<string, DeclaredPadding> {
    const declared = this.#declaredBatching;
    if (declared === undefined || declared === 'off') return new Map();
    const part = this.#file.part(['batching']);
    return declarePadding(declared, graphs, (problem, name) => part.reportKey(problem, 'pad_values', name));
  }

  /** The views by name. Throws `load_failed` with all problems of the file. Call once. */
  views(graphs: ReadonlyMap<string, Signature>): ReadonlyMap<string, DeclaredSignature> {
    const views = declareSignatures(this.#declarations, graphs);
    const { hints, samples, samplesFile } = this.#tryOut;
    const samplePart = (at: number): YamlPart => samplesFile?.part([at]) ?? this.#file.part(['samples', at]);
    const inputsPart = this.#file.part(['inputs']);
    this.#checkedTryOut = declareTryOut({ hints, samples, inputsPart, samplePart }, graphs, views);
    this.#file.sortProblems();
    const problems = [...this.#file.problems, ...(samplesFile?.problems ?? [])];
    if (problems.length === 0) return views;
    const heading = problems.length === 1 ? '' : `${this.#file.path} has ${problems.length} problems:\n`;
    throw new ServingError('load_failed', heading + problems.join('\n'));
  }
}

/**
 * Undefined if the version has no such file. `keys`: those of features. Rejects with `load_failed` if the file cannot be
 * read.
 */
export async function loadModelFile(
  versionDirectory: string,
  keys: FileKeys = NO_FILE_KEYS,
): Promise<ModelFile | undefined> {
  const path = join(versionDirectory, MODEL_FILE);
  const bytes = await readSmall(path, MAX_MODEL_FILE_BYTES);
  if (bytes === undefined) return undefined;
  if (typeof bytes === 'string') throw new ServingError('load_failed', `${path}: ${bytes}`);
  const file = new YamlDocument(path, bytes);
  const { signatures: unread, tryOut: described, batching, values, ...runtime } = readDeclarations(file, keys);
  const signatures: SignatureDeclaration[] = [];
  for (const declared of unread) signatures.push(await withLabels(versionDirectory, declared));
  const tryOut = await withSamples(versionDirectory, described, file.part(['samples']));
  return new ModelFile(file, { signatures, batching, values, tryOut, runtime });
}

/** The declarations of a file; the files that it names have been read. */
interface FileDeclarations {
  readonly signatures: readonly SignatureDeclaration[];
  readonly runtime: RuntimeDeclaration;
  readonly batching: DeclaredBatching | 'off' | undefined;
  readonly values: ReadonlyMap<FileKey<unknown>, unknown>;
  readonly tryOut: DeclaredTryOut;
}

interface DeclaredTryOut {
  readonly hints: TryOutDeclaration['inputs'];
  readonly samples: readonly Sample[];
  /** Undefined if pillion.yaml itself holds the samples. */
  readonly samplesFile: YamlDocument | undefined;
}

/** Reads the file of samples, if there is one. JSON is YAML, too. */
async function withSamples(directory: string, declared: TryOutDeclaration, part: YamlPart): Promise<DeclaredTryOut> {
  const { inputs: hints, samples } = declared;
  if (typeof samples !== 'string') return { hints, samples, samplesFile: undefined };
  const bad = (problem: string): DeclaredTryOut => {
    part.report(`the file of samples ${quote(samples)} ${problem}`);
    return { hints, samples: [], samplesFile: undefined };
  };
  const path = join(directory, samples);
  if (!isNameInside(samples) || !(await isReallyInside(directory, path))) return bad(OUTSIDE);
  const bytes = (await readSmall(path, MAX_SAMPLES_FILE_BYTES)) ?? 'there is no such file';
  if (typeof bytes === 'string') return bad(`cannot be used: ${bytes}`);
  const samplesFile = new YamlDocument(path, bytes);
  const read = samplesFile.data === null ? undefined : readDocument(samplesFile, SAMPLE_LIST, WORDING);
  if (samplesFile.data === null && samplesFile.problems.length === 0) return bad('cannot be used: it is empty');
  return { hints, samples: read ?? [], samplesFile };
}

async function withLabels(directory: string, declared: SignatureDeclaration): Promise<SignatureDeclaration> {
  const { labels } = declared;
  if (typeof labels !== 'string') return declared;
  const bad = (problem: string): SignatureDeclaration => {
    declared.part.report(`the file of labels ${quote(labels)} ${problem}`, 'labels');
    return { ...declared, labels: undefined };
  };
  // A model must not serve other files as its labels.
  if (!isNameInside(labels)) return bad(OUTSIDE);
  const bytes = (await readSmall(join(directory, labels), MAX_LABEL_FILE_BYTES)) ?? 'there is no such file';
  if (typeof bytes === 'string') return bad(`cannot be used: ${bytes}`);
  return bytes.length === 0 ? bad('cannot be used: it is empty') : { ...declared, labels: linesOf(bytes) };
}
