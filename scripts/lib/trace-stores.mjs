/** Jaeger and Zipkin, which keep traces, as tests and the example of an application have them: pinned, by hash. */
import { ensureGoProgram } from './go-program.mjs';
import { ensureJavaJars } from './java-jars.mjs';

/** The file of Zipkin's server among its jars. */
export const ZIPKIN_JAR = 'zipkin-server-3.5.1-slim.jar';

/**
 * The program, or undefined, with the reason said. Building it takes some minutes and 2.3 GB of memory the first time.
 * Its page is no part of its Go module: it has the API, and shows the built page that it is told of.
 */
export function ensureJaeger() {
  return ensureGoProgram({
    name: 'jaeger',
    directory: 'test/observability/jaeger',
    main: 'github.com/jaegertracing/jaeger/cmd/jaeger',
    megabytes: 400,
  });
}

/** The directory of its jars, or undefined, with the reason said. */
export function ensureZipkin() {
  return ensureJavaJars({ name: 'zipkin', directory: 'test/observability/zipkin', megabytes: 84 });
}
