/** A request's stages as bars, in one line or in a table. */

import type { RequestEntry } from '../../../../admin/request-entry.ts';
import { STAGES, type Stage } from '../../../../ledger/stage-clock.ts';
import { duration, percent } from '../format.ts';

const STAGE_TEXT: Readonly<Record<Stage, string>> = {
  receive: 'headers and body arrive',
  decode: 'bytes become tensors',
  admit: 'model, signature and inputs are checked',
  queue: 'waits for a slot',
  batch: 'rows are copied together',
  execute: 'the model runs',
  split: 'the outputs are split',
  encode: 'tensors become the answer',
};

const colourOf = (stage: string): string => `var(--stage-${stage})`;
const share = (part: number, whole: number): string => `${whole === 0 ? 0 : (100 * part) / whole}%`;

/** Times are whole microseconds. */
const stageTime = (ms: number): string => (ms === 0 ? '< 1\u2009µs' : duration(ms));

export function MiniWaterfall({ request, longest }: { request: RequestEntry; longest: number }) {
  return (
    <div class="mini" aria-hidden="true">
      {request.stages.map(({ name, start_ms, duration_ms }) => (
        <i
          key={name}
          title={`${name} ${duration(duration_ms)}`}
          style={{ left: share(start_ms, longest), width: share(duration_ms, longest), background: colourOf(name) }}
        />
      ))}
    </div>
  );
}

export function Waterfall({ request }: { request: RequestEntry }) {
  const { stages, duration_ms: whole } = request;
  const found = new Map(stages.map((stage) => [stage.name, stage]));
  const last = STAGES.findLastIndex((name) => found.has(name));
  return (
    <table class="waterfall">
      <tbody>
        {STAGES.map((name, i) => {
          const stage = found.get(name);
          return (
            <tr key={name} class={stage === undefined ? 'skipped' : ''}>
              <th scope="row">
                {name}
                <div class="muted small">{STAGE_TEXT[name]}</div>
              </th>
              <td class="number">
                {stage === undefined ? (i > last ? 'not reached' : 'skipped') : stageTime(stage.duration_ms)}
              </td>
              <td class="number muted">{stage === undefined ? '' : percent(stage.duration_ms / whole)}</td>
              <td class="track">
                {stage !== undefined && (
                  <i
                    style={{
                      left: share(stage.start_ms, whole),
                      width: share(stage.duration_ms, whole),
                      background: colourOf(name),
                    }}
                  />
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
