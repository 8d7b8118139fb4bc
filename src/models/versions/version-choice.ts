/** Which version: at most one of the two; neither = the latest available. */
export interface VersionChoice {
  readonly version?: bigint | undefined;
  readonly label?: string | undefined;
}
