/**
 * Predict over REST, in JSON. The order of checks is TensorFlow Serving's: JSON syntax, model, signature, then the
 * values, which are read by the signature's dtypes. So the tensors are read in the step `resolve`, after the model is
 * known.
 *
 * Decode and resolve of a small body run in one turn of the event loop, so one scanner serves all requests. A large body
 * is read on the codec thread in two jobs, syntax and values; the model is looked up between them.
 */
import { Buffer } from 'node:buffer';
import { entriesOf, predictPieces } from '../../../../codec/json/answer-slices.ts';
import { type PredictFormat, predictFormat, readInputs } from '../../../../codec/json/json-inputs.ts';
import { OutputsPrinter } from '../../../../codec/json/json-outputs.ts';
import { type PredictBody, PredictBodyScanner } from '../../../../codec/json/predict-body.ts';
import {
  type AnsweredGroup,
  areUnequal,
  groupedPieces,
  mayDiffer,
  type RowGroup,
  unequalRows,
} from '../../../../codec/json/row-groups.ts';
import { copied, receivedTensors } from '../../../../codec-thread/carried-tensors.ts';
import { bufferOf, type PredictOutline } from '../../../../codec-thread/codec-jobs.ts';
import {
  type Ask,
  type CodecThread,
  HUGE_JSON_OUTPUTS,
  LARGE_JSON_OUTPUTS,
  LARGE_MESSAGE_BYTES,
} from '../../../../codec-thread/codec-thread.ts';
import { printedSlices } from '../../../../codec-thread/printed-slices.ts';
import { invalidRequest, type ServingError } from '../../../../core/errors.ts';
import { inSlices } from '../../../../core/in-slices.ts';
import { describeSignature } from '../../../../core/list-names.ts';
import type { ModelSpec, ResolvedModelSpec } from '../../../../core/model-spec.ts';
import { ownAxes, type Signature } from '../../../../core/signature.ts';
import { areLargerThan, memoryOf, type TensorMap } from '../../../../core/tensor.ts';
import type { Method } from '../../../exchange.ts';
import { checkInputs } from '../../../handlers/check-inputs.ts';
import { runGroupsOn } from '../../../handlers/grouped-runs.ts';
import type { ModelResolver, StandIn } from '../../../handlers/model-resolver.ts';
import { PredictCall } from '../../../handlers/predict.ts';
import type { RequestContext } from '../../../request-context.ts';
import { begunBody, type HttpBody } from '../../../sliced-body.ts';

const NO_TENSORS: TensorMap = new Map();
const ALL_OUTPUTS: readonly string[] = [];

export class RestPredict implements Method<Buffer, TensorMap, JsonPredictCall, HttpBody> {
  readonly name = 'Predict';
  readonly access = 'predict';
  readonly #resolver: ModelResolver;
  readonly #thread: CodecThread | undefined;
  readonly #scanner = new PredictBodyScanner();
  readonly #printer = new OutputsPrinter();

  /**
   * `thread` reads and writes large bodies and answers; without it the event loop does. `ignoresUnknown`: names in
   * columnar `inputs` that the signature does not have.
   */
  constructor(resolver: ModelResolver, thread?: CodecThread, ignoresUnknown = false) {
    this.#resolver = resolver;
    this.#thread = thread;
    this.#scanner.ignoresUnknown = ignoresUnknown;
  }

