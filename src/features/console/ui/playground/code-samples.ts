/** The playground's call as a command and in two languages. Pure. */
import type { FeatureDetail } from '../../../../admin/feature-detail.ts';
import { pythonExample } from './example-code.ts';
import type { Verb } from './signature-form.ts';

export interface CallTarget {
  /** Addresses from GET /about: "127.0.0.1:8501", "[::]:8501", "unix:/run/p.sock". */
  readonly rest: readonly string[];
  /** Stands before the paths of REST. Absent or empty = nothing. */
  readonly prefix?: string;
  readonly isTls: boolean;
  /** Addresses from GET /about. */
  readonly grpc: readonly string[];
  readonly isGrpcTls: boolean;
  readonly verb: Verb;
  readonly model: string;
  /** Undefined = the latest. */
  readonly version: string | undefined;
  /** The known features of a signature that takes examples. */
  readonly features: readonly FeatureDetail[];
}

export type SampleLanguage = 'curl' | 'Python' | 'TypeScript';
export const SAMPLE_LANGUAGES: readonly SampleLanguage[] = ['curl', 'Python', 'TypeScript'];

/** The file of a body that is too long to show; the page offers it for download. */
export const BODY_FILE = 'body.json';
const MOST_INLINE = 600;

export function isInline(body: string): boolean {
  return body.length <= MOST_INLINE;
}

export function callUrl({ rest, prefix = '', isTls, verb, model, version }: CallTarget): string {
  const host = reachable(rest, 'localhost:8501');
  const at = version === undefined ? '' : `/versions/${version}`;
  return `${isTls ? 'https' : 'http'}://${host}${prefix}/v1/models/${encodeURIComponent(model)}${at}:${verb}`;
}

export function sample(language: SampleLanguage, target: CallTarget, body: string): string {
  const url = callUrl(target);
  if (language === 'curl') return curl(url, body);
  return language === 'Python' ? python(target, url, body) : typescript(url, body);
}

function reachable(addresses: readonly string[], usual: string): string {
  const address = addresses.find((each) => !each.startsWith('unix:')) ?? usual;
  // A port that is bound to every address is reachable at localhost.
  return address.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, 'localhost');
}

function curl(url: string, body: string): string {
  const data = isInline(body) ? `'${body.replaceAll("'", `'\\''`)}'` : `@${BODY_FILE}`;
  return `curl ${url} \\\n  -H 'content-type: application/json' \\\n  -d ${data}`;
}

function python(target: CallTarget, url: string, body: string): string {
  const bodyExpression = isInline(body) ? `json.loads(${pythonText(body)})` : `json.load(open("${BODY_FILE}"))`;
  const { verb, grpc, isGrpcTls: isTls, model, version, features } = target;
  if (verb !== 'predict') {
    const address = reachable(grpc, 'localhost:8500');
    return pythonExample({ address, isTls, verb, model, version, features, body, bodyExpression });
  }
  return `import json
import requests

body = ${bodyExpression}
response = requests.post("${url}", json=body, timeout=5)
response.raise_for_status()
print(response.json())`;
}

/** JSON in single quotes if possible, so that its own quotes need no escapes. */
function pythonText(text: string): string {
  return /['\\]/.test(text) ? JSON.stringify(text) : `'${text}'`;
}

function typescript(url: string, body: string): string {
  const isShort = isInline(body);
  const head = isShort ? '' : `import { readFile } from 'node:fs/promises';\n\n`;
  const data = isShort ? `JSON.stringify(${body})` : `await readFile('${BODY_FILE}', 'utf8')`;
  return `${head}const response = await fetch('${url}', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: ${data},
  signal: AbortSignal.timeout(5000),
});
if (!response.ok) throw new Error(await response.text());
console.dir(await response.json(), { depth: null });`;
}
