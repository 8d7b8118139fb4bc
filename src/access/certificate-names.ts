/** The names in a client certificate that was verified. */
export interface CertificateNames {
  /** Undefined without one. */
  readonly spiffe: string | undefined;
  readonly dns: readonly string[];
  /** The common name of its subject; undefined if it has none, or several. */
  readonly commonName: string | undefined;
}
