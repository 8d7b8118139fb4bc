/** A closed loop that is under way. */
export interface Load {
  /** Requests that were answered so far, whatever the answer. */
  readonly answers: number;
  /** Connections that the server has ended with an answer. */
  readonly ended: number;
  /** How often each status came: HTTP's, or gRPC's. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Why a connection failed; undefined while none has. */
  readonly failure: Error | undefined;
  /** Closes the connections. */
  close(): void;
}
