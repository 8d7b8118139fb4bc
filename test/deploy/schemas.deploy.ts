/** Manifests against the JSON schemas of Kubernetes' API, with no field that it does not know, and without a network. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  type Answer,
  documents,
  programPath,
  readManifest,
  renderedSets,
  runProgram,
  SINGLE_FILES,
} from './manifests.ts';

function kubeconform(text: string, skip: readonly string[]): Answer {
  const schemas = join(
    programPath('SCHEMAS'),
    '{{ .NormalizedKubernetesVersion }}-local-strict',
    '{{ .ResourceKind }}{{ .KindSuffix }}.json',
  );
  const args = [
    '-strict',
    '-summary',
    '-kubernetes-version=1.37.0',
    `-schema-location=${schemas}`,
    `-skip=${skip.join()}`,
  ];
  return runProgram('KUBECONFORM', [...args, '-'], text);
}

describe('the schemas of Kubernetes', () => {
  for (const [name, text] of renderedSets()) {
    it(`know all that is in ${name}`, () => {
      const own = documents(text).filter(isOwnKind);
      // The API server has the CRDs of others.
      const others = documents(text).filter((manifest) => !isOwnKind(manifest));
      const { status, output } = kubeconform(text, [...new Set(others.map(({ kind }) => kind))]);
      assert.equal(status, 0, output);
      assert.match(output, new RegExp(`Valid: ${own.length}, Invalid: 0, Errors: 0`));
    });
  }

  for (const file of SINGLE_FILES.filter((each) => documents(readManifest(each)).every(isOwnKind))) {
    it(`know all that is in ${file}`, () => {
      const { status, output } = kubeconform(readManifest(file), []);
      assert.equal(status, 0, output);
    });
  }

  it('refuse a misspelt field', () => {
    const { status, output } = kubeconform(readManifest('test/deploy/broken/misspelt.yaml'), []);
    assert.equal(status, 1, output);
    assert.match(output, /periodSecond/);
  });

  it('refuse a kind that they do not know', () => {
    const { status, output } = kubeconform(readManifest('test/deploy/broken/scaled-object.yaml'), []);
    assert.equal(status, 1, output);
    assert.match(output, /could not find schema for ScaledObject/);
  });
});

/** Of Kubernetes itself: v1, apps/v1, networking.k8s.io/v1. */
function isOwnKind({ apiVersion }: { readonly apiVersion: string }): boolean {
  return !apiVersion.includes('.') || /\.k8s\.io\//.test(apiVersion);
}
