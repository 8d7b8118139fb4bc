/** Counts the connections to the application. */

/** A connection to the application. */
export interface AppSocket {
  once(event: 'connect' | 'close', listener: () => void): unknown;
}

export class AppConnections {
  /** Made and not closed yet, idle ones too. */
  open = 0;
  readonly #onTried: (isMade: boolean) => void;

  /** `onTried`: the application took a new connection, or did not. */
  constructor(onTried: (isMade: boolean) => void) {
    this.#onTried = onTried;
  }

  /** Call it once with each connection that is being made. */
  follow(socket: AppSocket): void {
    let isMade = false;
    socket.once('connect', () => {
      isMade = true;
      this.open += 1;
      this.#onTried(true);
    });
    socket.once('close', () => {
      if (isMade) this.open -= 1;
      else this.#onTried(false);
    });
  }
}
