/** The table of a version's signatures. */

import type { SignatureDetail, TensorDetail } from '../../../../admin/model-detail.ts';
import { Scroll } from '../parts.tsx';

const BATCH_WORDS = {
  dynamic: 'requests share batches',
  fixed: 'batches have one size',
  none: 'each request runs alone',
} as const;

export function SignaturesTable({ signatures }: { signatures: readonly SignatureDetail[] }) {
  return (
    <Scroll label="Signatures">
      <table>
        <thead>
          <tr>
            <th>Signature</th>
            <th>Inputs</th>
            <th>Outputs</th>
            <th>Batching</th>
          </tr>
        </thead>
        <tbody>
          {signatures.map((signature) => (
            <tr key={signature.name}>
              <td>
                {signature.name}
                <div class="muted small">{signature.method.replace('tensorflow/serving/', '')}</div>
              </td>
              <td>{signature.inputs.map(tensor)}</td>
              <td>{signature.outputs.map(tensor)}</td>
              <td>
                {BATCH_WORDS[signature.batch]}
                <div class="muted small">{signature.batch_reason}</div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function tensor({ name, dtype, shape, has_default }: TensorDetail) {
  return (
    <div key={name} class="tensor">
      <code>{name}</code>{' '}
      <span class="muted">
        {`${dtype} ${shapeText(shape)}`}
        {has_default ? ', may be left out' : ''}
      </span>
    </div>
  );
}

export function shapeText(shape: readonly number[] | undefined): string {
  if (shape === undefined) return 'of any rank';
  return shape.length === 0 ? 'one value' : `[${shape.map((size) => (size === -1 ? '?' : size)).join(', ')}]`;
}
