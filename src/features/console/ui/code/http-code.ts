/** A request over HTTP as a command and in two languages. Pure. */
import { literal, named, shellWord } from './quoting.ts';

/** The place of a REST port, from GET /about. */
export interface RestTarget {
  /** "127.0.0.1:8501", "[::]:8501", "unix:/run/p.sock" */
  readonly rest: readonly string[];
  readonly isTls: boolean;
  /** Callers need a key, which the code takes from the environment. Default false. */
  readonly wantsKey?: boolean;
}

export interface HttpCall extends RestTarget {
  readonly method: 'GET' | 'POST';
  /** Encoded, as it stands in a request: "/v1/models/m:predict". */
  readonly path: string;
  /** JSON; absent = none. */
  readonly body?: string | undefined;
  /** Further headers by name. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

export type HttpLanguage = 'curl' | 'Python' | 'TypeScript';
export const HTTP_LANGUAGES: readonly HttpLanguage[] = ['curl', 'Python', 'TypeScript'];

/** The variable of the environment that holds the caller's key; the page does not know its value. */
export const KEY_VARIABLE = 'PILLION_KEY';

/** The file of a body that is too long to show; the page offers it for download. */
export const BODY_FILE = 'body.json';
const MOST_INLINE = 600;

export function isInline(body: string): boolean {
  return body.length <= MOST_INLINE;
}

export function httpCode(language: HttpLanguage, call: HttpCall): string {
  if (language === 'curl') return curl(call);
  return language === 'Python' ? python(call) : typescript(call);
}

export function urlOf({ rest, isTls, path }: Pick<HttpCall, 'rest' | 'isTls' | 'path'>): string {
  return `${isTls ? 'https' : 'http'}://${socketOf(rest) === undefined ? reachable(rest, 8501) : 'localhost'}${path}`;
}

/** "localhost:8501": an address of these that clients reach. */
export function reachable(addresses: readonly string[], usualPort: number): string {
  const address = addresses.find((each) => !each.startsWith('unix:')) ?? `localhost:${usualPort}`;
  // A port that is bound to every address is reachable at localhost.
  return address.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, 'localhost');
}

/** The path of the socket, if the server has no port. */
export function socketOf(addresses: readonly string[]): string | undefined {
  return addresses.every((each) => each.startsWith('unix:')) ? addresses[0]?.slice('unix:'.length) : undefined;
}

/** The key's header as Python has it, for a dict. */
export const PYTHON_KEY = `"authorization": f"Bearer {os.environ['${KEY_VARIABLE}']}"`;

/** A Python expression of the body. */
export function pythonBody(body: string): string {
  return isInline(body) ? `json.loads(${literal(body)})` : `json.load(open("${BODY_FILE}"))`;
}

function curl(call: HttpCall): string {
  const { method, body, wantsKey, headers = [] } = call;
  const socket = socketOf(call.rest);
  const url = shellWord(urlOf(call));
  const options = [
    ...(socket === undefined ? [] : [`--unix-socket ${shellWord(socket)}`]),
    ...(body === undefined ? [] : [`-H 'content-type: application/json'`]),
    // The shell puts the key in; the variable's value is not read again.
    ...(wantsKey === true ? [`-H "authorization: Bearer $${KEY_VARIABLE}"`] : []),
    ...headers.map(([name, value]) => `-H ${shellWord(`${name}: ${value}`)}`),
    ...(method === 'POST' && body === undefined ? ['-X POST'] : []),
    ...(body === undefined ? [] : [`-d ${isInline(body) ? `'${body.replaceAll("'", `'\\''`)}'` : `@${BODY_FILE}`}`]),
  ];
  return [`curl ${url}`, ...options].join(' \\\n  ');
}

function python(call: HttpCall): string {
  const { method, body, wantsKey, headers = [] } = call;
  const sent = [
    ...(wantsKey === true ? [PYTHON_KEY] : []),
    ...headers.map(([name, value]) => `${named(name)}: ${named(value)}`),
  ];
  const withHeaders = sent.length === 0 ? '' : `, headers={${sent.join(', ')}}`;
  const withBody = body === undefined ? '' : ', json=body';
  const imports = [...(body === undefined ? [] : ['json']), ...(wantsKey === true ? ['os'] : [])];
  return `${imports.map((each) => `import ${each}\n`).join('')}import requests

${body === undefined ? '' : `body = ${pythonBody(body)}\n`}response = requests.${method.toLowerCase()}(${named(urlOf(call))}${withBody}${withHeaders}, timeout=5)
response.raise_for_status()
print(response.json())`;
}

function typescript(call: HttpCall): string {
  const { method, body, wantsKey, headers = [] } = call;
  const isShort = body === undefined || isInline(body);
  const head = isShort ? '' : `import { readFile } from 'node:fs/promises';\n\n`;
  const sent = [
    ...(body === undefined ? [] : [`'content-type': 'application/json'`]),
    ...(wantsKey === true ? [`authorization: \`Bearer \${process.env.${KEY_VARIABLE}}\``] : []),
    ...headers.map(([name, value]) => `${named(name)}: ${named(value)}`),
  ];
  const lines = [
    ...(method === 'GET' ? [] : [`method: '${method}'`]),
    ...(sent.length === 0 ? [] : [`headers: { ${sent.join(', ')} }`]),
    ...(body === undefined ? [] : [`body: ${isShort ? jsBody(body) : `await readFile('${BODY_FILE}', 'utf8')`}`]),
    'signal: AbortSignal.timeout(5000)',
  ];
  return `${head}const response = await fetch(${literal(urlOf(call))}, {
${lines.map((line) => `  ${line},\n`).join('')}});
if (!response.ok) throw new Error(await response.text());
console.dir(await response.json(), { depth: null });`;
}

/** JSON is an expression of JavaScript, but for a key that would set a prototype. */
function jsBody(body: string): string {
  return /__proto__|\\u005f/i.test(body) ? literal(body) : `JSON.stringify(${body})`;
}
