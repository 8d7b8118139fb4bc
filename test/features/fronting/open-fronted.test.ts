import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Abandonable, OpenFronted } from '../../../src/proxy/fronting/open-fronted.ts';

const HTTP = {};
const GRPC = {};

function request(caller: string, app: object): Abandonable {
  return { caller, app, setIndex: -1, abandon: () => undefined };
}

test('streams to one application take nothing of the share that their caller has of another', () => {
  const open = new OpenFronted();
  for (let i = 0; i < 100; i++) open.add(request('mesh', GRPC));
  for (let i = 0; i < 4; i++) open.add(request('other', HTTP));
  const asked = request('mesh', HTTP);
  open.add(asked);
  assert.equal(open.hasFewOpen(asked, 10), true);
  // A third caller would leave each with three of ten.
  for (let i = 0; i < 3; i++) open.add(request('mesh', HTTP));
  assert.equal(open.hasFewOpen(asked, 10), false);
});
