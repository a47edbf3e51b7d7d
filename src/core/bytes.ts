import { ThimbleError } from './errors.ts';

/** Buffers start at multiples of this: one v128. */
const ALIGNMENT = 16;

/** `bytes` rounded up to a multiple of `to` (a power of two or any positive integer). */
export const alignUp = (bytes: number, to = ALIGNMENT): number => Math.ceil(bytes / to) * to;

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1024,
  kib: 1024,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
};

/**
 * Bytes of a size such as `65536`, `'64KB'`, `'1.5 MiB'`. KB and KiB are both 1024 bytes, as in data sheets of microcontrollers.
 * @throws INPUT for anything else.
 */
export function parseBytes(size: number | string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(size));
  const unit = units[(match?.[2] ?? '?').toLowerCase()];
  const bytes = unit === undefined ? Number.NaN : Math.floor(Number(match?.[1]) * unit);
  if (!(bytes > 0)) {
    throw new ThimbleError('INPUT', `"${size}" is not a memory size`, {
      expected: "a positive number of bytes, or text such as '64KB' or '1.5MiB'",
    });
  }
  return bytes;
}

/** `1,536 B`, `12.5 KiB`, `3.42 MiB`: exact below 10 KiB, three digits above. */
export function formatBytes(bytes: number): string {
  if (bytes < 10 * 1024) return `${bytes.toLocaleString('en-US')} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 ** 2).toFixed(2)} MiB`;
}
