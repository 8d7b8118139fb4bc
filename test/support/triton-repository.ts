/** Triton model repositories for one test: directories with config.pbtxt and numbered versions. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type OnnxDim, onnxModel } from './onnx-model.ts';
import { tempDirectory } from './temp-directory.ts';

/** y = x + `plus`, so that an answer tells which version gave it. */
export function plusModel(plus: number, dims: readonly OnnxDim[] = ['rows', 2]): Uint8Array {
  const x = { name: 'x', dtype: 'float32', dims } as const;
  return onnxModel({
    inputs: [x],
    outputs: [{ ...x, name: 'y' }],
    nodes: [{ op: 'Add', inputs: ['x', 'plus'], outputs: ['y'] }],
    initializers: [{ name: 'plus', dtype: 'float32', dims: [1], data: new Uint8Array(Float32Array.of(plus).buffer) }],
  });
}

/** A config.pbtxt of plusModel. */
export function plusConfig(name: string, more = 'max_batch_size: 8', dims = '2'): string {
  return `name: "${name}"
platform: "onnxruntime_onnx"
input [ { name: "x" data_type: TYPE_FP32 dims: [ ${dims} ] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [ ${dims} ] } ]
${more}
`;
}

/** Writes a file of a model of the repository. Returns its path. */
export function writeModelFile(repository: string, model: string, path: string, content: string | Uint8Array): string {
  const file = join(repository, model, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, content);
  return file;
}

export class TritonRepository {
  readonly directory: string;

  constructor(t: TestContext) {
    this.directory = tempDirectory(t);
  }

  /** Writes a file of a model. */
  write(model: string, path: string, content: string | Uint8Array): string {
    return writeModelFile(this.directory, model, path, content);
  }

  /** A version of plusModel, renamed when whole. */
  publish(model: string, version: number, file: Uint8Array = plusModel(version)): void {
    const incoming = join(this.directory, model, `.incoming-${version}`);
    mkdirSync(incoming, { recursive: true });
    writeFileSync(join(incoming, 'model.onnx'), file);
    renameSync(incoming, join(this.directory, model, String(version)));
  }

  /** A model with config.pbtxt and versions. */
  model(name: string, config: string | undefined, versions: readonly number[] = [1]): void {
    if (config !== undefined) this.write(name, 'config.pbtxt', config);
    for (const version of versions) this.publish(name, version);
  }
}
