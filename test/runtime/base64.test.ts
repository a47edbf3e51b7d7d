import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { fromBase64 } from '../../src/hosts/base64.ts';

const random = new Random(8);
const atob = globalThis.atob.bind(globalThis);
const hosts = {
  'this host': undefined,
  'a host with Buffer': { Buffer, Uint8Array: {}, atob },
  'a browser': { Uint8Array: {}, atob },
  'a host with Uint8Array.fromBase64': { Uint8Array: { fromBase64: (text: string) => new Uint8Array(Buffer.from(text, 'base64')) }, atob },
};

it.each(Object.entries(hosts))('bytes come back from base64 on %s', (_, host) => {
  for (const length of [0, 1, 2, 3, 4, 5, 255, 256, 70_001]) {
    const bytes = Uint8Array.from({ length }, () => Math.floor(random.uniform() * 256));
    const decoded = fromBase64(Buffer.from(bytes).toString('base64'), host);
    expect(decoded.constructor).toBe(Uint8Array);
    expect(Buffer.from(decoded).equals(Buffer.from(bytes))).toBe(true);
  }
});
