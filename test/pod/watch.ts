/** What an API server holds, as it changes. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createInterface } from 'node:readline';
import type { ApiServer } from '../deploy/api-server.ts';

/** As the API has them, which its own documentation describes. */
// biome-ignore lint/suspicious/noExplicitAny: objects of five kinds; each test knows which it reads
export type KubeObject = any;

export interface Watch {
  /** Those that are there now, by name. */
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** Calls `see` with all of them now and after each change. */
  follow(see: (objects: readonly KubeObject[]) => void): void;
  /** Resolves once `find` has a value for all that are there. */
  until<T>(find: (objects: readonly KubeObject[]) => T | undefined | false): Promise<T>;
  close(): void;
}

/** @param path of a list, as in /api/v1/namespaces/default/pods */
export async function watch({ kubeconfig }: ApiServer, path: string): Promise<Watch> {
  const { clusters, users } = JSON.parse(readFileSync(kubeconfig, 'utf8'));
  const authorization = `Bearer ${users[0].user.token}`;
  // From what the server has cached: Debian's etcd cannot say whether that is the newest.
  const url = `${clusters[0].cluster.server}${path}?watch=true&resourceVersion=0`;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(url, { rejectUnauthorized: false, headers: { authorization } }, resolve);
    asked.once('error', reject);
    asked.end();
  });
  if (answer.statusCode !== 200) throw new Error(`GET ${url}: ${answer.statusCode}`);
  const objects = new Map<string, KubeObject>();
  const followers = new Set<(objects: readonly KubeObject[]) => void>();
  createInterface({ input: answer.on('error', () => undefined) }).on('line', (line) => {
    const { type, object } = JSON.parse(line);
    if (type === 'ERROR') throw new Error(`watching ${path}: ${object.message}`);
    if (type === 'DELETED') objects.delete(object.metadata.name);
    else objects.set(object.metadata.name, object);
    const all = [...objects.values()];
    for (const see of followers) see(all);
  });
  const follow = (see: (objects: readonly KubeObject[]) => void): void => {
    followers.add(see);
    see([...objects.values()]);
  };
  const until = <T>(find: (objects: readonly KubeObject[]) => T | undefined | false): Promise<T> =>
    new Promise((resolve, reject) => {
      const see = (all: readonly KubeObject[]): void => {
        try {
          const found = find(all);
          if (found === undefined || found === false) return;
          followers.delete(see);
          resolve(found);
        } catch (error) {
          followers.delete(see);
          reject(error);
        }
      };
      follow(see);
    });
  return { objects, follow, until, close: () => answer.destroy() };
}
