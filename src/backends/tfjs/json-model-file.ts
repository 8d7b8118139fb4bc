/**
 * Reads model.json, which TensorFlow.js's converter and its save() write: a graph, whose signature names its inputs and
 * outputs, or layers, which name their own; and a manifest of the weight files.
 */
import { readFile } from 'node:fs/promises';
import { loadFailed } from './tensorflow-errors.ts';

export const JSON_MODEL_FILE = 'model.json';

/** TensorInfo in JSON: sizes are strings, a dtype is a name or a number. */
export interface JsonTensorInfo {
  readonly name?: string;
  readonly dtype?: string | number;
  readonly tensorShape?: {
    readonly dim?: readonly { readonly size?: string | number }[];
    readonly unknownRank?: boolean;
  };
}

export interface JsonSignature {
  readonly inputs?: Readonly<Record<string, JsonTensorInfo>>;
  readonly outputs?: Readonly<Record<string, JsonTensorInfo>>;
}

export interface JsonModel {
  readonly file: string;
  readonly format: 'graph-model' | 'layers-model';
  /** A graph's signature, if the converter wrote one. */
  readonly signature: JsonSignature | undefined;
  /** The fields as the file has them: whoever reads them checks them. */
  readonly topology: object;
  readonly weightsManifest: unknown;
}

interface ModelJson {
  readonly format?: unknown;
  readonly modelTopology?: { readonly node?: unknown } | null;
  readonly weightsManifest?: unknown;
  readonly signature?: JsonSignature;
  readonly userDefinedMetadata?: { readonly signature?: JsonSignature };
}

/** Does not read the weights. Rejects with `load_failed` for a file that is not a model. */
export async function readJsonModel(file: string): Promise<JsonModel> {
  let json: ModelJson | null;
  try {
    json = JSON.parse(await readFile(file, 'utf8')) as ModelJson | null;
  } catch (error) {
    throw loadFailed(file, `it is no JSON that can be read: ${(error as Error).message}`, error);
  }
  const topology = json?.modelTopology;
  if (typeof json !== 'object' || json === null || typeof topology !== 'object' || topology === null) {
    throw loadFailed(file, 'it is no model of TensorFlow.js: "modelTopology" is missing');
  }
  // Early converters did not write a format.
  const format = json.format ?? (Array.isArray(topology.node) ? 'graph-model' : 'layers-model');
  if (format !== 'graph-model' && format !== 'layers-model') {
    throw loadFailed(file, `format ${JSON.stringify(format)} is not known; it is graph-model or layers-model`);
  }
  const signature = json.signature ?? json.userDefinedMetadata?.signature;
  return { file, format, signature, topology, weightsManifest: json.weightsManifest };
}
