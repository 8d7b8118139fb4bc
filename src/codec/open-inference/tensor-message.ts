/**
 * InferInputTensor and InferOutputTensor, which have the same fields: a tensor's head, and perhaps its elements.
 *
 *   1 name, 2 datatype, 3 shape, 4 parameters, 5 contents
 */
import { invalidRequest } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { lengthDelimited, varintTag, type WireReader } from '../protobuf/wire-reader.ts';
import { type ReadParameters, readParameter } from './parameter-codec.ts';
import { shortText } from './short-text.ts';
import { TypedContents } from './typed-contents.ts';

/** The most dims of a tensor, as in TensorFlow Serving. */
const MAX_RANK = 254;

/** A tensor as it was read: nothing is checked but its rank. */
export class TensorMessage {
  name = '';
  datatype = '';
  readonly shape: number[] = [];
  parameters: ReadParameters;
  readonly contents = new TypedContents();

  /** Reads the message before which `reader` is. Throws `invalid_request`. */
  static read(reader: WireReader): TensorMessage {
    const tensor = new TensorMessage();
    const outer = reader.enter();
    while (reader.next()) tensor.#readField(reader);
    reader.leave(outer);
    return tensor;
  }

  #readField(reader: WireReader): void {
    switch (reader.tag) {
      case lengthDelimited(1):
        this.name = shortText(reader, 'the name of a tensor');
        break;
      case lengthDelimited(2):
        this.datatype = shortText(reader, 'a datatype');
        break;
      case varintTag(3):
        this.#readDim(reader);
        break;
      case lengthDelimited(3): {
        const outer = reader.enter();
        while (reader.position < reader.end) this.#readDim(reader);
        reader.leave(outer);
        break;
      }
      case lengthDelimited(4):
        this.parameters = readParameter(reader, 'parameters of a tensor', this.parameters);
        break;
      case lengthDelimited(5):
        this.contents.scan(reader);
        break;
      default:
        reader.skip();
    }
  }

  #readDim(reader: WireReader): void {
    if (this.shape.length === MAX_RANK) {
      throw invalidRequest(`tensor ${quoteName(this.name)} has more than ${MAX_RANK} dims; send a shape of fewer`);
    }
    this.shape.push(reader.int64AsNumber());
  }
}
