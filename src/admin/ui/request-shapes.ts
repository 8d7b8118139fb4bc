/** What GET /requests tells of a request. */
export interface RequestEntry {
  readonly id: string;
  readonly trace_id?: string;
  readonly surface: string;
  readonly method: string;
  readonly model: string;
  readonly version: string;
  readonly signature: string;
  readonly rows: number;
  readonly request_bytes: number;
  readonly response_bytes: number;
  readonly outcome: string;
  readonly error?: { readonly kind: string; readonly message: string };
  readonly peer: string;
  /** ISO 8601 */
  readonly received_at: string;
  readonly duration_ms: number;
  /** From the first header on. */
  readonly stages: readonly { readonly name: string; readonly start_ms: number; readonly duration_ms: number }[];
  readonly kept: 'recent' | 'slow' | 'failed';
  readonly batch?: {
    readonly id: string;
    readonly rows: number;
    readonly size: number;
    readonly tasks: number;
    readonly reason: string;
    readonly expected_ms?: number;
    readonly run_ms?: number;
    /** Ids of the others in it. */
    readonly mates: readonly string[];
  };
  readonly has_payload: boolean;
}
