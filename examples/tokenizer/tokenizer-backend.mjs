/**
 * A backend as a plug-in: one file of JavaScript that imports nothing of Pillion (docs/how-to/add-a-backend.md).
 *
 * It turns texts into the ids of their words. The artifact is `<version>/vocabulary.json`:
 *
 *     { "length": 4, "words": ["the", "cat", "sat"] }
 *
 * A word's id is its place in the list, from 2. Other words are 1. A row has `length` ids; 0 fills it up.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = 'vocabulary.json';
const UNKNOWN = 1n;
const FIRST = 2;

export const backend = {
  kind: 'tokenizer',

  async probe(versionDirectory) {
    return stat(join(versionDirectory, FILE)).then(
      (stats) => stats.isFile(),
      () => false,
    );
  },

  async load(versionDirectory, { executionProvider, parameters, log }) {
    const file = join(versionDirectory, FILE);
    for (const name of parameters.keys()) {
      throw servingError('load_failed', `"${file}": there is no parameter "${name}"; take it out`);
    }
    if (executionProvider !== 'cpu') {
      throw servingError('load_failed', `"${file}": there is no execution provider "${executionProvider}"; use cpu`);
    }
    try {
      const session = new TokenizerSession(JSON.parse(await readFile(file, 'utf8')));
      log.info('tokenizer loaded');
      return session;
    } catch (error) {
      throw servingError('load_failed', `"${file}": ${error.message}`);
    }
  },
};

class TokenizerSession {
  #ids;
  #length;
  #isClosed = false;

  constructor({ words, length }) {
    if (!Array.isArray(words)) throw new Error('"words" is no list; write {"length": 4, "words": ["the", "cat"]}');
    if (!(Number.isInteger(length) && length > 0)) throw new Error('"length" must be a whole number above 0');
    this.#ids = new Map(words.map((word, i) => [word, BigInt(FIRST + i)]));
    this.#length = length;
    const signature = {
      inputs: new Map([['text', { dtype: 'string', shape: [-1], tensorName: 'text', isText: true }]]),
      outputs: new Map([['ids', { dtype: 'int64', shape: [-1, length], tensorName: 'ids' }]]),
      methodName: 'tensorflow/serving/predict',
      batchAxis: { kind: 'dynamic', reason: 'each text is tokenized by itself' },
    };
    this.signatures = new Map([['serving_default', signature]]);
  }

  async run(...call) {
    return this.runSync(...call);
  }

  runSync(signatureName, inputs, outputs) {
    if (this.#isClosed) throw servingError('backend_failed', 'the model has been unloaded');
    this.#check(signatureName, inputs, outputs);
    const { data } = inputs.get('text');
    const ids = new BigInt64Array(data.length * this.#length);
    for (const [row, bytes] of data.entries()) ids.set(this.#idsOf(textOf(bytes, row)), row * this.#length);
    const tensor = { dtype: 'int64', shape: [data.length, this.#length], data: new Uint8Array(ids.buffer) };
    return new Map(outputs.map((name) => [name, tensor]));
  }

  async close() {
    this.#isClosed = true;
  }

  #idsOf(text) {
    const words = text.split(/\s+/).filter((word) => word !== '');
    return words.slice(0, this.#length).map((word) => this.#ids.get(word) ?? UNKNOWN);
  }

  #check(signatureName, inputs, outputs) {
    if (signatureName !== 'serving_default') {
      const text = `the model has no signature "${signatureName}"; it has: serving_default`;
      throw servingError('signature_not_found', text);
    }
    for (const name of inputs.keys()) if (name !== 'text') throw invalid(`the model has no input "${name}"`);
    for (const name of outputs) if (name !== 'ids') throw invalid(`the model has no output "${name}"`);
    const text = inputs.get('text');
    if (text === undefined) throw invalid('input "text" is missing');
    if (text.dtype !== 'string') throw invalid(`input "text" is ${text.dtype}; the model wants string`);
    if (text.shape.length !== 1) throw invalid(`input "text" has shape [${text.shape}]; the model wants [?]`);
  }
}

/** A string element is bytes, which need not be text. */
function textOf(bytes, row) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid(`input "text", element ${row} is not UTF-8`);
  }
  if (text.includes('\0')) throw invalid(`input "text", element ${row} has a NUL`);
  return text;
}

function invalid(text) {
  return servingError('invalid_request', text);
}

/** An error that callers read: by its brand, not by its class. */
function servingError(kind, text) {
  return Object.assign(new Error(text), { [Symbol.for('pillion.ServingError')]: true, kind });
}
