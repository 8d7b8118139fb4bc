/** Values that all requests for one signature of one version share, computed once. */
import type { Signature } from '../../core/signature.ts';

export interface ServedSignature {
  readonly name: string;
  readonly version: bigint;
  /** The version as a text, for metrics and logs. */
  readonly versionText: string;
  readonly signatureName: string;
  readonly signature: Signature;
  /** All outputs in the signature's order, which a request gets if it names none. */
  readonly outputNames: readonly string[];
  /** The same for a step of a sequence: without the outputs that are its next state. Absent = it keeps no state. */
  readonly stepOutputNames?: readonly string[] | undefined;
}
