import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { newKey } from '../../../src/cli/key.ts';
import { readConfigFile } from '../../../src/config/config-file.ts';
import { openYaml } from '../../../src/config/yaml/yaml-document.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { FileAccessControl } from '../../../src/features/authorization/access-control.ts';
import { AccessPolicy } from '../../../src/features/authorization/access-policy.ts';
import { readAuthorizationNow } from '../../../src/features/authorization/authorization.ts';
import type { FilePrincipal } from '../../../src/features/authorization/principal.ts';
import { FileVisitor } from '../../../src/features/authorization/visitor.ts';
import type { Identity } from '../../../src/proxy/access-control.ts';
import type { CertificateNames } from '../../../src/proxy/peer-identity.ts';
import { createIssuer, type PrincipalEntry, writeAccessFile } from '../../support/access-file.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const MAY = [{ models: ['m'], methods: ['predict'] }];
const NAMELESS: CertificateNames = { spiffe: undefined, dns: [], commonName: undefined };
const issuer = createIssuer();
const key = newKey();
const PRINCIPALS: readonly PrincipalEntry[] = [
  { name: 'keyed', keys: [key.hash], may: MAY },
  { name: 'below', certificates: [{ spiffe: 'spiffe://prod/ns/search/*' }], may: MAY },
  { name: 'exact', certificates: [{ spiffe: 'spiffe://prod/ns/ads' }, { dns: 'ads.svc' }, { cn: 'ads' }], may: MAY },
  { name: 'subject', tokens: [{ sub: 'ranker' }], may: MAY },
  { name: 'scoped', tokens: [{ scope: 'infer', tenant: 'a' }], may: MAY },
];

let wallMs = Date.now();
const clock = { ...systemClock, wallMs: () => wallMs };

function createControl(t: Parameters<typeof tempDirectory>[0]): FileAccessControl {
  const path = writeAccessFile(tempDirectory(t), PRINCIPALS, issuer);
  const { authorization, errors } = readAuthorizationNow(path, { read: readConfigFile, openYaml });
  assert.deepEqual(errors, undefined);
  wallMs = Date.now();
  return new FileAccessControl(new AccessPolicy(authorization!, clock), clock, {
    request: () => assert.fail(),
  } as never);
}

function nameOf(identity: Identity): string {
  if (identity instanceof ServingError) return `${identity.kind} ${String(identity.attributes?.['reason'])}`;
  return (identity as FilePrincipal).name;
}

