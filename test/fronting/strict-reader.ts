/** Reads requests of HTTP/1.1 that are in their canonical form, and names the first byte of anything else. */
import type { Buffer } from 'node:buffer';

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly expectsContinue: boolean;
  /** The protocol that it asks for. */
  readonly upgrade: string | undefined;
  body: string;
  trailers: readonly (readonly [name: string, value: string])[];
}

interface Listener {
  onHead(request: SeenRequest): void;
  onRequest(request: SeenRequest): void;
  onFault(fault: string): void;
}

const LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~\x80-\xff]+) HTTP\/1\.1$/;
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*$/;
const SIZE = /^[0-9a-fA-F]{1,8}$/;

type Part = 'head' | 'body' | 'size' | 'chunk' | 'trailers' | 'broken';

export class StrictReader {
  readonly #listener: Listener;
  #part: Part = 'head';
  /** Not read yet, a character a byte. */
  #text = '';
  #left = 0;
  #request!: SeenRequest;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** All that came so far are whole requests. */
  get isBetween(): boolean {
    return this.#part === 'head' && this.#text === '';
  }

  push(chunk: Buffer): void {
    this.#text += chunk.toString('latin1');
    while (this.#part !== 'broken' && this.#step());
  }

  /** False while there is too little for the next part. */
  #step(): boolean {
    switch (this.#part) {
      case 'head':
        return this.#readHead();
      case 'body':
        return this.#readBody();
      case 'size':
        return this.#readSize();
      case 'chunk':
        return this.#readChunk();
      case 'trailers':
        return this.#readTrailers();
      case 'broken':
        return false;
    }
  }

  #readHead(): boolean {
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [line, ...fieldLines] = this.#take(end + 4)
      .slice(0, -4)
      .split('\r\n');
    const match = LINE.exec(line!);
    if (match === null) return this.#fault(`a request line ${show(line!)}`);
    const fields = this.#fieldsOf(fieldLines);
    if (fields === undefined) return false;
    const valuesOf = (wanted: string): string[] => fields.filter(([name]) => name === wanted).map(([, value]) => value);
    const [, method, target] = match;
    const upgrade = valuesOf('upgrade')[0];
    const expectsContinue = valuesOf('expect').some((value) => value.toLowerCase() === '100-continue');
    this.#request = { method: method!, target: target!, fields, expectsContinue, upgrade, body: '', trailers: [] };
    const lengths = valuesOf('content-length');
    const codings = valuesOf('transfer-encoding');
    if (valuesOf('host').length !== 1) return this.#fault(`${valuesOf('host').length} Hosts`);
    if (lengths.length + codings.length > 1) return this.#fault(`lengths ${lengths} and codings ${codings}`);
    if (codings.length === 1 && codings[0] !== 'chunked') return this.#fault(`the coding ${show(codings[0]!)}`);
    if (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0]!)) return this.#fault(`the length ${show(lengths[0]!)}`);
    this.#listener.onHead(this.#request);
    this.#left = Number(lengths[0] ?? 0);
    if (codings.length === 1) this.#part = 'size';
    else if (this.#left > 0) this.#part = 'body';
    else this.#end();
    return true;
  }

  #readBody(): boolean {
    const taken = this.#take(Math.min(this.#left, this.#text.length));
    this.#request.body += taken;
    this.#left -= taken.length;
    if (this.#left > 0) return false;
    this.#end();
    return true;
  }

  #readSize(): boolean {
    const end = this.#text.indexOf('\r\n');
    if (end < 0) return false;
    const size = this.#take(end + 2).slice(0, -2);
    if (!SIZE.test(size)) return this.#fault(`a chunk’s size ${show(size)}`);
    this.#left = Number.parseInt(size, 16);
    this.#part = this.#left === 0 ? 'trailers' : 'chunk';
    return true;
  }

  #readChunk(): boolean {
    if (this.#text.length < this.#left + 2) return false;
    const data = this.#take(this.#left + 2);
    if (!data.endsWith('\r\n')) return this.#fault(`a chunk that ends in ${show(data.slice(-2))}`);
    this.#request.body += data.slice(0, -2);
    this.#part = 'size';
    return true;
  }

  #readTrailers(): boolean {
    const end = this.#text.startsWith('\r\n') ? 0 : this.#text.indexOf('\r\n\r\n') + 2;
    if (end === 1) return false;
    const lines = this.#take(end + 2)
      .split('\r\n')
      .slice(0, -2);
    const trailers = this.#fieldsOf(lines.filter((line) => line !== ''));
    if (trailers === undefined) return false;
    this.#request.trailers = trailers;
    this.#end();
    return true;
  }

  #fieldsOf(lines: readonly string[]): [string, string][] | undefined {
    const fields: [string, string][] = [];
    for (const line of lines) {
      const match = FIELD.exec(line);
      if (match === null) {
        this.#fault(`a field ${show(line)}`);
        return undefined;
      }
      fields.push([match[1]!.toLowerCase(), match[2]!]);
    }
    return fields;
  }

  #take(length: number): string {
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }

  #end(): void {
    this.#part = 'head';
    this.#listener.onRequest(this.#request);
  }

  #fault(what: string): false {
    this.#part = 'broken';
    this.#listener.onFault(what);
    return false;
  }
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
