/** How a request names a model, and how an answer does; the same for every surface. */

export interface ModelSpec {
  readonly name: string;
  /** At most one of version and label. */
  readonly version?: bigint | undefined;
  readonly label?: string | undefined;
  /** Empty or absent = 'serving_default'. */
  readonly signatureName?: string | undefined;
}

/** Always concrete: the version that answered and the signature's real name. A label is never echoed. */
export interface ResolvedModelSpec {
  readonly name: string;
  readonly version: bigint;
  readonly signatureName: string;
}
