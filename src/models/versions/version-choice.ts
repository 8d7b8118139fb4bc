/** The version that a request asks for: at most one of the two is set; neither = the latest available version. */
export interface VersionChoice {
  readonly version?: bigint | undefined;
  readonly label?: string | undefined;
}
