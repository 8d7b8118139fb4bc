/**
 * Reads a metrics page of somebody else's, in Prometheus' text format or in OpenMetrics, as strictly as Prometheus
 * does: a line that Prometheus cannot read would cost it the whole page, and ours with it. Samples are kept as they
 * came; heads that Prometheus is stricter about than their writers are written anew.
 *
 *   write(text) … end() ──▶ families: # HELP, # TYPE, # UNIT, samples
 *
 * Samples of a family that stand apart are put together. Comments and empty lines are dropped.
 */

/** A metric's lines. */
export interface Family {
  readonly name: string;
  type: string | undefined;
  /** The first of each kind. */
  readonly head: string[];
  readonly samples: string[];
  /** Names of its samples. */
  readonly sampleNames: Set<string>;
}

/** Why a page cannot be read, with the number of the line. */
export class MetricsTextError extends Error {}

const MAX_LINE_CHARS = 64 * 1024;

const TEXT_TYPES: ReadonlySet<string> = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const OPEN_TYPES: ReadonlySet<string> = new Set([
  ...['counter', 'gauge', 'histogram', 'summary', 'unknown', 'info', 'stateset', 'gaugehistogram'],
]);

/** The suffixes of the family's name in its samples' names. Types without a row have none. */
const TEXT_SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['_sum', '_count'],
};
const OPEN_SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['_sum', '_count', '_created'],
  info: ['_info'],
};

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL_NAME = '[a-zA-Z_][a-zA-Z0-9_]*';
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const TEXT_LABELS = String.raw`\{[ \t]*(?:${LABEL_NAME}[ \t]*=[ \t]*${QUOTED}[ \t]*(?:,[ \t]*|(?=\})))*\}`;
const OPEN_LABELS = String.raw`\{(?:${LABEL_NAME}=${QUOTED}(?:,|(?=\})))*\}`;
const FINITE = String.raw`[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?`;
const NUMBER = `(${FINITE}|[-+]?[iI][nN][fF](?:inity)?|[nN][aA][nN])`;
/** A timestamp in text is an integer of 64 bits, and lacks a sign. */
const TEXT_SAMPLE = new RegExp(
  String.raw`^(${NAME})(?:[ \t]*(${TEXT_LABELS})[ \t]*|[ \t]+)${NUMBER}(?:[ \t]+\d{1,18})?[ \t]*$`,
);
const OPEN_SAMPLE = new RegExp(
  `^(${NAME})(${OPEN_LABELS})? ${NUMBER}(?: (${FINITE}))?(?: # ${OPEN_LABELS} ${NUMBER}(?: (${FINITE}))?)?$`,
);
const LABEL = new RegExp(String.raw`(${LABEL_NAME})[ \t]*=[ \t]*${QUOTED}`, 'g');
/** The labels of a sample have to differ from each other, and from that which its name is kept as. */
const NAME_LABEL = '__name__';
const HEAD = new RegExp(String.raw`^#[ \t]+(HELP|TYPE|UNIT)[ \t]+(${NAME})(?:[ \t]+(.*))?$`);
const EOF = '# EOF';
const LAST_SUFFIX = /_[a-z]+$/;

export class FamilyReader {
  readonly families = new Map<string, Family>();
  readonly #isOpen: boolean;
  #rest = '';
  #line = 0;
  #hasEnded = false;

  /** `isOpen`: OpenMetrics. */
  constructor(isOpen: boolean) {
    this.#isOpen = isOpen;
  }

  /** Any part of the page. Throws MetricsTextError. */
  write(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#read(line);
    if (this.#rest.length > MAX_LINE_CHARS) this.#fail('is too long');
  }

  /** The page is over. Throws MetricsTextError. */
  end(): ReadonlyMap<string, Family> {
    if (this.#rest !== '') this.#read(this.#rest);
    if (this.#isOpen && !this.#hasEnded) throw new MetricsTextError(`it ends without ${EOF}`);
    return this.families;
  }

  #read(line: string): void {
    this.#line += 1;
    if (this.#hasEnded) this.#fail(`stands behind ${EOF}`);
    if (line.length > MAX_LINE_CHARS) this.#fail('is too long');
    if (this.#isOpen && line === EOF) this.#hasEnded = true;
    else if (line.startsWith('#')) this.#readHead(line);
    else if (line.trim() !== '') this.#readSample(line);
  }

  #readHead(line: string): void {
    const match = HEAD.exec(line);
    if (match === null) return;
    const [, kind, name, value = ''] = match;
    // OpenMetrics bounds units; in text they are comments.
    if (kind === 'UNIT' && this.#isOpen && value !== '' && !name!.endsWith(`_${value}`)) return;
    const family = this.#familyOf(name!);
    if (kind === 'TYPE') {
      const type = value.replace(/[ \t]+$/, '');
      if (!(this.#isOpen ? OPEN_TYPES : TEXT_TYPES).has(type)) this.#fail('has a type that does not exist');
      if (family.type !== undefined || family.samples.length > 0) this.#fail('comes too late: its metric has begun');
      family.type = type;
    }
    if (family.head.some((other) => HEAD.exec(other)![1] === kind)) return;
    family.head.push(
      kind === 'TYPE' ? `# TYPE ${name} ${family.type}` : this.#isOpen ? `# ${kind} ${name} ${value}` : line,
    );
  }

  #readSample(line: string): void {
    const match = (this.#isOpen ? OPEN_SAMPLE : TEXT_SAMPLE).exec(line);
    if (match === null) this.#fail('is no sample');
    const [, name, labels, ...numbers] = match!;
    if (numbers.some(isTooLarge)) this.#fail('has a number that is too large');
    if (labels !== undefined && !areDifferent(labels)) this.#fail('has a label twice');
    const family = this.#declared(name!) ?? this.#familyOf(name!);
    family.samples.push(line);
    family.sampleNames.add(name!);
  }

  /** The family whose type allows a sample of this name. */
  #declared(name: string): Family | undefined {
    const suffix = LAST_SUFFIX.exec(name)?.[0];
    if (suffix === undefined) return undefined;
    const family = this.families.get(name.slice(0, -suffix.length));
    const suffixes = (this.#isOpen ? OPEN_SUFFIXES : TEXT_SUFFIXES)[family?.type ?? ''];
    return suffixes?.includes(suffix) ? family : undefined;
  }

  #familyOf(name: string): Family {
    let family = this.families.get(name);
    if (family === undefined) {
      family = { name, type: undefined, head: [], samples: [], sampleNames: new Set() };
      this.families.set(name, family);
    }
    return family;
  }

  #fail(what: string): never {
    throw new MetricsTextError(`line ${this.#line} ${what}`);
  }
}

/** True if a number is too large for 64 bits. An infinity that is written as such has a letter n. */
function isTooLarge(number: string | undefined): boolean {
  return number !== undefined && Math.abs(Number(number)) === Infinity && !/n/i.test(number);
}

function areDifferent(labels: string): boolean {
  const names = [NAME_LABEL, ...Array.from(labels.matchAll(LABEL), ([, name]) => name)];
  return new Set(names).size === names.length;
}
