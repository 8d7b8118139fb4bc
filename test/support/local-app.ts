/** A whole server in this process, with one model `m`, asked over REST and gRPC. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import type { ServeConfig } from '../../src/config/serve-config.ts';
import { type App, createApp } from '../../src/kernel/assembly/app.ts';
import type { FeatureList } from '../../src/kernel/feature.ts';
import { FEATURES } from '../../src/pillion.ts';
import { configOf } from './config-files.ts';
import { type Answer, clientClass } from './grpc-harness.ts';
import { tempDirectory } from './temp-directory.ts';

const LOCAL = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=silent'];

export interface LocalApp {
  /** "http://127.0.0.1:port" */
  readonly rest: string;
  readonly admin: string;
  /** The status and the JSON of an answer; bodies that are no text are sent as they are. */
  post(path: string, body: object | Uint8Array, headers?: Record<string, string>): Promise<LocalAnswer>;
  get(path: string): Promise<LocalAnswer>;
  /** The answer, or the error's text. */
  call(service: string, method: string, request: object): Promise<Answer>;
}

export interface LocalAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: JSON, whose fields the tests compare.
  readonly body: any;
}

/** A base path with a version 1 of these files. */
export function modelDirectory(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const base = tempDirectory(t);
  mkdirSync(join(base, '1'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(base, '1', name)), { recursive: true });
    writeFileSync(join(base, '1', name), content);
  }
  return base;
}

/** An app, not started. */
export function appOf(config: ServeConfig, features = FEATURES): App {
  return createApp({ config, features, environment: {} });
}

/** Starts it with all features; it ends with the test. */
export function localApp(t: TestContext, ...args: readonly string[]): Promise<LocalApp> {
  return localAppOf(t, FEATURES, ...args);
}

export async function localAppOf(t: TestContext, features: FeatureList, ...args: readonly string[]): Promise<LocalApp> {
  const app = appOf(configOf([...args, ...LOCAL], {}, features), features);
  t.after(() => app.drain());
  const { grpc: ports, rest, admin } = await app.start();
  const clients = new Map<string, grpc.Client>();
  t.after(() => {
    for (const client of clients.values()) client.close();
  });
  const url = `http://${rest[0]}`;
  return {
    rest: url,
    admin: `http://${admin}`,
    post: async (path, body, headers = {}) => {
      const bytes = body instanceof Uint8Array ? body : JSON.stringify(body);
      return answerOf(await fetch(`${url}${path}`, { method: 'POST', body: bytes, headers }));
    },
    get: async (path) => answerOf(await fetch(`${url}${path}`)),
    call: (service, method, request) => {
      const client = clients.get(service) ?? new (clientClass(service))(ports[0]!, grpc.credentials.createInsecure());
      clients.set(service, client);
      return new Promise((resolve) => {
        const made = client as unknown as Record<
          string,
          (request: object, done: (error: unknown, answer: Answer) => void) => void
        >;
        made[method]!.call(client, request, (error, answer) => resolve(error === null ? answer : String(error)));
      });
    },
  };
}

async function answerOf(answer: Response): Promise<LocalAnswer> {
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
}
