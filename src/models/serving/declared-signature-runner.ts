/**
 * The runner of a servable whose pillion.yaml declares signatures (views): turns a request for a view into one for the
 * graph, and converts the answer. Requests for the graph's own signatures are passed on.
 */
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import type { SharedError } from '../../core/errors.ts';
import type { Signatures } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { TaskContext } from '../../scheduler/task.ts';
import {
  type DeclaredSignature,
  fromGraphOutputs,
  graphOutputs,
  toGraphInputs,
  toGraphInputsApart,
} from './declared-signature.ts';
import { RunnerAbove } from './runner-above.ts';
import type { ServableRequest, ServableRunner } from './servable.ts';

/** Declared signatures by name. */
export type DeclaredSignatures = ReadonlyMap<string, DeclaredSignature>;

/** The signatures that callers see: the graph's own and the views, which replace graph signatures of the same name. */
export function withDeclaredSignatures(graphs: Signatures, views: DeclaredSignatures | undefined): Signatures {
  if (views === undefined) return graphs;
  const signatures = new Map(graphs);
  for (const [key, view] of views) signatures.set(key, view.signature);
  return signatures;
}

export class DeclaredSignatureRunner extends RunnerAbove {
  readonly #views: DeclaredSignatures;
  readonly #maxBytes: number;
  readonly #thread: CodecThread | undefined;
  /** Requests whose examples are being read. */
  readonly #reading = new Set<Promise<TensorMap>>();

  /**
   * `maxBytes`: the most bytes of the tensors that are made of one request's examples. `thread` reads many examples;
   * without it the event loop reads all.
   */
  constructor(inner: ServableRunner, views: DeclaredSignatures, maxBytes: number, thread?: CodecThread) {
    super(inner);
    this.#views = views;
    this.#maxBytes = maxBytes;
    this.#thread = thread;
  }

  submit(request: ServableRequest): Promise<TensorMap> {
    const view = this.#views.get(request.signatureName);
    if (view === undefined) return this.inner.submit(request);
    return this.#run([{ view, request }]).then(([outputs]) => outputs!);
  }

  /** A view's requests are submitted: their examples say how many rows they are. */
  refusalOf(signatureName: string, context: TaskContext): SharedError | undefined {
    return this.#views.has(signatureName) ? undefined : this.inner.refusalOf?.(signatureName, context);
  }

  /** Views that make the same tensors of the same examples share one run; the others run one after another. */
  async submitTogether(requests: readonly ServableRequest[]): Promise<readonly TensorMap[]> {
    const answers = new Map<ServableRequest, TensorMap>();
    for (const group of this.#groups(requests)) {
      // Not in parallel: a request's cancel signal has room for one listener.
      const outputs = await this.#answer(group);
      for (let i = 0; i < group.length; i++) answers.set(group[i]!, outputs[i]!);
    }
    return requests.map((request) => answers.get(request)!);
  }

  #answer(group: readonly ServableRequest[]): Promise<readonly TensorMap[]> {
    const viewed = group.map((request) => ({ request, view: this.#views.get(request.signatureName) }));
    if (viewed.every(isViewed)) return this.#run(viewed);
    // The graph's own signatures are never grouped.
    return this.inner.submit(group[0]!).then((outputs) => [outputs]);
  }

  #groups(requests: readonly ServableRequest[]): Iterable<ServableRequest[]> {
    const groups = new Map<string, ServableRequest[]>();
    for (const request of requests) {
      const inputs = this.#views.get(request.signatureName)?.inputs;
      const key = inputs?.kind === 'examples' ? `shared ${inputs.sharing}` : `alone ${request.signatureName}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [request]);
      else group.push(request);
    }
    return groups.values();
  }

  /** Answers requests with the same inputs by one run. */
  async #run(viewed: readonly Viewed[]): Promise<readonly TensorMap[]> {
    const { view, request } = viewed[0]!;
    const apart = this.#thread && toGraphInputsApart(view, request, this.#maxBytes, this.#thread);
    const inputs =
      apart === undefined ? toGraphInputs(view, request.inputs, this.#maxBytes) : await this.#read(apart, request);
    const outputs = [...new Set(viewed.flatMap((each) => graphOutputs(each.view, each.request.outputs)))];
    const { context, sequence } = request;
    const given = await this.inner.submit({ signatureName: view.graphName, inputs, outputs, context, sequence });
    return viewed.map((each) => fromGraphOutputs(each.view, given, each.request.outputs));
  }

  /** Requests whose examples are read are not queued yet: the version may not close before they are. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#reading);
    await this.inner.close();
  }

  async #read(reading: Promise<TensorMap>, { context }: ServableRequest): Promise<TensorMap> {
    this.#reading.add(reading);
    try {
      const inputs = await reading;
      context.cancel.throwIfCancelled();
      return inputs;
    } finally {
      this.#reading.delete(reading);
    }
  }
}

interface Viewed {
  readonly view: DeclaredSignature;
  readonly request: ServableRequest;
}

function isViewed(each: { readonly view: DeclaredSignature | undefined }): each is Viewed {
  return each.view !== undefined;
}
