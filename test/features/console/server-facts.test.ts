/** What the frame of each page says of the server: each fact where it is known, and nowhere else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { podNames } from '../../../src/features/console/pod-names.ts';
import { countStart } from '../../../src/features/console/starts.ts';
import type { About } from '../../../src/features/console/ui/about.ts';
import { nameOf, serverFacts } from '../../../src/features/console/ui/server-facts.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const ABOUT: About = {
  ...{ version: '0.2.0', host: 'box', node: '20.19.0', started_at_ms: 1_000_000 },
  ...{
    grpc: ['[::]:8500'],
    rest: ['[::]:8501'],
    rest_is_tls: false,
    grpc_is_tls: false,
    wants_key: false,
    has_open_inference: true,
  },
  ...{ slots: 1, scheduler: 'deadline', max_batch_size: 32 },
};

const said = (changes: Partial<About> = {}, nowMs?: number): string =>
  serverFacts({ ...ABOUT, ...changes }, nowMs).join('\n');

describe('the facts of a server', () => {
  it('name the host, the version, the addresses and the slots', () => {
    assert.match(
      said(),
      /^host box\nPillion 0\.2\.0\nsince .*\nNode 20\.19\.0\ngRPC \[::\]:8500\nREST \[::\]:8501\n1 slot, /,
    );
    assert.match(said({ rest: ['[::]:8500'] }), /^gRPC and REST \[::\]:8500$/m);
  });

  it('say how long it is up only where the time is known', () => {
    assert.match(said({}, 1_000_000 + 3 * 3600_000), /^up 3\u2009h, since /m);
    assert.doesNotMatch(said(), /up/);
  });

  it('name the pod only where the environment does', () => {
    assert.match(said({ pod: 'p-1', namespace: 'shop' }), /^pod p-1 in shop$/m);
    assert.match(said({ pod: 'p-1' }), /^pod p-1$/m);
    assert.doesNotMatch(said(), /pod/);
    assert.equal(nameOf({ ...ABOUT, pod: 'p-1' }), 'p-1');
    assert.equal(nameOf(ABOUT), 'box');
  });

  it('tell restarts only where they are counted', () => {
    assert.match(said({ starts: 3, since_ms: 0 }), /^2 restarts with this --state_dir since /m);
    assert.match(said({ starts: 2, since_ms: 0 }), /^1 restart with/m);
    assert.match(said({ starts: 1, since_ms: 0 }), /^no restart with this --state_dir$/m);
    assert.doesNotMatch(said(), /restart/);
  });
});

describe('the names of a pod', () => {
  it('are those that the environment tells', () => {
    assert.deepEqual(podNames({ POD_NAME: 'a', POD_NAMESPACE: 'shop' }), { pod: 'a', namespace: 'shop' });
    const attributes = 'service.name=x,k8s.pod.name=b%201, k8s.namespace.name = shop,bad=%';
    assert.deepEqual(podNames({ OTEL_RESOURCE_ATTRIBUTES: attributes }), { pod: 'b 1', namespace: 'shop' });
    assert.deepEqual(podNames({ POD_NAME: 'a', OTEL_RESOURCE_ATTRIBUTES: attributes }).pod, 'a');
  });

  it('are none elsewhere, whatever the host is called', () => {
    assert.deepEqual(podNames({ HOSTNAME: 'pillion-7d9f', KUBERNETES_SERVICE_HOST: '10.0.0.1' }), {});
    assert.deepEqual(podNames({ POD_NAME: '', POD_NAMESPACE: 'shop' }), {});
  });
});

describe('the count of starts', () => {
  const countWith = async (text: string | undefined): Promise<readonly [found: object, written: string]> => {
    let written = '';
    const files = {
      read: () => Promise.resolve(text),
      write: (_: string, next: string) => {
        written = next;
        return Promise.resolve();
      },
    };
    return [await countStart(files, new FakeClock()), written];
  };

  it('goes on from the file, and keeps the time of the first start', async () => {
    const [found, written] = await countWith('{"starts":4,"since_ms":7}\n');
    assert.deepEqual(found, { starts: 5, since_ms: 7 });
    assert.equal(written, '{"starts":5,"since_ms":7}\n');
  });

  it('begins anew where the file is none, or is not what it should be', async () => {
    for (const text of [undefined, '', '{"starts":-1,"since_ms":7}', '{"starts":1e99,"since_ms":7}', '[]', 'null']) {
      const [found] = await countWith(text);
      assert.equal((found as { starts: number }).starts, 1, String(text));
    }
  });

  it('tells nothing where the file cannot be written', async () => {
    const files = {
      read: () => Promise.resolve(undefined),
      write: () => Promise.reject(new Error('the disk is full')),
    };
    await assert.rejects(countStart(files, new FakeClock()), /the disk is full/);
  });
});
