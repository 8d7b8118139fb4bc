import type { AppClient } from './app/app-client.ts';
import type { RequestHead } from './client-and-app.ts';
import type { FrontedParts } from './fronted-parts.ts';

/** The way to one application. */
export interface FrontOptions extends FrontedParts {
  readonly app: AppClient;
}

/** The applications behind this server: one for all requests, or one of HTTP and one of gRPC. */
export class FrontedApps {
  readonly #http: FrontOptions;
  readonly #grpc: FrontOptions;

  /** @param grpc the way to the application of gRPC, if it is another */
  constructor(http: FrontOptions, grpc = http) {
    this.#http = http;
    this.#grpc = grpc;
  }

  /** The way to the application of a request: its content-type alone decides. */
  of({ isGrpc }: RequestHead): FrontOptions {
    return isGrpc ? this.#grpc : this.#http;
  }

  /** Closes the connections to them. */
  close(): void {
    this.#http.app.close();
    if (this.#grpc !== this.#http) this.#grpc.app.close();
  }
}
