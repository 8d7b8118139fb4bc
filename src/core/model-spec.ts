/** How a request and an answer name a model, on every surface. */

export interface ModelSpec {
  readonly name: string;
  /** At most one of version and label. */
  readonly version?: bigint | undefined;
  readonly label?: string | undefined;
  /** Empty or absent = 'serving_default'. */
  readonly signatureName?: string | undefined;
}

/** The version and signature that answered. A label is never echoed. */
export interface ResolvedModelSpec {
  readonly name: string;
  readonly version: bigint;
  readonly signatureName: string;
}
