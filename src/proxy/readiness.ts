/** Whether this server wants requests: every configured model is available, the application is well, and no drain has begun. */
export interface Readiness {
  readonly isReady: boolean;
  /**
   * The models were available once: the start is over, whatever has come since. The application does not count: in a pod
   * it may start only after this.
   */
  readonly hasStarted: boolean;
  /** The first reason why the server is not ready; undefined if it is. */
  readonly missing: NotReady | undefined;
  /** True if the server is ready, or only its models are missing. */
  readonly isOpen: boolean;
  /** Calls `listener` whenever one of these, or whether a model is available, may have changed; the returned function stops that. */
  onChange(listener: () => void): () => void;
}

type NotReady = 'draining' | 'models' | 'application';

const NOT_READY: Readonly<Record<NotReady, string>> = {
  draining: 'not ready: draining',
  models: 'not ready: loading models',
  application: 'not ready: waiting for the application',
};

/** The reason for people. It names no model: whoever reaches a port may ask. Undefined if the server is ready. */
export function whyNotReady({ missing }: Readiness): string | undefined {
  return missing && NOT_READY[missing];
}

export class ReadinessGate implements Readiness {
  readonly #listeners = new Set<() => void>();
  #areModelsReady = false;
  #isAppReady = true;
  #isDraining = false;
  #hasStarted = false;
  #hasBeenReady = false;

  /** True once the server has been ready: nobody sent requests before, and somebody may since. */
  get hasBeenReady(): boolean {
    return this.#hasBeenReady;
  }

  get isReady(): boolean {
    return this.missing === undefined;
  }

  get missing(): NotReady | undefined {
    if (this.#isDraining) return 'draining';
    if (!this.#areModelsReady) return 'models';
    return this.#isAppReady ? undefined : 'application';
  }

  get isOpen(): boolean {
    return this.#isAppReady && !this.#isDraining;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setModelsReady(areReady: boolean): void {
    this.#areModelsReady = areReady;
    this.#hasStarted ||= areReady && !this.#isDraining;
    this.#notify();
  }

  /** A model has become available, or is no longer. */
  noteModels(): void {
    this.#notify();
  }

  /** The application behind this server. True until this is called: there may be none. */
  setAppReady(isReady: boolean): void {
    this.#isAppReady = isReady;
    this.#notify();
  }

  /** Makes the server not ready from now on: the first step of a drain. */
  setDraining(): void {
    this.#isDraining = true;
    this.#notify();
  }

  #notify(): void {
    this.#hasBeenReady ||= this.isReady;
    for (const listener of this.#listeners) listener();
  }
}
