/** Backend `elsewhere`: its sessions run on the event loop, three runs at a time; the test ends each run. */
import type { Backend, RunOptions, Session } from '../../src/backends/backend.ts';
import { PREDICT_METHOD_NAME, type Signature } from '../../src/core/signature.ts';
import type { TensorMap } from '../../src/core/tensor.ts';

export interface ElsewhereRun {
  readonly options: RunOptions;
  /** Answers with the inputs. */
  finish(): void;
}

/** The runs of all sessions. */
export const elsewhereRuns: ElsewhereRun[] = [];

const spec = { dtype: 'float32', shape: [-1], tensorName: 'x' } as const;
const SIGNATURE: Signature = {
  inputs: new Map([['x', spec]]),
  outputs: new Map([['x', spec]]),
  methodName: PREDICT_METHOD_NAME,
  batchAxis: { kind: 'dynamic' },
};

export const backend: Backend = {
  kind: 'elsewhere',
  mustRunIn: 'inline',
  probe: async () => true,
  load: async (): Promise<Session> => ({
    signatures: new Map([['serving_default', SIGNATURE]]),
    concurrency: 3,
    run: (_name, inputs, _outputs, options) =>
      new Promise<TensorMap>((resolve) => {
        elsewhereRuns.push({ options, finish: () => resolve(inputs) });
      }),
    close: async () => undefined,
  }),
};
