/**
 * What one request asks for, whatever the surface: made by decoding it, then taken through these steps, in their order, by
 * the exchange (exchange.ts), or by `runCall` where there is none.
 */

export interface Call<Given> {
  /** Finds who is to answer, and borrows it. Throws ServingError. */
  resolve(): void;
  /** Holds what was sent against what the model wants. Throws ServingError, or the cancel reason. */
  check(): void;
  /**
   * Asks the model; from here on nothing is to be given back. Throws ServingError where it is refused at once, and has
   * kept nothing of the request then; rejects with one where it fails later.
   */
  submit(): Given | Promise<Given>;
  /** Instead of what follows, where one of the steps throws. Gives back what was borrowed. */
  abandon(): void;
}

/** All of them, for who has no exchange: a replay, the console. Rejects with ServingError. */
export async function runCall<Given>(call: Call<Given>): Promise<Given> {
  let given: Given | Promise<Given>;
  try {
    call.resolve();
    call.check();
    given = call.submit();
  } catch (error) {
    call.abandon();
    throw error;
  }
  return given;
}

/** A call that no model is run for: what it asks for is looked up, or done, and that is the answer. */
export class Lookup<Given> implements Call<Given> {
  readonly #find: () => Given | Promise<Given>;

  /** `find` throws or rejects with ServingError. */
  constructor(find: () => Given | Promise<Given>) {
    this.#find = find;
  }

  resolve(): void {
    // Nothing is borrowed.
  }

  check(): void {
    // What is asked for says it all.
  }

  submit(): Given | Promise<Given> {
    return this.#find();
  }

  abandon(): void {
    // Nothing was borrowed.
  }
}
