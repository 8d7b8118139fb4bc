/** Callers of one model over REST, each with one request at a time, who count how every request ended. */
import { Agent, request } from 'node:http';

export interface Endings {
  /** Answers by HTTP status; 0 = no answer. */
  readonly byStatus: Map<number, number>;
}

/**
 * Calls until told to stop; resolves when the last request has ended. A moment's rest follows an answer that is no 200.
 */
export function startCallers(url: string, body: Uint8Array, callers: number): { stop(): Promise<Endings> } {
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  const byStatus = new Map<number, number>();
  let isOver = false;
  const calling = Array.from({ length: callers }, async () => {
    while (!isOver) {
      const status = await post(url, body, agent).catch(() => 0);
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      if (status !== 200) await rest();
    }
  });
  return {
    async stop() {
      isOver = true;
      await Promise.all(calling);
      agent.destroy();
      return { byStatus };
    },
  };
}

function post(url: string, body: Uint8Array, agent: Agent): Promise<number> {
  const headers = { 'content-type': 'application/json', 'content-length': body.byteLength };
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.on('end', () => resolve(answer.statusCode!)).resume();
      answer.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
