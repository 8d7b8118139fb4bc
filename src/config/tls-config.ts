/**
 * What a listener needs for TLS. PEM texts, not paths: TensorFlow Serving's SSLConfig holds the contents.
 */
export interface TlsConfig {
  /** Private key and certificate chain of the server. */
  readonly serverKey: string;
  readonly serverCert: string;
  /** Authorities that may have signed a client's certificate; undefined = the system's own. */
  readonly customCa: string | undefined;
  /** Refuse clients that show no certificate signed by one of those. */
  readonly verifyClient: boolean;
}
