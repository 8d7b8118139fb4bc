import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { newMailboxMemory } from '../../../../../src/backends/host/thread/mailbox.ts';
import { MailboxReceiver } from '../../../../../src/backends/host/thread/mailbox-receiver.ts';
import { MailboxSender } from '../../../../../src/backends/host/thread/mailbox-sender.ts';
import type { Call } from '../../../../../src/backends/host/worker-call.ts';
import { bytesPerElement, type DType, NUMERIC_DTYPES, type NumericDType } from '../../../../../src/core/dtype.ts';
import { PREDICT_METHOD_NAME, type Signature } from '../../../../../src/core/signature.ts';
import type { NumericTensor, Tensor, TensorMap } from '../../../../../src/core/tensor.ts';

const SLAB_BYTES = 4096;

describe('a call in a mailbox', () => {
  it('arrives as it was put in, and so does its answer', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyTensor(), anyTensor()), { maxLength: 3 }), fc.double(), (tensors, deadline) => {
        const inputs = new Map(tensors.map(([x], i): [string, Tensor] => [`x${i}`, x]));
        const outputs = new Map(tensors.map(([, y], i): [string, Tensor] => [`y${i}`, y]));
        const { sender, receiver } = mailbox(signatureOf(inputs, outputs));
        const wanted = [...outputs.keys()].reverse();
        for (let again = 0; again < 2; again++) {
          assert.ok(sender.write({ signatureName: 'serve', inputs, outputs: wanted, deadline }));
          sender.ring();
          receiver.wait();
          const call = receiver.read()!;
          assert.deepEqual({ ...call, inputs: contents(call.inputs) }, { ...call, inputs: contents(inputs) });
          assert.deepEqual([call.signatureName, call.outputs, call.deadline], ['serve', wanted, deadline]);
          assert.ok(receiver.write({ outputs, runStart: 1.5, runEnd: 2.5 }, call));
          const answer = sender.readAnswer();
          sender.forget();
          assert.deepEqual([answer.runStart, answer.runEnd], [1.5, 2.5]);
          assert.deepEqual(
            contents(answer.outputs),
            contents(new Map(wanted.map((name) => [name, outputs.get(name)!]))),
          );
        }
      }),
    );
  });

  it('leaves the answer before it as it was', () => {
    const { sender, receiver } = mailbox(signatureOf(one('x', uint8(1)), one('y', uint8(1))));
    const answers = [1, 2].map((value) => {
      assert.ok(sender.write(call(one('x', uint8(value)))));
      sender.ring();
      receiver.wait();
      assert.ok(receiver.write({ outputs: one('y', uint8(value)), runStart: 0, runEnd: 0 }, receiver.read()!));
      const answer = sender.readAnswer();
      sender.forget();
      return answer;
    });
    assert.deepEqual(
      answers.map(({ outputs }) => contents(outputs)),
      [[['y', 'uint8', [1], '01']], [['y', 'uint8', [1], '02']]],
    );
  });

  it('is heard once, also when it was rung for before anybody slept', () => {
    const { sender, receiver } = mailbox(signatureOf(one('x', uint8(1)), one('y', uint8(1))));
    sender.write(call(one('x', uint8(1))));
    sender.ring();
    receiver.wait();
    assert.notEqual(receiver.read(), undefined);
    sender.ringForMessage();
    receiver.wait();
    assert.equal(receiver.read(), undefined);
  });
});

describe('two calls in a mailbox', () => {
  it('are heard and answered in order, each by itself', () => {
    const { sender, receiver } = mailbox(signatureOf(one('x', uint8(1)), one('y', uint8(1))));
    for (const value of [1, 2]) {
      assert.ok(sender.write(call(one('x', uint8(value)))));
      sender.ring();
    }
    for (const value of [1, 2]) {
      receiver.wait();
      const heard = receiver.read()!;
      assert.deepEqual(contents(heard.inputs), [['x', 'uint8', [1], `0${value}`]]);
      assert.ok(receiver.write({ outputs: one('y', uint8(value + 2)), runStart: 0, runEnd: 0 }, heard));
    }
    for (const value of [3, 4]) {
      assert.deepEqual(contents(sender.readAnswer().outputs), [['y', 'uint8', [1], `0${value}`]]);
      sender.forget();
    }
  });

  it('may come by different ways', () => {
    const { sender, receiver } = mailbox(signatureOf(one('x', uint8(1)), one('y', uint8(1))));
    const ways = ['mailbox', 'message', 'message', 'mailbox', 'mailbox'];
    const ring = (way: string | undefined): void => {
      if (way === 'message') sender.ringForMessage();
      else if (way === 'mailbox') {
        sender.write(call(one('x', uint8(1))));
        sender.ring();
      }
    };
    ring(ways[0]);
    for (const [i, way] of ways.entries()) {
      ring(ways[i + 1]);
      receiver.wait();
      assert.equal(receiver.read() === undefined, way === 'message');
      sender.forget();
    }
  });
});

