/**
 * Predict over REST: body bytes → the handler → answer bytes. The order of checks is TensorFlow Serving's: JSON syntax,
 * model, signature, then the values.
 *
 * Everything from the scan to the tensors happens in one turn of the event loop, so one scanner serves all requests.
 */
import type { Buffer } from 'node:buffer';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { STAGE_DECODE, STAGE_ENCODE } from '../../telemetry/stage-clock.ts';
import type { PredictHandler } from '../handlers/predict.ts';
import type { PredictTarget } from '../handlers/predict-target.ts';
import type { RequestContext } from '../request-context.ts';
import { PredictBodyScanner } from './json-body.ts';
import { type PredictFormat, predictFormat, readInputs } from './json-inputs.ts';
import { OutputsPrinter } from './json-outputs.ts';

interface Decoded {
  readonly target: PredictTarget;
  readonly inputs: TensorMap;
  readonly format: PredictFormat;
  /** Of a signature without a batch axis in row format: what was sent. Else 0. */
  readonly unbatchedRows: number;
}

/** A request that is queued. */
export interface PredictUnderWay {
  /** Rejects with ServingError. */
  readonly outputs: Promise<TensorMap>;
  /** The answer's bytes, once. Throws the cancel reason where nobody waits for them any more. */
  readonly print: (outputs: TensorMap) => Buffer;
}

export class RestPredict {
  readonly #handler: PredictHandler;
  readonly #scanner = new PredictBodyScanner();
  readonly #printer = new OutputsPrinter();

  constructor(handler: PredictHandler) {
    this.#handler = handler;
  }

  /** Throws ServingError, or the cancel reason, where it refuses at once: no promise is made of that. */
  begin(body: Buffer, spec: ModelSpec, context: RequestContext): PredictUnderWay {
    context.stages.enter(STAGE_DECODE, context.now());
    const { target, inputs, format, unbatchedRows } = this.#decode(body, spec, context);
    const outputs = this.#handler.predict(target, inputs, [], context);
    const print = (answer: TensorMap): Buffer => {
      // It may have been cancelled in the same turn: nobody is there to read the answer.
      context.cancel.throwIfCancelled();
      context.stages.enter(STAGE_ENCODE, context.now());
      return this.#printer.print(answer, format, unbatchedRows);
    };
    return { outputs, print };
  }

  #decode(body: Buffer, spec: ModelSpec, context: RequestContext): Decoded {
    const scanner = this.#scanner;
    let target: PredictTarget | undefined;
    try {
      const scanned = scanner.scan(body);
      target = this.#handler.resolve(withSignature(spec, scanned.signatureName), context);
      const format = predictFormat(scanned);
      const inputs = readInputs(scanner, scanned, target.signature);
      const isUnbatched = format === 'row' && target.signature.batchAxis.kind === 'none';
      return { target, inputs, format, unbatchedRows: isUnbatched ? rowsOf(inputs) : 0 };
    } catch (error) {
      target?.release();
      throw error;
    } finally {
      scanner.release();
    }
  }
}

/** In row format every input has as many. */
function rowsOf(inputs: TensorMap): number {
  return inputs.values().next().value?.shape[0] ?? 0;
}

/** The path's own object where nothing is added: it is remembered with its route. */
function withSignature(spec: ModelSpec, signatureName: string | undefined): ModelSpec {
  return signatureName === undefined ? spec : { ...spec, signatureName };
}