describe('Visitor', () => {
  it('knows a key at once, and refuses an unknown one even with a good certificate', (t) => {
    const control = createControl(t);
    const visitor = new FileVisitor(control, { ...NAMELESS, commonName: 'ads' });
    const ask = (token: string | undefined): string => nameOf(visitor.identify(token) as Identity);
    assert.deepEqual([undefined, key.key, `${key.key}A`, key.key.slice(1), 'x', undefined].map(ask), [
      'exact',
      'keyed',
      'unauthenticated key',
      'unauthenticated key',
      'unauthenticated key',
      'exact',
    ]);
    const unreadable = new ServingError('unauthenticated', 'two');
    assert.equal(visitor.identify(unreadable), unreadable);
    assert.equal(nameOf(new FileVisitor(control, undefined).identify(undefined) as Identity), 'unauthenticated none');
  });

  it('matches certificates by whole segments, and by exact names', (t) => {
    const control = createControl(t);
    const who = (names: Partial<CertificateNames>): string =>
      nameOf(new FileVisitor(control, { ...NAMELESS, ...names }).identify(undefined) as Identity);
    assert.equal(who({ spiffe: 'spiffe://prod/ns/search/sa/a' }), 'below');
    assert.equal(who({ spiffe: 'spiffe://prod/ns/ads' }), 'exact');
    assert.equal(who({ dns: ['x', 'ads.svc'] }), 'exact');
    const strangers: readonly Partial<CertificateNames>[] = [
      { spiffe: 'spiffe://prod/ns/search' },
      { spiffe: 'spiffe://prod/ns/search2/a' },
      { spiffe: 'spiffe://prod/ns/ads/a' },
      { spiffe: 'spiffe://PROD/ns/ads' },
      { dns: ['ADS.svc', 'x.ads.svc'] },
      { dns: ['spiffe://prod/ns/ads'], commonName: 'ads.svc' },
      {},
    ];
    for (const names of strangers) assert.equal(who(names), 'unauthenticated certificate', JSON.stringify(names));
  });

  it('checks a JWT once, and again when it has expired', async (t) => {
    const visitor = new FileVisitor(createControl(t), undefined);
    // By the server's clock: the issuer's goes on meanwhile, and may be in the next second already.
    const token = await issuer.token({ sub: 'ranker', exp: Math.floor(wallMs / 1000) + 600 });
    const first = visitor.identify(token);
    assert.ok(first instanceof Promise);
    assert.equal(visitor.identify(token), first, 'a second question in between waits for the same check');
    assert.equal(nameOf(await first), 'subject');
    assert.equal(nameOf(visitor.identify(token) as Identity), 'subject');
    wallMs += 599_000;
    assert.equal(nameOf(visitor.identify(token) as Identity), 'subject');
    wallMs += 1_000;
    const late = visitor.identify(token);
    assert.ok(late instanceof Promise);
    assert.match(((await late) as ServingError).message, /expired/);
    assert.ok(visitor.identify(token) instanceof Promise);
  });

  it('finds a token that another connection has sent without checking it again', async (t) => {
    const control = createControl(t);
    const token = await issuer.token({ scope: 'x infer y', tenant: ['b', 'a'] });
    assert.equal(nameOf(await new FileVisitor(control, undefined).identify(token)), 'scoped');
    assert.equal(nameOf(new FileVisitor(control, undefined).identify(token) as Identity), 'scoped');
  });

  it('forgets what it knew when the rules change', (t) => {
    const control = createControl(t);
    const visitor = new FileVisitor(control, undefined);
    assert.equal(nameOf(visitor.identify(key.key) as Identity), 'keyed');
    const path = writeAccessFile(tempDirectory(t), PRINCIPALS.slice(1, 3));
    control.policy = new AccessPolicy(
      readAuthorizationNow(path, { read: readConfigFile, openYaml }).authorization!,
      clock,
    );
    assert.equal(nameOf(visitor.identify(key.key) as Identity), 'unauthenticated key');
  });

  it('refuses every forged, foreign, early or endless token', async (t) => {
    const control = createControl(t);
    const good = { sub: 'ranker' };
    const now = Math.floor(wallMs / 1000);
    const [head, body, signature] = (await issuer.token(good)).split('.') as [string, string, string];
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const pem = createPublicKey({ key: JSON.parse(issuer.jwks).keys[0], format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    }) as string;
    const hs256 = `${part({ alg: 'HS256', kid: 'k1' })}.${body}`;
    const forged: Readonly<Record<string, string>> = {
      'no signature': `${head}.${body}.`,
      'alg none': `${part({ alg: 'none' })}.${body}.`,
      'alg none, signed': `${part({ alg: 'none' })}.${body}.${signature}`,
      'alg None': `${part({ alg: 'None', kid: 'k1' })}.${body}.${signature}`,
      'the public key as a shared secret': `${hs256}.${createHmac('sha256', pem).update(hs256).digest('base64url')}`,
      'other claims': `${head}.${part({ iss: 'https://issuer.example', aud: 'pillion', exp: now + 9, sub: 'root' })}.${signature}`,
      'a key in its head': `${part({ alg: 'ES256', jwk: JSON.parse(issuer.jwks).keys[0], jku: 'http://x' })}.${body}.${signature}`,
      'another issuer’s key': await createIssuer().token(good),
      'a kid that is not there': await createIssuer('k9').token(good),
      'wrong issuer': await issuer.token({ ...good, iss: 'https://issuer.example/' }),
      'wrong audience': await issuer.token({ ...good, aud: ['pillion2', 'x'] }),
      'no audience': await issuer.token({ ...good, aud: undefined as never }),
      'no end': await issuer.token({ ...good, exp: undefined as never }),
      'too early': await issuer.token({ ...good, nbf: now + 60 }),
      ended: await issuer.token({ ...good, exp: now - 1 }),
      nobody: await issuer.token({ sub: 'stranger' }),
      'a scope that only contains the word': await issuer.token({ scope: 'inference', tenant: 'a' }),
      'one claim of two': await issuer.token({ scope: 'infer' }),
    };
    for (const [what, token] of Object.entries(forged)) {
      const identity = await new FileVisitor(control, undefined).identify(token);
      assert.ok(identity instanceof ServingError, what);
      assert.equal(identity.kind, 'unauthenticated', what);
    }
    assert.equal(nameOf(await new FileVisitor(control, undefined).identify(`${head}.${body}.${signature}`)), 'subject');
  });
});
