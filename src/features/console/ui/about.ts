/** The answer of GET /about. */
export interface About {
  readonly version: string;
  /** The name of the machine. */
  readonly host: string;
  /** The pod and its namespace, where the environment names them. */
  readonly pod?: string;
  readonly namespace?: string;
  /** Starts with its --state_dir, this one included, since `since_ms`. Absent: nobody counts them. */
  readonly starts?: number;
  readonly since_ms?: number;
  readonly node: string;
  readonly started_at_ms: number;
  readonly grpc?: readonly string[];
  readonly rest?: readonly string[];
  readonly inference_path_prefix?: string;
  readonly rest_is_tls: boolean;
  readonly grpc_is_tls: boolean;
  /** Callers need a key: --authorization_file. */
  readonly wants_key: boolean;
  /** The REST port has the Open Inference Protocol. */
  readonly has_open_inference: boolean;
  readonly slots: number;
  readonly scheduler: string;
  readonly max_batch_size: number;
  readonly slo_ms?: number;
}
