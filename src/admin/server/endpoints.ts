/** The operators' server's paths, for GET /help and whoever asks for one that is not there. */

interface Endpoint {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly says: string;
}

const get = (path: string, says: string): Endpoint => ({ method: 'GET', path, says });
const post = (path: string, says: string): Endpoint => ({ method: 'POST', path, says });

const ENDPOINTS: readonly Endpoint[] = [
  get('/', 'the console, for a browser'),
  get('/help', 'this list'),
  get('/live', 'the process runs'),
  get('/startup', 'it has been ready'),
  get('/ready', 'it wants requests, or what it waits for'),
  get('/headroom', 'how much more traffic it takes, for autoscalers'),
  get('/server_info', 'version, state, uptime, given options, runtimes'),
  get('/config_dump', 'the effective configuration, each value with its source; no secrets'),
  get('/stats', 'all metrics, one a line: ?filter=REGEX, ?format=json, ?format=prometheus'),
  get('/metrics', 'metrics for Prometheus'),
  get('/about', 'version, addresses and settings'),
  get('/events', 'live numbers, one tick a second'),
  get('/models', 'models, versions, memory and queues; /models/NAME is one in detail'),
  get('/callers', 'the callers that take most of the cores'),
  get('/requests', 'the last requests, the slow and the failed ones; /requests/ID is one of them'),
  get('/arrivals', "when the last minutes' requests came: ?seconds=N"),
  get('/profile', 'some seconds of the server as a trace file: ?seconds=N'),
  get('/record', "a model's requests as they are answered: ?model=NAME"),
  get('/logging', 'the level of the log'),
  post('/logging', 'sets it: ?level=debug'),
  post('/models/NAME/reload', 'also /unload, /load: ?version=N'),
  post('/playground/predict', 'one request, also /classify, /regress: ?model=NAME'),
  post('/drain', 'not ready from now on; answers until it is ended'),
  post('/quitquitquit', 'ends the server; only with --quitquitquit'),
];

const WIDTH = Math.max(...ENDPOINTS.map(({ path }) => path.length));

/** GET /help. */
export function helpText(): string {
  const lines = ENDPOINTS.map(({ method, path, says }) => `  ${method.padEnd(4)} ${path.padEnd(WIDTH)}  ${says}`);
  return ['A POST wants the header x-pillion-console, and so do /profile and /record.', ...lines, ''].join('\n');
}

/** For a path that is none of them. */
export function notFoundText(): string {
  const paths = ENDPOINTS.filter(({ method }) => method === 'GET').map(({ path }) => path);
  return `here are: ${paths.join(' ')}; GET /help says more\n`;
}
