/**
 * Reads the tags and signatures of the graphs in saved_model.pb. The graphs themselves are passed over: TensorFlow reads
 * them, and graph/ where rows are followed.
 *
 *   SavedModel   {2 meta_graphs}
 *   MetaGraphDef {1 meta_info_def {4 tags}, 2 graph_def, 5 signature_def: map<string, SignatureDef>}
 */
import { lengthDelimited, WireReader } from '../../codec/protobuf/wire-reader.ts';
import { forEachField, inside, readMapEntry, readSignatureDef, type SignatureDef } from '../signature-def.ts';

export interface SavedSignature extends SignatureDef {
  /** Serialized TensorProtos by input. */
  readonly defaults: ReadonlyMap<string, Uint8Array>;
}

export interface MetaGraph {
  readonly tags: readonly string[];
  /** The signatures by name, in the file's order. */
  readonly signatures: ReadonlyMap<string, SavedSignature>;
  /** The bytes of its GraphDef: a view of the file's. */
  readonly graphDef: Uint8Array;
}

const META_GRAPHS = lengthDelimited(2);
const META_INFO = lengthDelimited(1);
const GRAPH_DEF = lengthDelimited(2);
const META_INFO_TAGS = lengthDelimited(4);
const SIGNATURE_DEF = lengthDelimited(5);
const SCALAR: readonly number[] = [];

/** Throws ServingError `invalid_request` for bytes that are not protobuf. */
export function readSavedModel(bytes: Uint8Array): readonly MetaGraph[] {
  const reader = new WireReader(bytes, 'the SavedModel');
  const graphs: MetaGraph[] = [];
  forEachField(reader, () => {
    if (reader.tag === META_GRAPHS) graphs.push(inside(reader, () => readMetaGraph(reader)));
    else reader.skip();
  });
  return graphs;
}

function readMetaGraph(reader: WireReader): MetaGraph {
  const tags: string[] = [];
  const signatures = new Map<string, SavedSignature>();
  let graphDef = new Uint8Array(0);
  forEachField(reader, () => {
    if (reader.tag === META_INFO) inside(reader, () => readTags(reader, tags));
    else if (reader.tag === GRAPH_DEF) graphDef = reader.bytesField() as typeof graphDef;
    else if (reader.tag === SIGNATURE_DEF) readMapEntry(reader, signatures, () => readSignature(reader));
    else reader.skip();
  });
  return { tags, signatures, graphDef };
}

function readTags(reader: WireReader, tags: string[]): void {
  forEachField(reader, () => {
    if (reader.tag === META_INFO_TAGS) tags.push(reader.string());
    else reader.skip();
  });
}

function readSignature(reader: WireReader): SavedSignature {
  const defaults = new Map<string, Uint8Array>();
  const readValue = (): Uint8Array => reader.view(reader.position, reader.end);
  const def = readSignatureDef(reader, () => readMapEntry(reader, defaults, readValue), SCALAR);
  return { ...def, defaults };
}
