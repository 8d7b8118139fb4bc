/** Chooses the span of time of every page. */
import { Select } from './parts.tsx';
import { AGES, fieldTime, type Range, range, setRange } from './range.ts';

const NOW = 'now';
const BETWEEN = 'between';
const WORDS: Readonly<Record<string, string>> = {
  [NOW]: 'now',
  '15m': 'the last 15 minutes',
  '1h': 'the last hour',
  '6h': 'the last 6 hours',
  '24h': 'the last 24 hours',
  [BETWEEN]: 'from … to …',
};

const HOUR_MS = 3600_000;

export function RangeControl() {
  const { since, until } = range.value;
  const isAge = (AGES as readonly string[]).includes(since) && until === '';
  const chosen = since === '' ? NOW : isAge ? since : BETWEEN;
  return (
    <div class="range">
      <Select
        isInline
        label="Time"
        value={chosen}
        options={Object.keys(WORDS)}
        set={choose}
        textOf={(option) => WORDS[option]!}
      />
      {chosen === BETWEEN && (
        <>
          <TimeField label="From" value={since} set={(value) => setRange({ since: value, until })} />
          <TimeField label="To" value={until} set={(value) => setRange({ since, until: value })} />
        </>
      )}
      <a href="#/compare">Compare</a>
    </div>
  );
}

function choose(option: string): void {
  const now = Date.now();
  const between: Range = { since: fieldTime(now - HOUR_MS), until: fieldTime(now) };
  setRange(option === BETWEEN ? between : { since: option === NOW ? '' : option, until: '' });
}

/** A field for a local time. */
export function TimeField({ label, value, set }: { label: string; value: string; set: (value: string) => void }) {
  return (
    <label class="field inline">
      {label}
      <input
        type="datetime-local"
        step="1"
        value={value}
        onChange={(event) => {
          // An emptied field would mean another span than the one that is shown.
          if (event.currentTarget.value !== '') set(event.currentTarget.value);
        }}
      />
    </label>
  );
}
