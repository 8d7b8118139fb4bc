/** The application's health by HTTP: a GET, in its protocol, that is answered with 200 to 399. */
import { get } from 'node:http';
import { type AppAddress, httpPlaceOf } from './app-address.ts';
import { AppConnections } from './app-connections.ts';
import type { AppLook, AskApp } from './app-health.ts';
import { Http2App } from './http2-app.ts';

/** A connection of its own each time: a kept one would not say whether the application takes new ones. */
export function askByHttp(address: AppAddress, path: string): AskApp {
  return address.isHttp2 === true ? askInHttp2(address, path) : askInHttp1(address, path);
}

function askInHttp1(address: AppAddress, path: string): AskApp {
  const headers = { host: address.authority, connection: 'close' };
  return (clock, mostMs) =>
    new Promise<AppLook>((resolve) => {
      const asked = get({ ...httpPlaceOf(address), path, agent: false, headers });
      const late = new Error(`no answer within ${mostMs} ms`);
      const timer = clock.setTimer(clock.nowMs() + mostMs, () => asked.destroy(late));
      const settle = (isWell: boolean, why: string): void => {
        timer.cancel();
        resolve({ isGood: isWell, why });
      };
      asked.on('error', ({ message }) => settle(false, message));
      // Nothing else comes after a 101.
      asked.on('close', () => settle(false, 'the connection closed without an answer'));
      asked.on('response', (answer) => {
        const status = answer.statusCode!;
        answer.on('error', () => undefined).resume();
        settle(isGood(status), `status ${status}`);
        // Its body is not wanted, however long it is.
        answer.once('end', () => asked.destroy());
        clock.setTimer(clock.nowMs() + mostMs, () => asked.destroy());
      });
    });
}

function askInHttp2(address: AppAddress, path: string): AskApp {
  return (clock, mostMs) =>
    new Promise<AppLook>((resolve) => {
      const app = new Http2App(address, clock, new AppConnections(Infinity, nothing));
      const settle = (isWell: boolean, why: string): void => {
        timer.cancel();
        app.close();
        resolve({ isGood: isWell, why });
      };
      const timer = clock.setTimer(clock.nowMs() + mostMs, () => settle(false, `no answer within ${mostMs} ms`));
      const known = { hasBody: false, upgrade: undefined, isTls: false, user: { hasFewOpen: () => true } };
      app.send(
        { method: 'GET', path, headers: ['host', address.authority], ...known },
        {
          ...{ onConnecting: nothing, onConnected: nothing, onOpen: nothing, onInformation: nothing, onEnd: nothing },
          ...{ onBroken: nothing, onUnwanted: nothing, onTunnel: nothing },
          onHead: ({ status }) => settle(isGood(status), `status ${status}`),
          onFailure: ({ error }) => settle(false, error.message),
          onUnsendable: ({ message }) => settle(false, message),
        },
      );
    });
}

function isGood(status: number): boolean {
  return status >= 200 && status < 400;
}

function nothing(): void {}
