/** Options of `pillion serve` about the application that it fronts. */
import { COUNT, flag, integer, joined, patternText } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

/** A scheme and a host, perhaps with a port, or unix: and an absolute path; no path, user or query behind a host. */
const ADDRESS =
  /(?:http|h2c|grpc):\/\/(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?\/?|(?:(?:h2c|grpc)\+)?unix:(?:\/\/)?\/[^\0]*[^\0/]/;

/** An ADDRESS with a path, which stands after a colon behind a socket file. */
const METRICS_URL =
  /http:\/\/(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?(?:\/[!-~]*)?|unix:(?:\/\/)?\/[^\0:]*[^\0/:]:\/[!-~]*/;

/** Nothing, or some of them with commas between. */
function listOf({ source }: RegExp): RegExp {
  return new RegExp(`^(?:|(?:${source})(?:,(?:${source}))*)$`);
}

export const APP_OPTIONS = {
  app: joined(
    patternText(
      {
        default: '',
        placeholder: 'URL',
        help: 'The application behind this server: http://127.0.0.1:8080 or unix:/run/app.sock if it speaks HTTP/1.1; h2c://127.0.0.1:8080, grpc:// or h2c+unix:/run/app.sock if it speaks HTTP/2 or gRPC without TLS. Requests on the REST port whose path is not one of inference, and on the gRPC port those for no service of this server, go to it, and come back as they are. Given twice (in a file: both with a comma between), it names an application of HTTP and one of gRPC (grpc://, grpc+unix:), and requests go by their content-type. Empty = there is none.',
      },
      listOf(ADDRESS),
      'the address of a server of HTTP/1.1, such as http://127.0.0.1:8080 or unix:/run/app.sock, or of HTTP/2, such as h2c://127.0.0.1:8080 or h2c+unix:/run/app.sock, without a path behind the host',
    ),
  ),
  app_client_certificate: flag({
    default: false,
    help: 'Tells the application, in x-forwarded-client-cert as Envoy does, the certificate of each client that --tls_client_ca_file has verified: its hash, subject, URIs and DNS names, behind those that a proxy of --trusted_proxies tells.',
  }),
  app_max_concurrency: integer({
    ...COUNT,
    default: 0,
    help: 'Requests that the application has at a time. Others wait until their deadline, or 15 s without one; if 1024 wait, more are refused with 503. Callers have equal shares, and a client that is slow to send its body or to take its answer gives its place up (--body_read_timeout_s). 0 = any number.',
  }),
  app_metrics_url: joined(
    patternText(
      {
        default: '',
        placeholder: 'URL',
        help: 'The page of the application’s metrics: http://127.0.0.1:8080/metrics or unix:/run/app.sock:/metrics. The path of the metrics on the REST port, and --metrics_port, serve it behind this server’s own. With two applications it may be given twice. Empty = only our own.',
      },
      listOf(METRICS_URL),
      'the URL of a page, such as http://127.0.0.1:8080/metrics or unix:/run/app.sock:/metrics',
    ),
  ),
  app_first: flag({
    default: true,
    help: 'With --app: models run only on cores that the application, and this server’s event loop, leave free (Linux’s SCHED_IDLE, by chrt of util-linux; where that is not permitted, the lowest nice value). false = runs have the priority that they have without an application.',
  }),
  app_refuse_abandoned: flag({
    default: true,
    help: 'With --app: inference that the application asks for a request which nobody waits for any more is refused for 10 s: its deadline has passed, or its client has left before the answer began. false = it runs, for applications that go on working then.',
  }),
  app_health_path: patternText(
    {
      default: '',
      placeholder: 'PATH',
      help: 'This server is ready only while GET of this path on the application answers with 200 to 399, over HTTP/2 if its address says so. Empty = readiness does not depend on it.',
    },
    /^(?:|\/[!-~]*)$/,
    'a path, such as /healthz',
  ),
  app_health_service: patternText(
    {
      default: '',
      placeholder: 'SERVICE',
      help: 'In place of --app_health_path, for an application that speaks gRPC: this server is ready only while grpc.health.v1.Health/Check of this service, at the address of --app, is answered with SERVING. * = the whole server, which has the empty name there.',
    },
    /^(?:|\*|[A-Za-z0-9_][A-Za-z0-9_./-]*)$/,
    'the name of a service, such as shop.Orders, or * for the whole server',
  ),
  app_health_interval_ms: integer({
    ...COUNT,
    min: 10,
    default: 2000,
    help: 'Time between two looks at the application’s health, and how long an answer may take.',
  }),
  app_health_failures: integer({
    ...COUNT,
    min: 1,
    default: 3,
    help: 'Bad answers in a row about its health, or missing ones, after which this server is not ready. One good answer makes it ready.',
  }),
} satisfies OptionTable;
