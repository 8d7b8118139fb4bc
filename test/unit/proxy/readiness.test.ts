import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadinessGate } from '../../../src/proxy/readiness.ts';

test('a server has started once its models are there, though the application behind it waits for that', () => {
  const gate = new ReadinessGate();
  gate.setAppReady(false);
  assert.equal(gate.hasStarted, false);
  gate.setModelsReady(true);
  assert.equal(gate.hasStarted, true, 'a pod starts its application after the startup probe');
  assert.equal(gate.isReady, false, 'but sends no requests before the application is well');
  gate.setAppReady(true);
  assert.equal(gate.isReady, true);
});

test('a start is over for good, and never begins in a drain', () => {
  const started = new ReadinessGate();
  started.setModelsReady(true);
  started.setModelsReady(false);
  started.setDraining();
  assert.equal(started.hasStarted, true);

  const drained = new ReadinessGate();
  drained.setDraining();
  drained.setModelsReady(true);
  assert.equal(drained.hasStarted, false);
});
