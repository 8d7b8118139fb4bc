/**
 * Every manifest as a real API server takes it: server-side, with no field that it does not know, in a namespace of Pod
 * Security's level "restricted", and with the CRDs of Istio, the Prometheus operator, KEDA and KServe.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type ApiServer, startApiServer } from './api-server.ts';
import { type Answer, CHART, readManifest, renderedSets, runProgram, SINGLE_FILES } from './manifests.ts';

/** Those of the manifests; "inference" is the same for the chart. */
const NAMESPACES = ['default', 'inference'];
const RESTRICTED = ['pod-security.kubernetes.io/enforce=restricted', 'pod-security.kubernetes.io/warn=restricted'];
const WAIT = ['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all'];
const LOOK_MS = 200;

let server: ApiServer;

before(async () => {
  server = await startApiServer();
  const done = ({ status, output }: Answer): void => assert.equal(status, 0, output);
  if (server.kubectl(['get', 'namespace', 'default']).status !== 0)
    done(server.kubectl(['create', 'namespace', 'default']));
  done(server.kubectl(['create', 'namespace', 'inference']));
  for (const name of NAMESPACES) done(server.kubectl(['label', 'namespace', name, ...RESTRICTED, '--overwrite']));
  const crds = JSON.parse(process.env['PILLION_TEST_CRDS']!) as string[];
  done(server.kubectl(['apply', '--server-side', ...crds.map((file) => `--filename=${file}`)]));
  // kubectl fails for one that has no condition yet.
  while (server.kubectl(WAIT).output.includes('accessor error')) await pause(LOOK_MS);
  done(server.kubectl(WAIT));
});

after(() => server.close());

function dryRun(text: string, namespace = 'default'): Answer {
  const args = ['apply', '--dry-run=server', '--validate=strict', `--namespace=${namespace}`, '--filename=-'];
  return server.kubectl(args, text);
}

describe('the API server', () => {
  for (const [name, text] of renderedSets()) {
    it(`takes ${name}`, () => {
      const { status, output } = dryRun(text);
      assert.equal(status, 0, output);
      assert.doesNotMatch(output, /Warning/);
    });
  }

  for (const file of SINGLE_FILES) {
    it(`takes ${file}`, () => {
      const { status, output } = dryRun(readManifest(file));
      assert.equal(status, 0, output);
      assert.doesNotMatch(output, /Warning/);
    });
  }

  const refused: readonly [string, RegExp][] = [
    ['misspelt', /unknown field .*periodSecond/],
    ['no-such-policy', /restartPolicy: Unsupported value: "Sometimes"/],
    ['privileged', /violates PodSecurity "restricted:latest"/],
    ['istio', /perTryTimeout/],
    ['pod-monitor', /interval/],
    ['scaled-object', /triggers\[0\]\.type: Required value/],
    ['serving-runtime', /unknown field "spec\.container"|spec\.containers: Required value/],
  ];
  for (const [name, reason] of refused) {
    it(`refuses broken/${name}.yaml`, () => {
      const { status, output } = dryRun(readManifest(`test/deploy/broken/${name}.yaml`));
      assert.equal(status, 1, output);
      assert.match(output, reason);
    });
  }

  it('takes an installation by Helm, which says how to reach it', () => {
    const args = [
      'install',
      'digits',
      CHART,
      '--namespace=inference',
      '--values',
      `${CHART}/ci/autoscaling-values.yaml`,
    ];
    const { status, output } = runProgram('HELM', args, '', { KUBECONFIG: server.kubeconfig });
    assert.equal(status, 0, output);
    assert.match(output, /http:\/\/digits:8501\/v1\/models/);
    assert.match(output, /helm -n inference test digits/);
    assert.match(output, /A pod has 30 s to end/);
    assert.match(
      server.kubectl(['get', '--namespace=inference', 'deployment,scaledobject']).output,
      /scaledobject.*digits/,
    );
  });
});
