/**
 * An engine whose module is imported when it listens: grpc-js is a sixth of all code, and few servers use it. What is
 * registered before that is passed on then. A module that cannot be imported fails the start, as an address in use does.
 */
import type { Socket } from 'node:net';
import type { GrpcEngine, GrpcMethod } from './engine.ts';

export class LateEngine implements GrpcEngine {
  readonly #open: () => Promise<GrpcEngine>;
  readonly #methods = new Map<string, GrpcMethod>();
  #opened: Promise<GrpcEngine> | undefined;

  constructor(open: () => Promise<GrpcEngine>) {
    this.#open = open;
  }

  register(method: GrpcMethod): void {
    if (this.#methods.has(method.path)) throw new Error(`${method.path} is registered twice`);
    this.#methods.set(method.path, method);
  }

  async listen(address: string): Promise<string> {
    this.#opened ??= this.#openAndRegister();
    return await (await this.#opened).listen(address);
  }

  /** On a port that both surfaces share nothing listens here: then the first connection opens it. */
  accept(socket: Socket): void {
    this.#opened ??= this.#openAndRegister();
    this.#opened.then(
      (engine) => engine.accept(socket),
      () => socket.destroy(),
    );
  }

  turnAway(): void {
    this.#opened?.then(
      (engine) => engine.turnAway(),
      () => undefined,
    );
  }

  async drain(): Promise<void> {
    await (await this.#ifOpened())?.drain();
  }

  async close(): Promise<void> {
    await (await this.#ifOpened())?.close();
  }

  async #openAndRegister(): Promise<GrpcEngine> {
    const engine = await this.#open();
    for (const method of this.#methods.values()) engine.register(method);
    return engine;
  }

  /** Undefined if it never listened, or could not be opened, which `listen` has told. */
  async #ifOpened(): Promise<GrpcEngine | undefined> {
    return await this.#opened?.catch(() => undefined);
  }
}
