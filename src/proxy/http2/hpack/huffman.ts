/**
 * The Huffman code of HPACK (RFC 7541, 5.2 and appendix B), decoding only: sent headers are not compressed.
 *
 * The code is canonical: codes are assigned in the order of (length, symbol), so the 257 lengths are the whole table.
 * The decoder is an automaton that reads four bits at a time; its states are the inner nodes of the code's tree.
 *
 *           ○ state 0              step(state, 4 bits) → next state, and the symbol completed on the way
 *         0/ \1                    (no code is shorter than 5 bits: at most one symbol in 4)
 *         ○   ○ …                  a string may end in a state that is all ones and less than 8 deep: its padding
 *        …    …
 */
import { Buffer } from 'node:buffer';
import { compressionError } from '../error-code.ts';

/** Length in bits of each symbol's code, 0–255 and EOS: one base-36 digit each. */
const CODE_LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca' +
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn' +
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq' +
  'u';

export const EOS = 256;

interface HuffmanCode {
  readonly bits: number;
  readonly length: number;
}

/** The code of each symbol. */
export const HUFFMAN_CODES: readonly HuffmanCode[] = makeCodes();

function makeCodes(): HuffmanCode[] {
  const lengths = Array.from(CODE_LENGTHS, (digit) => Number.parseInt(digit, 36));
  const inOrder = lengths.map((length, symbol) => ({ length, symbol }));
  inOrder.sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  const codes: HuffmanCode[] = new Array(lengths.length);
  let next = 0;
  let previousLength = 0;
  for (const { length, symbol } of inOrder) {
    next <<= length - previousLength;
    codes[symbol] = { bits: next, length };
    next += 1;
    previousLength = length;
  }
  return codes;
}

const NO_SYMBOL = -1;
/** Next state of (state × 16 + four bits); −1 after EOS, which no string may contain. */
const NEXT = new Int16Array(256 * 16);
const SYMBOL = new Int16Array(256 * 16).fill(NO_SYMBOL);
/** 1 for the states in which a string may end. */
const MAY_END = new Uint8Array(256);

buildAutomaton();

function buildAutomaton(): void {
  // tree[2 × node + bit]: a node (> 0), or ~symbol (< 0).
  const tree: number[] = [0, 0];
  HUFFMAN_CODES.forEach(({ bits, length }, symbol) => {
    let node = 0;
    for (let i = length - 1; i > 0; i--) {
      const branch = 2 * node + ((bits >>> i) & 1);
      if (tree[branch] === 0) tree[branch] = tree.push(0, 0) / 2 - 1;
      node = tree[branch]!;
    }
    tree[2 * node + (bits & 1)] = ~symbol;
  });
  for (let state = 0; state < tree.length / 2; state++) {
    for (let nibble = 0; nibble < 16; nibble++) addStep(tree, state, nibble);
  }
  for (let depth = 0, node = 0; depth < 8; depth++, node = tree[2 * node + 1]!) MAY_END[node] = 1;
}

function addStep(tree: readonly number[], state: number, nibble: number): void {
  const index = state * 16 + nibble;
  let node = state;
  for (let i = 3; i >= 0; i--) {
    const branch = tree[2 * node + ((nibble >>> i) & 1)]!;
    if (branch === ~EOS) {
      NEXT[index] = -1;
      return;
    }
    if (branch < 0) SYMBOL[index] = ~branch;
    node = Math.max(0, branch);
  }
  NEXT[index] = node;
}

/** Decodes bytes[start, end) to a latin1 string, in linear time. Throws ConnectionError. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string {
  // The shortest code has five bits.
  const decoded = Buffer.allocUnsafe(Math.floor(((end - start) * 8) / 5));
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const index = state * 16 + ((byte >> shift) & 15);
      const symbol = SYMBOL[index]!;
      if (symbol !== NO_SYMBOL) decoded[length++] = symbol;
      state = NEXT[index]!;
      if (state < 0) throw compressionError('EOS inside a Huffman-coded string');
    }
  }
  if (MAY_END[state] === 0) throw compressionError('wrong padding after a Huffman-coded string');
  return decoded.toString('latin1', 0, length);
}
