/**
 * map<string, InferParameter>: the parameters of a request or a tensor.
 *
 *   InferParameter {1 bool, 2 int64, 3 string, 4 double, 5 uint64}, a oneof
 *
 * ModelRepositoryParameter is read by it, too: its field 4 is bytes, of which only the name is of use here.
 */
import { lengthDelimited, varintTag, WIRE_FIXED64, type WireReader } from '../protobuf/wire-reader.ts';
import { checkNameCount, type ParameterValue } from './infer-request.ts';
import { shortText } from './short-text.ts';

const BOOL = 1;
const INT64 = 2;
const STRING = 3;
const DOUBLE = 4;
const UINT64 = 5;
/** A ModelRepositoryParameter has bytes where an InferParameter has a double. */
const BYTES = 4;

/** Parameters that are still read; undefined = none has come. */
export type ReadParameters = Map<string, ParameterValue> | undefined;

/**
 * Reads one entry of the map `field`, before which `reader` is, beside those that were read. An entry without a value
 * is left out. Throws ServingError.
 */
export function readParameter(reader: WireReader, field: string, before: ReadParameters): ReadParameters {
  const outer = reader.enter();
  let name = '';
  let value: ParameterValue | undefined;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = shortText(reader, `a name in ${field}`);
    else if (reader.tag === lengthDelimited(2)) value = readValue(reader) ?? value;
    else reader.skip();
  }
  reader.leave(outer);
  if (value === undefined) return before;
  const parameters = before ?? new Map<string, ParameterValue>();
  parameters.set(name, value);
  checkNameCount(field, parameters.size);
  return parameters;
}

/** The last value that is there, as protobuf has it for a oneof. */
function readValue(reader: WireReader): ParameterValue | undefined {
  const outer = reader.enter();
  let value: ParameterValue | undefined;
  while (reader.next()) {
    switch (reader.tag) {
      case varintTag(BOOL):
        value = reader.int64() !== 0n;
        break;
      case varintTag(INT64):
        value = reader.int64();
        break;
      case varintTag(UINT64):
        value = BigInt.asUintN(64, reader.int64());
        break;
      case lengthDelimited(STRING):
        value = reader.string();
        break;
      case (DOUBLE << 3) | WIRE_FIXED64:
        reader.advance(8);
        value = reader.bytes.readDoubleLE(reader.position - 8);
        break;
      case lengthDelimited(BYTES):
        reader.skip();
        value = '';
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  return value;
}
