/** Predict in Python by Triton's own client, over the Open Inference Protocol (V2). Pure. */
import { PYTHON_KEY, pythonBody, reachable, socketOf } from '../code/http-code.ts';
import { named } from '../code/quoting.ts';

interface TritonCall {
  readonly rest: readonly string[];
  readonly prefix?: string;
  readonly isTls: boolean;
  readonly wantsKey?: boolean;
  readonly model: string;
  readonly version: string | undefined;
  /** The dtypes of the signature's inputs by name. */
  readonly dtypes: ReadonlyMap<string, string>;
}

/** The body of Predict for one row, or for an input that has no rows. */
interface PredictBody {
  readonly signature_name?: string;
  readonly instances?: readonly [unknown];
  readonly inputs?: unknown;
}

/** dtype → the protocol's name and numpy's. bfloat16 is not there, as numpy has none. */
const TYPES: Readonly<Record<string, readonly [datatype: string, numpy: string]>> = {
  bool: ['BOOL', 'np.bool_'],
  string: ['BYTES', 'np.object_'],
  float16: ['FP16', 'np.float16'],
  float32: ['FP32', 'np.float32'],
  float64: ['FP64', 'np.float64'],
  ...Object.fromEntries(
    [8, 16, 32, 64].flatMap((bits) => [
      [`int${bits}`, [`INT${bits}`, `np.int${bits}`]],
      [`uint${bits}`, [`UINT${bits}`, `np.uint${bits}`]],
    ]),
  ),
};

/** False where an input's dtype, or bytes in base64, cannot be written so. */
export function canAskTriton(dtypes: ReadonlyMap<string, string>, body: string): boolean {
  if (body.includes('"b64"')) return false;
  return [...inputsOf(dtypes, JSON.parse(body) as PredictBody).keys()].every((name) => typeOf(dtypes, name));
}

export function tritonCode(call: TritonCall, body: string): string {
  const { model, version, wantsKey = false, isTls, prefix = '', rest, dtypes } = call;
  const read = JSON.parse(body) as PredictBody;
  const inputs = inputsOf(dtypes, read);
  const types = [...inputs].map(([name, expression]) => {
    const [datatype, numpy] = typeOf(dtypes, name)!;
    return `    (${named(name)}, "${datatype}", np.array(${expression}, dtype=${numpy})),`;
  });
  const options = [
    ...(version === undefined ? [] : [`model_version="${version}"`]),
    ...(read.signature_name === undefined ? [] : [`parameters={"signature_name": ${named(read.signature_name)}}`]),
    ...(wantsKey ? [`headers={${PYTHON_KEY}}`] : []),
  ];
  const address = socketOf(rest) === undefined ? reachable(rest, 8501) : 'localhost:8501';
  return `import json
${wantsKey ? 'import os\n' : ''}
import numpy as np
import tritonclient.http as triton

body = ${pythonBody(body)}
inputs = []
for name, datatype, array in [
${types.join('\n')}
]:
    inputs.append(triton.InferInput(name, list(array.shape), datatype))
    inputs[-1].set_data_from_numpy(array)
client = triton.InferenceServerClient(${named(address + prefix)}${isTls ? ', ssl=True' : ''})
result = client.infer(${[named(model), 'inputs', ...options].join(', ')})
for output in result.get_response()["outputs"]:
    print(output["name"], result.as_numpy(output["name"]))`;
}

/** The expression of each input's array, with its rows, of the body. */
function inputsOf(dtypes: ReadonlyMap<string, string>, body: PredictBody): ReadonlyMap<string, string> {
  const { instances, inputs } = body;
  const [whole, value] = instances === undefined ? ['body["inputs"]', inputs] : ['body["instances"]', instances[0]];
  const isNamed = typeof value === 'object' && value !== null && !Array.isArray(value);
  const names = isNamed ? Object.keys(value) : [...dtypes.keys()].slice(0, 1);
  const of = (name: string): string => {
    if (!isNamed) return whole;
    return instances === undefined ? `${whole}[${named(name)}]` : `[row[${named(name)}] for row in ${whole}]`;
  };
  return new Map(names.map((name) => [name, of(name)]));
}

function typeOf(dtypes: ReadonlyMap<string, string>, name: string): readonly [string, string] | undefined {
  const dtype = dtypes.get(name) ?? '';
  return Object.hasOwn(TYPES, dtype) ? TYPES[dtype] : undefined;
}
