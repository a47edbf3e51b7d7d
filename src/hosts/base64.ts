/** What hosts decode base64 with; each has one of them. */
interface Decoders {
  readonly Buffer?: { from(text: string, encoding: 'base64'): Uint8Array<ArrayBuffer> };
  readonly Uint8Array: { readonly fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  atob(text: string): string;
}

/**
 * The bytes of base64 text, decoded by the host: when a process starts, a loop in JavaScript is not compiled yet and takes 6 ms for the kernels. The
 * bundles inline .wasm files through this (`src/build.mjs`).
 */
export function fromBase64(text: string, host: Decoders = globalThis as unknown as Decoders): Uint8Array<ArrayBuffer> {
  const { Buffer, Uint8Array: Bytes } = host;
  if (Bytes.fromBase64) return Bytes.fromBase64(text);
  if (Buffer) {
    const { buffer, byteOffset, length } = Buffer.from(text, 'base64');
    return new Uint8Array(buffer, byteOffset, length);
  }
  return Uint8Array.from(host.atob(text), (character) => character.charCodeAt(0));
}
