/** The playground's call for a terminal and two languages. Pure. */

export interface CallTarget {
  /** As GET /about tells: "127.0.0.1:8501", "[::]:8501", "unix:/run/p.sock". */
  readonly rest: readonly string[];
  readonly isTls: boolean;
  readonly model: string;
  /** Undefined = the latest. */
  readonly version: string | undefined;
}

export type SampleLanguage = 'curl' | 'Python' | 'TypeScript';
export const SAMPLE_LANGUAGES: readonly SampleLanguage[] = ['curl', 'Python', 'TypeScript'];

/** A longer body is read from this file, which the page offers for download. */
export const BODY_FILE = 'body.json';
const MOST_INLINE = 600;

export function isInline(body: string): boolean {
  return body.length <= MOST_INLINE;
}

export function callUrl({ rest, isTls, model, version }: CallTarget): string {
  const address = rest.find((each) => !each.startsWith('unix:')) ?? 'localhost:8501';
  // What is bound to every address is reached by this one.
  const host = address.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, 'localhost');
  const at = version === undefined ? '' : `/versions/${version}`;
  return `${isTls ? 'https' : 'http'}://${host}/v1/models/${encodeURIComponent(model)}${at}:predict`;
}

export function sample(language: SampleLanguage, target: CallTarget, body: string): string {
  const url = callUrl(target);
  if (language === 'curl') return curl(url, body);
  return language === 'Python' ? python(url, body) : typescript(url, body);
}

function curl(url: string, body: string): string {
  const data = isInline(body) ? `'${body.replaceAll("'", `'\\''`)}'` : `@${BODY_FILE}`;
  return `curl ${url} \\\n  -H 'content-type: application/json' \\\n  -d ${data}`;
}

function python(url: string, body: string): string {
  const load = isInline(body) ? `body = json.loads(${JSON.stringify(body)})` : `body = json.load(open("${BODY_FILE}"))`;
  return `import json
import requests

${load}
response = requests.post("${url}", json=body, timeout=5)
response.raise_for_status()
print(response.json())`;
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
console.log(await response.json());`;
}
