/** A client in TypeScript for Node, on node:http alone. */
import type { ServedTensor } from '../../../cli/served-inputs.ts';
import { type ClientSource, describeTensor, elementKind, isBase64, literal } from '../client-source.ts';

const ELEMENTS = { string: 'string', bool: 'boolean', float: 'number', integer: 'number' } as const;

export function typescriptClient({ path, signature, inputs, outputs }: ClientSource): string {
  const whole = outputs.size === 1 ? `{ [${literal([...outputs.keys()][0]!, 'ts')}]: outputs }` : 'outputs';
  return `/** A client of one model, written by \`pillion client\`: write it again when the model's signature changes. */
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';

const PATH = ${literal(path, 'ts')};
const SIGNATURE = ${literal(signature, 'ts')};

/** Whole tensors; rows are in dim 0. A string that holds bytes is { b64 }, in base64. */
${interfaceOf('Inputs', inputs, inputElement)}

${interfaceOf('Outputs', outputs, outputElement)}
${CLIENT.replace('WHOLE', () => whole)}`;
}

function interfaceOf(
  name: string,
  tensors: ReadonlyMap<string, ServedTensor>,
  elementOf: (name: string, tensor: ServedTensor) => string,
): string {
  const members = [...tensors].map(([each, tensor]) => {
    const type = tensor.shape?.reduce<string>((inner) => `ReadonlyArray<${inner}>`, elementOf(each, tensor));
    return `  /** ${describeTensor(tensor)} */\n  readonly ${literal(each, 'ts')}: ${type ?? 'unknown'};\n`;
  });
  return `export interface ${name} {\n${members.join('')}}`;
}

function inputElement(_: string, tensor: ServedTensor): string {
  return tensor.dtype === 'string' ? `string | ${BYTES}` : ELEMENTS[elementKind(tensor)];
}

function outputElement(name: string, tensor: ServedTensor): string {
  return isBase64(name, tensor) ? BYTES : ELEMENTS[elementKind(tensor)];
}

const BYTES = '{ readonly b64: string }';

const CLIENT = `
export interface ClientOptions {
  /** "http://HOST:PORT", "https://…" or "unix:PATH". Default: http://127.0.0.1:8501. */
  readonly address?: string;
  /** The caller's API key or token. */
  readonly token?: string;
  /** The most retries of a call, each after the time that the server names. Default: 2. */
  readonly retries?: number;
}

/** The server's refusal. */
export class RefusedError extends Error {
  readonly status: number;
  /** When a retry makes sense, in ms; undefined = it makes none. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, message: string, retryAfterMs: number | undefined) {
    super(message);
    this.name = 'RefusedError';
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions = {}) {
    this.#options = options;
  }

  /** Rejects with RefusedError, or with an Error once \`deadlineMs\` have passed. */
  async predict(inputs: Inputs, deadlineMs = 10_000): Promise<Outputs> {
    const until = performance.now() + deadlineMs;
    const body = stringify({ signature_name: SIGNATURE, inputs });
    for (let tries = 0; ; tries++) {
      try {
        const { outputs } = parse(await this.#post(body, until - performance.now())) as { outputs: unknown };
        return WHOLE as unknown as Outputs;
      } catch (error) {
        if (!(error instanceof RefusedError) || error.retryAfterMs === undefined) throw error;
        const { retryAfterMs } = error;
        const isLate = performance.now() + retryAfterMs >= until;
        if (isLate || tries >= (this.#options.retries ?? 2)) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
      }
    }
  }

  #post(body: string, timeoutMs: number): Promise<string> {
    const { address = 'http://127.0.0.1:8501', token } = this.#options;
    const isSocket = address.startsWith('unix:');
    const url = (isSocket ? 'http://localhost' : address.replace(/\\/+$/, '')) + PATH;
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'x-envoy-expected-rq-timeout-ms': String(Math.max(1, Math.ceil(timeoutMs))),
    };
    if (token !== undefined) headers['authorization'] = 'Bearer ' + token;
    const socket = isSocket ? { socketPath: address.slice('unix:'.length) } : {};
    return new Promise((resolve, reject) => {
      const late = () => sent.destroy(new Error('no answer within the deadline'));
      const timer = setTimeout(late, Math.max(0, timeoutMs));
      const request = address.startsWith('https:') ? overHttps : overHttp;
      const sent = request(url, { method: 'POST', headers, ...socket }, (answer) => {
        const chunks: Uint8Array[] = [];
        answer.on('data', (chunk: Uint8Array) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = new TextDecoder().decode(Buffer.concat(chunks));
          if (answer.statusCode === 200) resolve(text);
          else reject(refusal(answer.statusCode ?? 0, text, answer.headers['retry-after']));
        });
      });
      sent.on('error', reject);
      sent.on('close', () => clearTimeout(timer));
      sent.end(body);
    });
  }
}

function refusal(status: number, text: string, retryAfter: string | undefined): RefusedError {
  let message = text;
  try {
    message = String((JSON.parse(text) as { error?: unknown }).error ?? text);
  } catch {
    // It is no JSON of the server: a proxy's page, say.
  }
  const seconds = retryAfter === undefined ? Number.NaN : Number(retryAfter);
  return new RefusedError(status, message, seconds >= 0 ? seconds * 1000 : undefined);
}

/** JSON in which numbers may be NaN and infinite, as the server reads and writes it. A text that begins with NUL has one more. */
function stringify(value: unknown): string {
  let isPlain = true;
  const mark = (each: unknown): string => {
    isPlain = false;
    return '\\0' + String(each);
  };
  const marked = JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'number') return Number.isFinite(each) ? each : mark(each);
    return typeof each === 'string' && each.startsWith('\\0') ? mark(each) : each;
  });
  if (isPlain) return marked;
  return marked.replace(/"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"/g, (text) => {
    if (!text.startsWith('"\\\\u0000')) return text;
    return text.startsWith('"\\\\u0000\\\\u0000') ? '"' + text.slice(7) : text.slice(7, -1);
  });
}

function parse(text: string): unknown {
  const token = /"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"|NaN|Infinity/g;
  const strict = text.replace(token, (each) => (each === 'NaN' ? 'null' : each === 'Infinity' ? '1e999' : each));
  return JSON.parse(strict, (_, each: unknown) => (each === null ? Number.NaN : each));
}
`;
