import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { openYaml } from '../../../src/config/yaml/yaml-document.ts';
import { readAuthorizationRules } from '../../../src/features/authorization/authorization-file.ts';
import { readKeySet } from '../../../src/features/authorization/key-set.ts';
import { createIssuer } from '../../support/access-file.ts';

const HASH = `sha256:${'0a'.repeat(32)}`;
const OTHER = `sha256:${'0b'.repeat(32)}`;

function errorsOf(text: string): readonly string[] {
  const errors: string[] = [];
  const rules = readAuthorizationRules(openYaml('a.yaml', Buffer.from(text)), 'a.yaml', errors);
  assert.equal(rules === undefined, errors.length > 0);
  return errors;
}

/** One principal with these lines, of which each is one of its keys. */
function one(...lines: readonly string[]): string {
  return ['principals:', '  - name: p', ...lines.map((line) => `    ${line}`)].join('\n');
}

const KEYS = `keys: ["${HASH}"]`;
const MAY = 'may: [{models: [m], methods: [predict]}]';

describe('an authorization file', () => {
  it('is taken with every kind of credential', () => {
    const text = `
jwt: {jwks_file: k.json, issuer: i, audience: a, algorithms: [ES256]}
principals:
  - name: team/ranker
    keys: ["${HASH}", "${OTHER}"]
    certificates:
      - {spiffe: spiffe://prod.example/ns/a}
      - {spiffe: spiffe://prod.example/ns/*}
      - {dns: a.svc}
      - {cn: a}
    tokens: [{sub: ranker}, {scope: infer, tenant: x}]
    may:
      - {models: [a, b*], methods: [predict, classify, regress, multi_inference, metadata, status], surfaces: [grpc, rest]}
      - {models: ["*"], methods: [reload, metrics]}
`;
    assert.deepEqual(errorsOf(text), []);
  });

  it('is refused with the place of every mistake', () => {
    const cases: readonly (readonly [text: string, ...errors: RegExp[]])[] = [
      ['', /^a\.yaml:1:1: a\.yaml wants "key: value" lines, not nothing$/],
      ['principals: []', /^a\.yaml:1:13: principals may not be empty$/],
      ['principles: []', /no "principles"; did you mean "principals"\?/, /there is no principals/],
      [one(KEYS, 'may: []'), /^a\.yaml:4:10: may may not be empty$/],
      [one(KEYS, MAY, 'kees: []'), /^a\.yaml:5:5: a principal has no "kees"; did you mean "keys"\?$/],
      [one(KEYS, KEYS, MAY), /^a\.yaml:4:5: Map keys must be unique$/],
      [one(KEYS, 'may: [{models: [m], methods: [predict], surface: [grpc]}]'), /no "surface"; did you mean "surfaces"/],
      [one(KEYS, 'may: [{models: [m], methods: [Predict]}]'), /a method wants one of predict, .*, not "Predict"/],
      [
        one(KEYS, 'may: [{models: ["m*x"], methods: [predict]}]'),
        /^a\.yaml:4:21: "m\*x" is not right; it wants the name/,
      ],
      [one(KEYS, 'may: [{models: [], methods: [predict]}]'), /models may not be empty/],
      [one(MAY), /^a\.yaml:2:11: nobody can be "p"; give it keys, certificates or tokens$/],
      [one('tokens: [{sub: x}]', MAY), /^a\.yaml:3:14: tokens cannot be checked; say how under jwt$/],
      [one('tokens: [{sub: 7}]', MAY), /wants a text, not "7"/],
      [
        `jwt: {jwks_file: k, issuer: i, audience: a, algorithms: [ES256]}\n${one(KEYS, MAY)}`,
        /^a\.yaml:1:1: no principal has tokens; give one some, or remove jwt$/,
      ],
      [
        `jwt: {jwks_file: k, issuer: i, audience: a, algorithms: [none, HS256]}\n${one('tokens: [{sub: x}]', MAY)}`,
        /an algorithm wants one of RS256, .*, not "none"/,
        /an algorithm wants one of RS256, .*, not "HS256"/,
      ],
      [one('certificates: [{spiffe: "spiffe://a/*/b"}]', MAY), /is not right; it wants a SPIFFE id/],
      [one('certificates: [{spiffe: "spiffe://a/b", cn: x}]', MAY), /a certificate wants one of spiffe, dns and cn/],
      [one('certificates: [{}]', MAY), /a certificate wants one of spiffe, dns and cn/],
    ];
    for (const [text, ...wanted] of cases) {
      const errors = errorsOf(text);
      assert.equal(errors.length, wanted.length, `${text}\n${errors.join('\n')}`);
      for (const [i, pattern] of wanted.entries()) assert.match(errors[i]!, pattern, text);
    }
  });

  it('is refused if a part of it could never apply', () => {
    const jwt = 'jwt: {jwks_file: k, issuer: i, audience: a, algorithms: [ES256]}\n';
    const rule = (text: string): string => one(KEYS, `may: [{${text}}]`);
    const cases: readonly (readonly [text: string, error: RegExp])[] = [
      [
        `${one(KEYS, MAY)}\n  - name: p\n    keys: ["${OTHER}"]\n    ${MAY}`,
        /^a\.yaml:5:11: another principal has this name, at a\.yaml:2:5/,
      ],
      [
        `${one(KEYS, MAY)}\n  - name: q\n    ${KEYS}\n    ${MAY}`,
        /^a\.yaml:6:12: this key is there already, at a\.yaml:3:12/,
      ],
      [
        rule('models: [m, "m*"], methods: [predict, predict]'),
        /^a\.yaml:4:50: this method is there already, at a\.yaml:4:41/,
      ],
      [rule('models: ["m*", mx], methods: [predict]'), /^a\.yaml:4:27: a name before it has all such models/],
      [rule('models: ["m*", "mx*"], methods: [predict]'), /a name before it has all such models/],
      [rule('models: [m, m], methods: [predict]'), /a name before it has all such models/],
      [rule('models: [m], methods: [predict], surfaces: [rest, rest]'), /this surface is there already/],
      [rule('models: ["*"], methods: [reload], surfaces: [rest]'), /reload is there over grpc alone, not over rest/],
      [rule('models: ["*"], methods: [metrics], surfaces: [grpc]'), /metrics is there over rest alone, not over grpc/],
      [rule('models: [m], methods: [multi_inference], surfaces: [rest]'), /multi_inference is there over grpc alone/],
      [rule('models: [m], methods: [reload]'), /reload concerns all models; allow it in a rule with models: \["\*"\]/],
      [
        one('certificates: [{spiffe: "spiffe://a/*"}, {spiffe: "spiffe://a/b"}]', MAY),
        /an entry before it has all such cert/,
      ],
      [
        one('certificates: [{spiffe: "spiffe://a/*"}, {spiffe: "spiffe://a/b/*"}]', MAY),
        /an entry before it has all such/,
      ],
      [one('certificates: [{cn: x}, {cn: x}]', MAY), /an entry before it has all such certificates/],
      [`${jwt}${one('tokens: [{sub: x}, {sub: x, scope: y}]', MAY)}`, /an entry before it has all such tokens/],
    ];
    for (const [text, wanted] of cases) {
      const errors = errorsOf(text);
      assert.equal(errors.length, 1, `${text}\n${errors.join('\n')}`);
      assert.match(errors[0]!, wanted, text);
    }
    assert.deepEqual(errorsOf(one('certificates: [{spiffe: "spiffe://a/b"}, {spiffe: "spiffe://a/*"}]', MAY)), []);
  });

  it('is told without showing what may be a key', () => {
    for (const keys of [
      'keys: [hunter2hunter2]',
      'keys: hunter2hunter2',
      'keys: [[hunter2hunter2]]',
      'keys: [{hunter2: x}]',
    ]) {
      const errors = errorsOf(one(keys, MAY));
      assert.ok(errors.length > 0, keys);
      assert.doesNotMatch(errors.join(), /hunter2/, keys);
    }
  });
});

