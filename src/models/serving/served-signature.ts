/** What every request of one signature of one version has in common: made once, so that surfaces may derive from it. */
import type { Signature } from '../../core/signature.ts';

export interface ServedSignature {
  readonly name: string;
  readonly version: bigint;
  /** As metrics and logs have it. */
  readonly versionText: string;
  readonly signatureName: string;
  readonly signature: Signature;
  /** All of them, in the signature's order: what a request gets that names none. */
  readonly outputNames: readonly string[];
}

/** Made when the version is. */
export function servedSignature(
  name: string,
  version: bigint,
  signatureName: string,
  signature: Signature,
): ServedSignature {
  const outputNames = [...signature.outputs.keys()];
  return { name, version, versionText: version.toString(), signatureName, signature, outputNames };
}