  decode(body: Buffer, path: ModelSpec, context: RequestContext): JsonPredictCall | Promise<JsonPredictCall> {
    if (body.length > LARGE_MESSAGE_BYTES && this.#thread !== undefined) {
      return this.#thread.use(context, (ask) => this.#decodeLarge(ask, body, path, context));
    }
    const scanner = this.#scanner;
    try {
      return new SmallPredictCall(this.#resolver, path, scanner, scanner.scan(body), context);
    } catch (error) {
      scanner.release();
      throw error;
    }
  }

  /** The body may name another signature, unless there is only one. */
  refusal(_body: Buffer, path: ModelSpec, context: RequestContext): ServingError | undefined {
    return this.#resolver.hasOneSignature(path) ? this.#resolver.refusalOf(path, context) : undefined;
  }

  encode(outputs: TensorMap, { format, sentRows, context, answered }: JsonPredictCall): HttpBody | Promise<HttpBody> {
    if (answered !== undefined) return this.#encodeGroups(answered, context);
    if (this.#thread === undefined || !areLargerThan(outputs, LARGE_JSON_OUTPUTS)) {
      return this.#printer.print(outputs, format, sentRows);
    }
    if (areLargerThan(outputs, HUGE_JSON_OUTPUTS)) {
      const pieces = predictPieces(outputs, format, sentRows);
      return begunBody(printedSlices(pieces, this.#thread, context), memoryOf(outputs));
    }
    return this.#thread.use(context, async (ask) =>
      bufferOf(await ask('printOutputs', await inSlices(copied(outputs)), format, sentRows)),
    );
  }

  #encodeGroups(groups: readonly AnsweredGroup[], context: RequestContext): HttpBody | Promise<HttpBody> {
    const pieces = groupedPieces(groups);
    if (this.#thread !== undefined && groups.some(({ outputs }) => areLargerThan(outputs, LARGE_JSON_OUTPUTS))) {
      const memory = groups.reduce((sum, { outputs }) => sum + memoryOf(outputs), 0);
      return begunBody(printedSlices(pieces, this.#thread, context), memory);
    }
    const printed = [...pieces].map((piece) => {
      if (typeof piece === 'string') return Buffer.from(piece);
      return Buffer.from(entriesOf(this.#printer.print(piece.outputs, piece.format), piece));
    });
    return Buffer.concat(printed);
  }

  async #decodeLarge(ask: Ask, body: Buffer, path: ModelSpec, context: RequestContext): Promise<JsonPredictCall> {
    const outline = await ask('scanPredict', body, this.#scanner.ignoresUnknown);
    const call = new LargePredictCall(this.#resolver, path, outline.signatureName, context);
    try {
      context.cancel.throwIfCancelled();
      call.resolveFor(outline);
      const { inputs, defaults } = call.inputSpecs;
      if (call.mayHaveGroups) {
        const groups = await ask('readGroups', { inputs, defaults });
        const received = groups.map(async ({ rows, inputs: carried }) => ({
          rows,
          inputs: await receivedTensors(carried),
        }));
        call.takeGroups(await Promise.all(received));
      } else call.take(await receivedTensors(await ask('readInputs', { inputs, defaults })));
    } catch (error) {
      call.abandon();
      throw error;
    }
    return call;
  }
}

/** Rows of one length, and their answer if there is one. */
interface OtherRows {
  readonly inputs: TensorMap;
  readonly outputs: TensorMap | undefined;
}

abstract class JsonPredictCall extends PredictCall {
  format: PredictFormat = 'row';
  /** Rows that were sent in row format; else 0. */
  sentRows = 0;
  /** The outputs of rows that differ in length; undefined = all have one. */
  answered: readonly AnsweredGroup[] | undefined;
  #groups: readonly RowGroup[] | undefined;

  constructor(resolver: ModelResolver, path: ModelSpec, signatureName: string | undefined, context: RequestContext) {
    // The route memo keeps the path's object, so it is passed on unchanged where possible.
    const modelSpec = signatureName === undefined ? path : { ...path, signatureName };
    super(resolver, { modelSpec, inputs: NO_TENSORS, outputFilter: ALL_OUTPUTS }, context);
  }

  /** Finds the version, which has to fit the body's format. */
  resolveFor(outline: Pick<PredictOutline, 'instances' | 'inputs'> | PredictBody): void {
    super.resolve();
    const { signature } = this.served;
    this.format = predictFormat(outline);
    const mayBeElsewhere = this.format === 'row' && signature.batchAxes !== undefined;
    if (mayBeElsewhere && ownAxes(signature) !== undefined) throw notByRows(this.served);
  }

  /** The signature's inputs, and those that the request may leave out: where there is a default or a state. */
  get inputSpecs(): { readonly inputs: Signature['inputs']; readonly defaults: ReadonlySet<string> | undefined } {
    const { inputs, defaults, kept: all } = this.served.signature;
    const kept = this.sequence === undefined ? undefined : all?.nextOf;
    if (defaults === undefined && kept === undefined) return { inputs, defaults: undefined };
    return { inputs, defaults: new Set([...(defaults?.keys() ?? []), ...(kept?.keys() ?? [])]) };
  }

  /** Rows may differ in length. */
  get mayHaveGroups(): boolean {
    return this.format === 'row' && this.sequence === undefined && this.served.signature.padding !== undefined;
  }

  takeGroups(groups: readonly RowGroup[]): void {
    this.take(groups[0]!.inputs);
    if (groups.length === 1) return;
    this.#groups = groups;
    this.otherRows = groups.slice(1).reduce((sum, { rows }) => sum + rows.length, 0);
  }

  protected override otherParts(): readonly OtherRows[] {
    const groups = this.#groups ?? [];
    return groups.slice(1).map(({ inputs }, i) => ({ inputs, outputs: this.answered?.[i + 1]?.outputs }));
  }

  override runOnResolved(): Promise<TensorMap> {
    const { servable } = this.handle;
    return this.#groups === undefined
      ? servable.runner.submit(this)
      : this.#runGroups(this.#groups, { handle: servable.borrow(), served: this.served });
  }

  override checkFits(served: StandIn['served']): void {
    if (this.#groups === undefined) super.checkFits(served);
    else for (const { inputs } of this.#groups) checkInputs(served, served.signature, inputs);
  }

  override runOn(other: StandIn): Promise<TensorMap> {
    return this.#groups === undefined ? super.runOn(other) : this.#runGroups(this.#groups, other);
  }

  /**
   * Resolves with the outputs of the first group, which are those of `sent`; `answered` has all. Releases the handle when it
   * settles.
   */
  async #runGroups(groups: readonly RowGroup[], on: StandIn): Promise<TensorMap> {
    const { outputs, context } = this;
    const all = await runGroupsOn(on, { inputs: groups.map(({ inputs }) => inputs), outputs, context });
    this.answered = groups.map(({ rows }, i) => ({ rows, outputs: all[i]! }));
    return all[0]!;
  }

  take(inputs: TensorMap): void {
    this.sent = inputs;
    // All inputs have the same number of rows in row format.
    if (this.format === 'row') this.sentRows = inputs.values().next().value?.shape[0] ?? 0;
  }
}

class SmallPredictCall extends JsonPredictCall {
  readonly #scanner: PredictBodyScanner;
  #scanned: PredictBody | undefined;

  constructor(
    resolver: ModelResolver,
    path: ModelSpec,
    scanner: PredictBodyScanner,
    scanned: PredictBody,
    context: RequestContext,
  ) {
    super(resolver, path, scanned.signatureName, context);
    this.#scanner = scanner;
    this.#scanned = scanned;
  }

  override resolve(): void {
    const scanned = this.#scanned!;
    this.resolveFor(scanned);
    const specs = this.sequence === undefined ? this.served.signature : this.inputSpecs;
    try {
      this.take(readInputs(this.#scanner, scanned, specs));
    } catch (error) {
      if (this.format !== 'row' || !areUnequal(error)) throw error;
      if (!this.mayHaveGroups) throw mayDiffer(specs) ? withPadding(error as ServingError) : error;
      this.takeGroups(unequalRows(this.#scanner, scanned.instances!.at, specs));
    }
    this.#releaseBody();
  }

  override abandon(): void {
    super.abandon();
    this.#releaseBody();
  }

  /** The scanner and the body's memory serve another request after this turn. */
  #releaseBody(): void {
    this.#scanned = undefined;
    this.#scanner.release();
  }
}

class LargePredictCall extends JsonPredictCall {
  override resolve(): void {
    // It was resolved while its body was read.
  }
}

/** Says how rows of different lengths are taken. */
function withPadding({ message }: ServingError): ServingError {
  return invalidRequest(
    `${message}, or send each length by itself; --pad_variable_length_inputs takes rows of different lengths, where runs ` +
      'prove that padding changes no answer of the model',
  );
}

/** Instances would be stacked at dim 0, which another dim of the signature may have the size of. */
function notByRows(model: ResolvedModelSpec): ServingError {
  return invalidRequest(
    `"instances" has one row of every input in each element, but in ${describeSignature(model)} rows are not at dim 0 ` +
      'of every input and output; send "inputs" instead, with whole tensors',
  );
}