describe('a key set', () => {
  const errorsIn = (text: string, algorithms = ['ES256']): readonly string[] => {
    const errors: string[] = [];
    const keys = readKeySet('k.json', Buffer.from(text), algorithms, errors);
    assert.equal(keys === undefined, errors.length > 0);
    return errors;
  };
  const jwk = (key: object, more: object = {}): string => JSON.stringify({ keys: [{ ...key, ...more }] });

  it('wants public keys, of the algorithms that are allowed', () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    assert.deepEqual(errorsIn(createIssuer().jwks), []);
    assert.match(errorsIn('{}')[0]!, /no JSON Web Key Set/);
    assert.match(errorsIn('{"keys":[]}')[0]!, /no JSON Web Key Set/);
    assert.match(errorsIn('{"keys":[null]}')[0]!, /no JSON Web Key Set/);
    assert.match(errorsIn(jwk({ kty: 'oct', k: 'c2VjcmV0' }))[0]!, /^k\.json: key 1 is a shared secret/);
    assert.match(errorsIn(jwk(ec.privateKey.export({ format: 'jwk' })))[0]!, /key 1 is a private key/);
    assert.match(errorsIn(jwk({ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }))[0]!, /key 1 cannot be read/);
    assert.match(errorsIn(jwk(weak), ['RS256'])[0]!, /has 1024 bits; RSA wants 2048 or more/);
    assert.match(errorsIn(createIssuer().jwks, ['RS256', 'ES384'])[0]!, /no key is one of RS256, ES384/);
    const { keys } = JSON.parse(createIssuer('same').jwks) as { keys: object[] };
    assert.match(errorsIn(JSON.stringify({ keys: [...keys, ...keys] }))[0]!, /two keys have the same kid/);
  });
});
