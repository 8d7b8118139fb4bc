/** A client that waits longer has given up. */
export const PATIENCE_MS = 5000;

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Of the model that answered. */
  readonly version: string | undefined;
}
