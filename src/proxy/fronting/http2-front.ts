/** The application behind this server, for the gRPC port: requests that are not this server's own go to it. */
import type { StreamFront } from '../grpc/pillion-engine.ts';
import type { RequestHeaders } from '../http2/streams/request-headers.ts';
import type { Http2Stream } from '../http2/streams/stream.ts';
import type { FrontedApps } from './fronted-apps.ts';
import { FrontedRequest } from './fronted-request.ts';
import { Http2Client } from './http2-client.ts';

export class Http2Front implements StreamFront {
  readonly #apps: FrontedApps;
  readonly #isOurs: (method: string, path: string) => boolean;

  /** @param isOurs tells the paths of this server's REST surface, which are not the application's in HTTP/2 either */
  constructor(apps: FrontedApps, isOurs: (method: string, path: string) => boolean) {
    this.#apps = apps;
    this.#isOurs = isOurs;
  }

  /** CONNECT without a protocol asks for a proxy to anywhere, which this is not. */
  takes({ method, path, protocol }: RequestHeaders): boolean {
    return (method !== 'CONNECT' || protocol !== undefined) && !this.#isOurs(method, path);
  }

  serve(stream: Http2Stream, headers: RequestHeaders): void {
    const client = new Http2Client(stream, headers);
    stream.isPaced = true;
    stream.sink = client;
    new FrontedRequest(client, this.#apps.of(client.head)).start();
  }

  close(): void {
    this.#apps.close();
  }
}
