import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ACCESS_METHOD_NAMES, ACCESS_SURFACES } from '../../../src/core/access-method.ts';
import type { ServingError } from '../../../src/core/errors.ts';
import { type AccessRule, FilePrincipal } from '../../../src/features/authorization/principal.ts';
import { type Principal, permit } from '../../../src/proxy/access-control.ts';

const NAMES = ['a', 'ab', 'abc', 'b', 'A', '', 'constructor', '__proto__'];
const RULE: fc.Arbitrary<AccessRule> = fc.record({
  models: fc.array(fc.constantFrom('a', 'ab', 'a*', 'ab*', 'b', '*', 'constructor'), { minLength: 1, maxLength: 3 }),
  methods: fc.uniqueArray(fc.constantFrom(...ACCESS_METHOD_NAMES), { minLength: 1 }),
  surfaces: fc.option(fc.uniqueArray(fc.constantFrom(...ACCESS_SURFACES), { minLength: 1 }), { nil: undefined }),
});

describe('Principal', () => {
  it('may what a rule says, word for word, and nothing else', () => {
    const question = fc.record({
      method: fc.constantFrom(...ACCESS_METHOD_NAMES),
      surface: fc.constantFrom(...ACCESS_SURFACES),
      model: fc.constantFrom(...NAMES),
    });
    fc.assert(
      fc.property(fc.array(RULE, { maxLength: 4 }), fc.array(question, { maxLength: 20 }), (rules, questions) => {
        const principal = new FilePrincipal('p', rules);
        for (const { method, surface, model } of questions) {
          const wanted = rules.some(
            (rule) =>
              rule.methods.includes(method) &&
              (rule.surfaces === undefined || rule.surfaces.includes(surface)) &&
              rule.models.some((pattern) => new RegExp(`^${pattern.replace('*', '.*')}$`).test(model)),
          );
          assert.equal(principal.may(method, surface, model), wanted);
        }
      }),
    );
  });

  it('is refused in the same words whatever the model, and nobody may anything', () => {
    const textFor = (principal: Principal | undefined, model: string): string => {
      try {
        permit(principal, 'predict', 'grpc', model);
      } catch (error) {
        assert.equal((error as ServingError).kind, 'permission_denied');
        return (error as ServingError).message;
      }
      return assert.fail('it was permitted');
    };
    const principal = new FilePrincipal('p', [{ models: ['a'], methods: ['predict'], surfaces: ['rest'] }]);
    assert.equal(textFor(principal, 'a'), textFor(principal, 'there-is-none'));
    assert.equal(textFor(undefined, 'a'), textFor(principal, 'a'));
    assert.ok(
      permit(new FilePrincipal('p', [{ models: ['a'], methods: ['predict'] }]), 'predict', 'grpc', 'a') === undefined,
    );
  });
});
