/** Unpacks gzip, or the deflate stream of a zip file, with the host's `DecompressionStream`. */
export async function gunzip(bytes: Uint8Array, format: 'gzip' | 'deflate-raw' = 'gzip'): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream(format as CompressionFormat));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Unpacks what starts as gzip does; other bytes stay as they are. */
export const unpacked = async (bytes: Uint8Array): Promise<Uint8Array> => (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzip(bytes) : bytes);
