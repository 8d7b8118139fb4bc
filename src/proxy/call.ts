/**
 * One decoded request, whatever its surface. The exchange (exchange.ts) runs its steps in this order; `runCall` does so
 * for callers without an exchange.
 */
export interface Call<Result> {
  /** Asks for permission for each model that it names, before `resolve`; only with access control. */
  authorize(permit: Permit): void;
  /** Finds and borrows the version that answers. Throws ServingError. */
  resolve(): void;
  /** Checks the request against the version's signature. Throws ServingError, or the cancel reason. */
  check(): void;
  /**
   * Queues the run and releases the version. Throws ServingError if the request is refused at once: then nothing of it
   * is kept. Rejects with ServingError if it fails later.
   */
  submit(): Result | Promise<Result>;
  /** Releases the version after a step has thrown. */
  abandon(): void;
}

export interface Permit {
  /** `model`: as the request names it. Throws `permission_denied`. */
  permit(model: string): void;
}

/** Runs all steps but `authorize`, for a replay or the console. Rejects with ServingError. */
export async function runCall<Result>(call: Call<Result>): Promise<Result> {
  let result: Result | Promise<Result>;
  try {
    call.resolve();
    call.check();
    result = call.submit();
  } catch (error) {
    call.abandon();
    throw error;
  }
  return result;
}

const NOTHING = (): void => undefined;

/**
 * A call that runs no model: `find` gives the answer. It throws or rejects with ServingError. `model`: the one that it
 * is about; undefined if `find` leaves out what the caller may not know.
 */
export function lookupCall<Result>(model: string | undefined, find: () => Result | Promise<Result>): Call<Result> {
  const authorize = model === undefined ? NOTHING : (permit: Permit): void => permit.permit(model);
  return { authorize, resolve: NOTHING, check: NOTHING, submit: find, abandon: NOTHING };
}
