/** The requests of kinds.ts over HTTP/1.1: TensorFlow Serving's JSON, and the Open Inference Protocol's. */
import { Buffer } from 'node:buffer';
import type { BenchModel } from '../compare/models.ts';
import { type HttpRequest, ONE_CALLER, RIGHT, type ServerName, type SurfaceName, TOO_MANY_BYTES } from './kinds.ts';

const JSON_HEADERS = { 'content-type': 'application/json' };

interface HttpParts {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

function httpBytes({ method = 'POST', path, headers = {}, body }: HttpParts): Uint8Array {
  const all = { host: '127.0.0.1', 'user-agent': 'bench', ...JSON_HEADERS, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = method === 'GET' ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n${method === 'GET' ? '' : body}`);
}

/** The faults that a body and a target may have, on a REST surface. */
interface RestForm {
  readonly right: HttpParts;
  readonly unknownModel: string;
  readonly wrongVersion: string;
  readonly wrongShape: string;
  readonly wrongType: string;
  readonly wrongName: string;
}

function restRequests({ right, ...wrong }: RestForm): readonly HttpRequest[] {
  const request = (kind: string, status: number, parts: Partial<HttpParts>, server: ServerName = 'usual') => ({
    ...{ kind, status, server, bytes: httpBytes({ ...right, ...parts }) },
  });
  const { path, body } = right;
  return [
    request(RIGHT, 200, {}),
    request('unknown model', 404, { path: wrong.unknownModel }),
    request('wrong version', 404, { path: wrong.wrongVersion }),
    request('bad at byte 1', 400, { body: `x${body.slice(1)}` }),
    request('bad at the end', 400, { body: `${body.slice(0, -1)}x` }),
    request('wrong shape', 400, { body: wrong.wrongShape }),
    request('wrong type', 400, { body: wrong.wrongType }),
    request('wrong name', 400, { body: wrong.wrongName }),
    request('too large', 413, { body: body.padEnd(TOO_MANY_BYTES) }, 'strict'),
    request('deadline past', 504, { headers: { 'request-timeout': '0' } }),
    request('over quota', 429, { headers: Object.fromEntries([ONE_CALLER]) }, 'strict'),
    request('no such path', 404, { path: `${path.slice(0, 3)}/nothing` }),
    request('wrong method', 405, { method: 'GET' }),
  ];
}

/** TensorFlow Serving's JSON, by rows: a row is a number where rows have no axis. */
function servingRest(model: BenchModel): RestForm {
  const values = Array.from(model.row);
  const value = (row: readonly unknown[]): unknown => (model.rowShape.length === 0 ? row[0] : row);
  const path = `/v1/models/${model.name}:predict`;
  const bodyOf = (row: unknown): string => JSON.stringify({ instances: [row] });
  const named = JSON.stringify({ inputs: { [`${model.input}y`]: [value(values)] } });
  return {
    right: { path, body: bodyOf(value(values)) },
    unknownModel: path.replace(model.name, 'no_such'),
    wrongVersion: path.replace(':predict', '/versions/77:predict'),
    wrongShape: bodyOf(model.rowShape.length === 0 ? [values[0], 1] : values.slice(0, -1)),
    wrongType: bodyOf(value(values.map(String))),
    wrongName: named,
  };
}

function inferRest(model: BenchModel): RestForm {
  const data = Array.from(model.row);
  const shape = [1, ...model.rowShape];
  const path = `/v2/models/${model.name}/infer`;
  const right = { name: model.input, datatype: 'FP32', shape, data };
  const bodyOf = (change: object): string => JSON.stringify({ inputs: [{ ...right, ...change }] });
  const oddShape = model.rowShape.length === 0 ? { shape: [1, 2], data: [1, 2] } : narrower(data);
  return {
    right: { path, body: bodyOf({}) },
    unknownModel: path.replace(model.name, 'no_such'),
    wrongVersion: path.replace('/infer', '/versions/77/infer'),
    wrongShape: bodyOf(oddShape),
    wrongType: bodyOf({ datatype: 'INT32', data: data.map(Math.round) }),
    wrongName: bodyOf({ name: `${model.input}y` }),
  };
}

/** One value less than the model takes. */
function narrower(data: readonly number[]): object {
  return { shape: [1, data.length - 1], data: data.slice(0, -1) };
}

export function httpRequests(surface: SurfaceName, model: BenchModel): readonly HttpRequest[] {
  return restRequests(surface === 'TFS REST' ? servingRest(model) : inferRest(model));
}
