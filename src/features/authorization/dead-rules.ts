/**
 * Parts of an authorization file that could never apply: what an earlier part covers, what names the same thing twice,
 * and methods that no surface of their rule has. The operator meant something else, so each is a mistake.
 */

import type { YamlDocument, YamlPath } from '../../config/yaml/yaml-document.ts';
import { ACCESS_METHODS, ACCESS_SURFACES, type AccessMethod, ALL_MODELS } from '../../core/access-method.ts';
import type { AuthorizationRules } from './authorization-schema.ts';
import { fitsModel } from './principal.ts';

type Principal = AuthorizationRules['principals'][number];
type Rule = Principal['may'][number];
type Certificate = NonNullable<Principal['certificates']>[number];

/** The methods that concern all models at once. */
const ALL_AT_ONCE: ReadonlySet<AccessMethod> = new Set(['reload', 'metrics', 'shared_memory', 'settings']);

/** A part with its place. */
interface Placed<T> {
  readonly value: T;
  readonly path: YamlPath;
}

export function reportDeadRules(document: YamlDocument, { principals, jwt }: AuthorizationRules): void {
  const all = principals.map((value, i) => ({ value, path: ['principals', i] }));
  for (const { value, path } of all) {
    reportWithoutCredential(document, value, path);
    value.may.forEach((rule, i) => {
      reportRule(document, rule, [...path, 'may', i]);
    });
  }
  const covered = <T>(placed: readonly Placed<T>[], covers: (earlier: T, later: T) => boolean, what: string): void =>
    reportCovered(document, placed, covers, what);
  covered(
    all.map(({ value, path }) => ({ value: value.name, path: [...path, 'name'] })),
    Object.is,
    'another principal has this name',
  );
  covered(partsOf(all, 'keys'), Object.is, 'this key is there already');
  covered(partsOf(all, 'certificates'), coversCertificate, 'an entry before it has all such certificates');
  covered(partsOf(all, 'tokens'), coversClaims, 'an entry before it has all such tokens');
  reportTokensWithout(document, partsOf(all, 'tokens'), jwt !== undefined);
}

/** The keys, certificates or tokens of all principals, in order. */
function partsOf<K extends 'keys' | 'certificates' | 'tokens'>(
  principals: readonly Placed<Principal>[],
  key: K,
): readonly Placed<NonNullable<Principal[K]>[number]>[] {
  type Part = NonNullable<Principal[K]>[number];
  return principals.flatMap(({ value, path }) =>
    ((value[key] ?? []) as readonly Part[]).map((part, i) => ({ value: part, path: [...path, key, i] })),
  );
}

function reportWithoutCredential(document: YamlDocument, principal: Principal, path: YamlPath): void {
  const { keys, certificates, tokens } = principal;
  if (keys !== undefined || certificates !== undefined || tokens !== undefined) return;
  document.report([...path, 'name'], `nobody can be "${principal.name}"; give it keys, certificates or tokens`);
}

function reportRule(document: YamlDocument, { models, methods, surfaces }: Rule, path: YamlPath): void {
  const own = surfaces ?? ACCESS_SURFACES;
  methods.forEach((method, i) => {
    const there: readonly string[] = ACCESS_METHODS[method];
    const place = [...path, 'methods', i];
    if (!own.some((surface) => there.includes(surface))) {
      document.report(place, `${method} is there over ${there.join(' and ')} alone, not over ${own.join(' and ')}`);
    } else if (ALL_AT_ONCE.has(method) && !models.includes(ALL_MODELS)) {
      document.report(place, `${method} concerns all models; allow it in a rule with models: ["*"]`);
    }
  });
  const placed = <T>(key: string, values: readonly T[]): readonly Placed<T>[] =>
    values.map((value, i) => ({ value, path: [...path, key, i] }));
  reportCovered(document, placed('methods', methods), Object.is, 'this method is there already');
  reportCovered(document, placed('surfaces', surfaces ?? []), Object.is, 'this surface is there already');
  reportCovered(document, placed('models', models), fitsModel, 'a name before it has all such models');
}

function reportTokensWithout(document: YamlDocument, tokens: readonly Placed<unknown>[], hasJwt: boolean): void {
  const [first] = tokens;
  if (first !== undefined && !hasJwt) document.report(first.path, 'tokens cannot be checked; say how under jwt');
  if (first === undefined && hasJwt)
    document.reportKey(['jwt'], 'no principal has tokens; give one some, or remove jwt');
}

function reportCovered<T>(
  document: YamlDocument,
  parts: readonly Placed<T>[],
  covers: (earlier: T, later: T) => boolean,
  problem: string,
): void {
  parts.forEach(({ value, path }, i) => {
    const earlier = parts.slice(0, i).find((part) => covers(part.value, value));
    if (earlier === undefined) return;
    document.report(path, `${problem}, at ${document.placeOf(earlier.path)}; remove one`);
  });
}

/** Every certificate that the later entry fits, the earlier one fits too. */
function coversCertificate(earlier: Certificate, later: Certificate): boolean {
  if (later.spiffe !== undefined) {
    return earlier.spiffe !== undefined && (earlier.spiffe === later.spiffe || isBelow(earlier.spiffe, later.spiffe));
  }
  return earlier.dns === later.dns && earlier.cn === later.cn && earlier.spiffe === undefined;
}

/** Whether the id (or the pattern) is below the pattern's path. */
export function isBelow(pattern: string, id: string): boolean {
  return pattern.endsWith('/*') && id.startsWith(pattern.slice(0, -1)) && id.length > pattern.length - 1;
}

function coversClaims(earlier: ReadonlyMap<string, string>, later: ReadonlyMap<string, string>): boolean {
  return [...earlier].every(([claim, value]) => later.get(claim) === value);
}
