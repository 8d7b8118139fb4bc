/**
 * Clients in a closed loop: each sends its next request on the same connection as soon as it has its answer, until an
 * answer says that it was the last.
 */
import type { Buffer } from 'node:buffer';
import { RawConnection } from './rest-harness.ts';

/** The outcomes of the requests of one connection. */
export interface LoopResult {
  readonly sent: number;
  /** The status of each answer, and whether it said `connection: close`. */
  readonly answers: readonly { readonly status: number; readonly closes: boolean }[];
  /** The error that broke it off; undefined = an answer ended it, or `isRefused`. */
  readonly error: unknown;
  /** Its client wanted a new connection, and nobody listened: that request was not sent. */
  readonly isRefused: boolean;
}

/** One answer, whoever sends the request. */
export type Ask = () => Promise<{ readonly status: number; readonly closes: boolean }>;

export class ClosedLoops {
  readonly #results: Promise<LoopResult>[] = [];
  readonly #warm: Promise<void>[] = [];

  add(ask: Ask): void {
    let isWarm = (): void => undefined;
    this.#warm.push(
      new Promise((resolve) => {
        isWarm = resolve;
      }),
    );
    this.#results.push(run(ask, isWarm));
  }

  /** Opens raw connections, each of which sends `request` again and again. */
  async connect(address: string, request: Buffer, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const connection = new RawConnection(address);
      await connection.opened();
      this.add(async () => {
        connection.send(request);
        const { status, headers } = await connection.answer();
        const closes = headers.get('connection') === 'close';
        if (closes && (await connection.ended()) !== '') throw new Error('bytes came after the last answer');
        return { status, closes };
      });
    }
  }

  /** Resolves when each of them is in full swing, or has ended. */
  async untilWarm(): Promise<void> {
    await Promise.all(this.#warm);
  }

  results(): Promise<readonly LoopResult[]> {
    return Promise.all(this.#results);
  }
}

const WARM_ANSWERS = 5;

async function run(ask: Ask, isWarm: () => void): Promise<LoopResult> {
  const answers: { status: number; closes: boolean }[] = [];
  let sent = 0;
  let error: unknown;
  let isRefused = false;
  try {
    do {
      sent += 1;
      answers.push(await ask());
      if (answers.length === WARM_ANSWERS) isWarm();
    } while (answers.at(-1)?.closes === false);
  } catch (thrown) {
    const { cause } = thrown as { cause?: { code?: string } };
    isRefused = cause?.code === 'ECONNREFUSED';
    if (isRefused) sent -= 1;
    else error = thrown;
  }
  isWarm();
  return { sent, answers, error, isRefused };
}
