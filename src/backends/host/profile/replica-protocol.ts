/** What crosses between the serving thread and the thread or process of a replica. */
import type { LoadOptions } from '../../backend.ts';
import type { OpProfile } from '../../op-profile.ts';
import type { ErrorMessage } from '../error-message.ts';

/** What it is started with. */
export interface ReplicaStart {
  readonly versionDirectory: string;
  /** Undefined = by the artifact. */
  readonly backendKind: string | undefined;
  readonly loadOptions: LoadOptions;
  /** Undefined, or one that the session does not have = serving_default, or its first. */
  readonly signatureName: string | undefined;
  /** Of each run, where dim 0 is a batch of any size. */
  readonly rows: number;
}

/** The one message that comes back. */
export type ReplicaMessage =
  | { readonly type: 'profiled'; readonly profile: OpProfile }
  | { readonly type: 'failed'; readonly error: ErrorMessage };
