/**
 * Serves what a ZipMap hides. Exporters of scikit-learn, LightGBM and XGBoost end a classifier with this op, which turns
 * its probabilities into a sequence of maps from class to number. Such an output is no tensor. What goes into it is one,
 * [rows, classes]; so the node is replaced before ONNX Runtime opens the model:
 *
 *   TreeEnsembleClassifier ─▶ ZipMap ─▶ output_probability       a sequence of maps
 *   TreeEnsembleClassifier ─▶ Identity ─▶ output_probability     float32 [?, classes]
 *
 * Field numbers are those of onnx.proto; the op is in ONNX's Operators-ml.md. Pure.
 */
import type { Buffer } from 'node:buffer';
import { bytesField, message, messageField, varintField } from '../../codec/protobuf/wire-writer.ts';
import { domainOf } from '../graph/graph-proto.ts';
import {
  fieldsOf,
  GRAPH,
  graphFieldsOf,
  intsOf,
  MODEL,
  replaced,
  textOf,
  textsOf,
} from './graph/proto/message-fields.ts';

/** A ZipMap whose maps are an output of the model, and of nothing else. */
export interface ZipMap {
  readonly output: string;
  /** The classes of the columns, in their order. */
  readonly classes: readonly string[];
}

/** The field of a tensor whose values are in another file, which is found by the model's path alone. */
const EXTERNAL_DATA = 13;
const FLOAT = 1;

/**
 * Empty for a model with values in other files. Throws ServingError for bytes that are no model. Large values may be
 * missing from them (proto/model-file.ts).
 */
export function zipMapsOf(model: Uint8Array): readonly ZipMap[] {
  const maps = new Map<string, ZipMap>();
  const outputs: string[] = [];
  const taken = new Set<string>();
  for (const { number, value } of graphFieldsOf(model)) {
    if (number === GRAPH.initializer && textsOf(value, EXTERNAL_DATA).length > 0) return [];
    if (number === GRAPH.output) outputs.push(textOf(value, 1));
    if (number !== GRAPH.node) continue;
    for (const input of textsOf(value, 1)) taken.add(input);
    const map = zipMapOf(value);
    if (map !== undefined) maps.set(map.output, map);
  }
  if (maps.size === 0 || !hasIdentity(model)) return [];
  return outputs.flatMap((name) => (taken.has(name) ? [] : (maps.get(name) ?? [])));
}

/** It has the ops of ONNX itself, one of which is to stand for the map. */
function hasIdentity(model: Uint8Array): boolean {
  return [...fieldsOf(model)].some(({ number, value }) => number === MODEL.opset && domainOf(textOf(value, 1)) === '');
}

/** The model with tensors where it has these maps. */
export function withoutZipMaps(model: Uint8Array, maps: readonly ZipMap[]): Buffer<ArrayBuffer> {
  const byOutput = new Map(maps.map((map) => [map.output, map]));
  return replaced(model, (field, graph) =>
    field !== MODEL.graph
      ? undefined
      : replaced(graph, (part, value) => {
          if (part === GRAPH.node) return byOutput.has(zipMapOf(value)?.output ?? '') ? identityOf(value) : undefined;
          const map = part === GRAPH.output ? byOutput.get(textOf(value, 1)) : undefined;
          return map && outputInfo(map);
        }),
  );
}

/** Undefined = the node is another op. */
function zipMapOf(node: Uint8Array): ZipMap | undefined {
  if (textOf(node, 4) !== 'ZipMap' || textOf(node, 7) !== 'ai.onnx.ml') return undefined;
  const [output] = textsOf(node, 2);
  const classes = [...fieldsOf(node)].flatMap(({ number, value }) => (number === 5 ? classesOf(value) : []));
  return output === undefined || classes.length === 0 ? undefined : { output, classes };
}

/** The classes of an attribute; empty if it is another one. */
function classesOf(attribute: Uint8Array): readonly string[] {
  const name = textOf(attribute, 1);
  if (name === 'classlabels_strings') return textsOf(attribute, 9);
  return name === 'classlabels_int64s' ? intsOf(attribute, 8) : [];
}

function identityOf(node: Uint8Array): Uint8Array {
  const names = (field: number): Uint8Array[] => textsOf(node, field).map((name) => messageField(field, name));
  return message(...names(1), ...names(2), bytesField(3, textOf(node, 3)), bytesField(4, 'Identity'));
}

/** A ValueInfoProto: a tensor of any number of rows. */
function outputInfo({ output, classes }: ZipMap): Uint8Array {
  const anyRows = messageField(1, new Uint8Array(0));
  const shape = message(anyRows, messageField(1, varintField(1, classes.length)));
  const tensor = message(varintField(1, FLOAT), messageField(2, shape));
  return message(bytesField(1, output), messageField(2, messageField(1, tensor)));
}
