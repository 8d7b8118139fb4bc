/**
 * Reads the rules of an authorization file (authorization-schema.ts). All mistakes are reported together, with their
 * places; rules that could never apply are mistakes too (dead-rules.ts).
 */
import { byKeys, readDocument } from '../../config/yaml/problems.ts';
import type { YamlDocument } from '../../config/yaml/yaml-document.ts';
import { AUTHORIZATION_SCHEMA, type AuthorizationRules } from './authorization-schema.ts';
import { reportDeadRules } from './dead-rules.ts';

const NAMES = {
  principals: () => 'a principal',
  keys: () => 'a key',
  certificates: () => 'a certificate',
  tokens: () => 'an entry of tokens',
  may: () => 'a rule',
  models: () => 'a model',
  methods: () => 'a method',
  surfaces: () => 'a surface',
  algorithms: () => 'an algorithm',
};

/** Adds to `errors`, and returns undefined, if the file has a mistake. */
export function readAuthorizationRules(
  document: YamlDocument,
  path: string,
  errors: string[],
): AuthorizationRules | undefined {
  if (document.problems.length > 0) {
    errors.push(...document.problems);
    return undefined;
  }
  const wording = byKeys(path, NAMES);
  const rules = readDocument(document, AUTHORIZATION_SCHEMA, {
    ...wording,
    // It may be a key.
    wrong: (at, input, wants, words) => wording.wrong(at, at.includes('keys') ? '…' : input, wants, words),
  });
  // Faulty parts were left out, so that other parts may look dead.
  if (rules !== undefined && document.problems.length === 0) reportDeadRules(document, rules);
  document.sortProblems();
  errors.push(...document.problems);
  return document.problems.length === 0 ? rules : undefined;
}
