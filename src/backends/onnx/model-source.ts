/**
 * The source that ONNX Runtime opens: the model's file, or its bytes where a part is served otherwise than the file has
 * it. It also reads the facts that ONNX Runtime does not tell of the file.
 */
import { readFile } from 'node:fs/promises';
import { quoteName } from '../../core/list-names.ts';
import type { TensorMetadata } from '../batch-axis.ts';
import { labelsOf } from './classifier-labels.ts';
import { scalarsOf } from './declared-scalars.ts';
import { readModelFile } from './graph/proto/model-file.ts';
import { optionalNote, optionalTensorsOf } from './optional-types.ts';
import { textNotesOf } from './text-notes.ts';
import { withoutZipMaps, type ZipMap, zipMapsOf } from './zip-map.ts';

/** The facts of a model file that ONNX Runtime does not tell. */
export interface FileFacts {
  /** Inputs and outputs that are declared as scalars. */
  readonly scalars: ReadonlySet<string>;
  /** Outputs that are labels of a classifier. */
  readonly labels: ReadonlySet<string>;
  /** The tensors of inputs that are optionals. */
  readonly optionals: ReadonlyMap<string, TensorMetadata>;
  /** How an output or an input is served otherwise than the file has it, or what texts of an input come to: a text, by its name. */
  readonly notes: ReadonlyMap<string, string>;
}

export interface ModelSource {
  readonly source: string | Uint8Array<ArrayBuffer>;
  readonly facts: FileFacts;
}

/** More classes would fill the log. */
const SHOWN_CLASSES = 20;

/** Rejects with the file system's error. */
export async function modelSource(file: string): Promise<ModelSource> {
  const { maps, texts, ...sets } = await look(file);
  const noted = [...sets.optionals.keys()].map((name) => [name, optionalNote(name)] as const);
  const mapped = maps.map((map) => [map.output, noteOf(map)] as const);
  const facts = { ...sets, notes: new Map([...texts, ...noted, ...mapped]) };
  return { source: maps.length === 0 ? file : withoutZipMaps(await readFile(file), maps), facts };
}

type Found = Pick<FileFacts, 'scalars' | 'labels' | 'optionals'> & {
  readonly maps: readonly ZipMap[];
  readonly texts: FileFacts['notes'];
};

/** A file that is no model, or has too many nodes to be read here, is ONNX Runtime's to judge. */
async function look(file: string): Promise<Found> {
  try {
    const model = await readModelFile(file);
    const own = { scalars: scalarsOf(model), labels: labelsOf(model), optionals: optionalTensorsOf(model) };
    return { maps: zipMapsOf(model), texts: textNotesOf(model), ...own };
  } catch {
    return { maps: [], texts: new Map(), scalars: new Set(), labels: new Set(), optionals: new Map() };
  }
}

function noteOf({ output, classes }: ZipMap): string {
  const shown = classes.slice(0, SHOWN_CLASSES).map(quoteName).join(', ');
  const more = classes.length > SHOWN_CLASSES ? ` and ${classes.length - SHOWN_CLASSES} more` : '';
  return (
    `output ${quoteName(output)} is a map of classes (ZipMap): it is served as a tensor [rows, ${classes.length}] of ` +
    `float32, whose columns are the classes ${shown}${more}`
  );
}
