/**
 * The file of --authorization_file: who may ask which models for what. What no rule allows is refused.
 *
 *   principals:
 *     - name: ranker
 *       keys: [sha256:9f86d0…]                      # of `pillion key new`
 *       certificates: [{spiffe: spiffe://prod.example/ns/search/*}]
 *       may:
 *         - {models: [ranker, ranker-*], methods: [predict, metadata], surfaces: [grpc]}
 *
 * src/features/authorization/README.md has every key. docs/authorization.schema.json, for editors, is generated from the
 * schema below (npm run gen -- schema).
 */
import * as v from 'valibot';
import { about, choice, count, fields, named, nonEmptyText, optional, together } from '../../config/yaml/kinds.ts';
import { ACCESS_METHOD_NAMES, ACCESS_SURFACES } from '../../core/access-method.ts';

/** The algorithms are asymmetric: with a shared secret, whoever can check a token can make one. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA'],
] as const;

const MAX_LEEWAY_S = 300;

const quoted = (input: unknown): string => JSON.stringify(String(input).slice(0, 60));

/** A text of a certain form; `wants` describes it. `shown`: the wrong text, for the error. */
const formed = (form: RegExp, wants: string, shown: (input: unknown) => string = quoted) =>
  v.pipe(
    nonEmptyText,
    v.check(
      (text) => text === '' || form.test(text),
      ({ input }) => `${shown(input)} is not right; it wants ${wants}`,
    ),
    v.metadata({ pattern: form.source }),
  );

const listOf = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item, 'a list'), v.nonEmpty('may not be empty'));

/** No error text shows it: where a key's hash belongs, somebody may have put the key. */
const KEY = formed(
  /^sha256:[0-9a-f]{64}$/,
  'sha256: and 64 hexadecimal digits in lower case, as `pillion key new` prints',
  () => 'a key',
);
const SPIFFE = formed(
  /^spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)*(\/\*)?$/,
  'a SPIFFE id, such as spiffe://prod.example/ns/search/sa/ranker; /* at its end stands for all ids below',
);
const MODEL = formed(/^[^*]*\*?$/, 'the name of a model, or the beginning of names and a *');
const PRINCIPAL_NAME = formed(/^[A-Za-z0-9._/-]{1,64}$/, 'up to 64 letters, digits, dots, slashes, - and _');

const CERTIFICATE = v.pipe(
  fields({
    spiffe: optional(SPIFFE, 'Its SPIFFE id; with /* at the end, every id below.'),
    dns: optional(nonEmptyText, 'One of its DNS names, as it stands there.'),
    cn: optional(nonEmptyText, 'The common name of its subject.'),
  }),
  together((given, say) => {
    if (Object.keys(given).length !== 1) say('a certificate wants one of spiffe, dns and cn');
  }),
);

const RULE = fields({
  models: about(listOf(MODEL), 'Names of models; a * at the end stands for any rest.'),
  methods: about(listOf(choice(ACCESS_METHOD_NAMES)), 'What may be asked of them.'),
  surfaces: optional(listOf(choice(ACCESS_SURFACES)), 'Where; by default on both.'),
});

const PRINCIPAL = fields({
  name: about(PRINCIPAL_NAME, 'Its name in the audit log, and as the caller of its requests.'),
  keys: optional(listOf(KEY), 'The hashes of its API keys.'),
  certificates: optional(listOf(CERTIFICATE), 'Names in its client certificates.'),
  tokens: optional(
    listOf(named(nonEmptyText)),
    'Claims of its JWTs: a token with all claims of one entry is its. Of a list, and of the words in scope, one counts.',
  ),
  may: about(listOf(RULE), 'What it may do.'),
});

const JWT = fields({
  jwks_file: about(
    nonEmptyText,
    'JSON Web Key Set with the issuer’s public keys. Relative paths count from this file.',
  ),
  issuer: about(nonEmptyText, 'The iss of the tokens.'),
  audience: about(nonEmptyText, 'Their aud, or one of it.'),
  algorithms: about(listOf(choice(ALGORITHMS)), 'The signatures that are accepted.'),
  leeway_seconds: v.optional(
    about(count(0, MAX_LEEWAY_S), 'How far the issuer’s clock may be from this machine’s.'),
    30n,
  ),
});

/** The file's schema, from which docs/authorization.schema.json is generated. */
export const AUTHORIZATION_SCHEMA = fields({
  principals: about(listOf(PRINCIPAL), 'Those who may do something.'),
  jwt: optional(JWT, 'How JWTs are checked.'),
});

export type AuthorizationRules = v.InferOutput<typeof AUTHORIZATION_SCHEMA>;