describe('a call that must go by message', () => {
  const x = uint8(1, 2, 3, 4);
  const { sender } = mailbox(signatureOf(one('x', x), one('y', x)));
  const cases: Readonly<Record<string, Partial<Call>>> = {
    'has more bytes than the slab': { inputs: one('x', uint8(...new Array(SLAB_BYTES + 1).fill(0))) },
    'has a dim that takes more than a word': { inputs: one('x', { ...uint8(), shape: [0, 2 ** 31] }) },
    'has more dims than there are words': { inputs: one('x', { ...uint8(1), shape: new Array(2000).fill(1) }) },
    'has strings': { inputs: one('x', { dtype: 'string', shape: [1], data: [new Uint8Array(1)] }) },
    'has another dtype': { inputs: one('x', { ...x, dtype: 'int8' }) },
    'lacks an input': { inputs: new Map() },
    'has an unknown input': { inputs: one('q', x) },
    'has a surplus input': { inputs: new Map([['x', x] as const, ['q', x] as const]) },
    'wants an unknown output': { outputs: ['q'] },
    'wants more outputs than there are words': { outputs: new Array(2000).fill('y') },
    'is of an unknown signature': { signatureName: 'other' },
  };
  for (const [name, wrong] of Object.entries(cases)) {
    it(name, () => {
      assert.equal(sender.write({ ...call(one('x', x)), ...wrong }), false);
      assert.equal(sender.write(call(one('x', x))), true);
    });
  }

  it('is of a signature with strings', () => {
    const text: Tensor = { dtype: 'string', shape: [0], data: [] };
    const strings = mailbox(
      signatureOf(
        one('x', x),
        new Map<string, Tensor>([
          ['y', x],
          ['z', text],
        ]),
      ),
    );
    assert.equal(strings.sender.write({ ...call(one('x', x)), outputs: ['z'] }), false);
    assert.equal(strings.sender.write(call(one('x', x))), true);
    const allStrings = mailbox(signatureOf(one('x', text), one('y', x)));
    assert.equal(allStrings.sender.write(call(one('x', text))), false);
  });
});

describe('an answer that must go by message', () => {
  const x = uint8(1);
  const { sender, receiver } = mailbox(signatureOf(one('x', x), one('y', x)));
  const cases: Readonly<Record<string, TensorMap>> = {
    'has more bytes than the slab': one('y', uint8(...new Array(2 ** 13 + 1).fill(0))),
    'has a dim that takes more than a word': one('y', { ...uint8(), shape: [0, 2 ** 31] }),
    'has another dtype than the signature': one('y', { ...x, dtype: 'int8' }),
    'lacks an output': new Map(),
  };
  for (const [name, outputs] of Object.entries(cases)) {
    it(name, () => {
      sender.write(call(one('x', x)));
      const received = receiver.read()!;
      assert.equal(receiver.write({ outputs, runStart: 0, runEnd: 0 }, received), false);
      assert.equal(receiver.write({ outputs: one('y', x), runStart: 0, runEnd: 0 }, received), true);
    });
  }
});

function mailbox(signature: Signature): { sender: MailboxSender; receiver: MailboxReceiver } {
  const memory = newMailboxMemory(SLAB_BYTES);
  const signatures = new Map([
    ['before', { ...signature, inputs: new Map(), outputs: new Map() }],
    ['serve', signature],
  ]);
  return { sender: new MailboxSender(memory, signatures), receiver: new MailboxReceiver(memory, signatures) };
}

function signatureOf(inputs: TensorMap, outputs: TensorMap): Signature {
  const specs = (tensors: TensorMap): Signature['inputs'] =>
    new Map([...tensors].map(([name, { dtype }]) => [name, { dtype, shape: undefined, tensorName: name }]));
  const batchAxis = { kind: 'none' } as const;
  return { inputs: specs(inputs), outputs: specs(outputs), methodName: PREDICT_METHOD_NAME, batchAxis };
}

function call(inputs: TensorMap): Call {
  return { signatureName: 'serve', inputs, outputs: ['y'], deadline: Infinity };
}

function one(name: string, tensor: Tensor): TensorMap {
  return new Map([[name, tensor]]);
}

function uint8(...bytes: number[]): NumericTensor {
  return { dtype: 'uint8', shape: [bytes.length], data: new Uint8Array(bytes) };
}

/** Any numeric tensor of up to 60 elements, at any alignment. */
function anyTensor(): fc.Arbitrary<NumericTensor> {
  const shape = fc.array(fc.nat({ max: 4 }), { maxLength: 3 });
  return fc.tuple(fc.constantFrom<NumericDType>(...NUMERIC_DTYPES), shape, fc.nat({ max: 7 }), fc.nat()).map(tensorOf);
}

function tensorOf([dtype, shape, shift, seed]: [NumericDType, number[], number, number]): NumericTensor {
  const length = shape.reduce((a, b) => a * b, 1) * bytesPerElement(dtype as DType);
  const data = new Uint8Array(length + shift).subarray(shift);
  for (let i = 0; i < length; i++) data[i] = seed + 31 * i;
  return { dtype, shape, data };
}

function contents(tensors: TensorMap): unknown[] {
  return [...tensors].map(([name, { dtype, shape, data }]) => {
    assert.ok(data instanceof Uint8Array);
    return [name, dtype, shape, Buffer.from(data).toString('hex')];
  });
}
