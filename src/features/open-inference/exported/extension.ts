/** An extension of the protocol by another feature, which requires this one. It is made with the surfaces of a server. */
import type { Buffer } from 'node:buffer';
import { factKey } from '../../../core/collections/facts.ts';
import type { SurfaceParts } from '../../../kernel/installation.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { Operation } from '../../../proxy/protocols/rest/operation.ts';

export interface RestLookup extends Operation {
  /** Answers it. `region`: the region of shared memory in the path, or ''. */
  methodOf(region: string): Method<Buffer>;
}

export interface Extension {
  /** Its names in the server's metadata. */
  readonly names: readonly string[];
  /** Methods of the gRPC service. */
  readonly grpc: readonly Method<Uint8Array, Uint8Array>[];
  readonly rest: readonly RestLookup[];
  /** JSON Schemas of the bodies that `rest` names. */
  readonly schemas: Readonly<Record<string, object>>;
  /** Paths that are named to whoever asks for one that is not there. */
  readonly mainPaths?: readonly string[];
}

/** The extensions of a server. */
export const EXTENSIONS = factKey<((parts: SurfaceParts) => Extension)[]>('open-inference extensions');
