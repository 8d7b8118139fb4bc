/** REST over HTTP/2: what these files test over HTTP/1.1, with another client. */
import { useHttp2 } from '../support/http-version.ts';

useHttp2();

await import('./rest-compression.test.ts');
await import('./rest-cors.test.ts');
await import('./rest-errors.test.ts');
await import('./rest-extras.test.ts');
await import('./rest-memory.test.ts');
await import('./rest-predict.test.ts');
await import('./rest-protobuf.test.ts');
