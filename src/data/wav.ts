import { ThimbleError } from '../core/errors.ts';

/** A sound: samples from -1 to 1, channels averaged to one. */
export interface Sound {
  readonly sampleRate: number;
  readonly samples: Float32Array;
}

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/** Readers of one sample by format and bits; integers become fractions of their range (8 bits are unsigned, the others signed). */
const readers: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  '1/8': (view, at) => (view.getUint8(at) - 128) / 128,
  '1/16': (view, at) => view.getInt16(at, true) / 32768,
  '1/24': (view, at) => (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 8388608,
  '1/32': (view, at) => view.getInt32(at, true) / 2147483648,
  '3/32': (view, at) => view.getFloat32(at, true),
  '3/64': (view, at) => view.getFloat64(at, true),
};

/**
 * The sound in a WAV file (RIFF): PCM of 8, 16, 24 or 32 bits, or float of 32 or 64.
 * @throws FORMAT for another file, another coding (µ-law, ADPCM) or a damaged one.
 */
export function decodeWav(bytes: Uint8Array): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE')
    throw new ThimbleError('FORMAT', bytes.length ? 'the file is no WAV' : 'the file is empty', { hint: 'convert it to WAV' });
  let format: { code: number; channels: number; rate: number; bits: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const [name, size] = [tag(at), view.getUint32(at + 4, true)];
    const body = at + 8;
    if (name === 'fmt ' && body + 16 <= bytes.length) {
      const code = view.getUint16(body, true);
      const extended = code === EXTENSIBLE && size >= 26 && body + 26 <= bytes.length;
      format = {
        code: extended ? view.getUint16(body + 24, true) : code,
        channels: view.getUint16(body + 2, true),
        rate: view.getUint32(body + 4, true),
        bits: view.getUint16(body + 14, true),
      };
    } else if (name === 'data') {
      if (!format) throw new ThimbleError('FORMAT', 'the WAV has sound before its format');
      const read = readers[`${format.code}/${format.bits}`];
      if (!read || format.channels === 0) {
        throw new ThimbleError('FORMAT', `the WAV has coding ${format.code} with ${format.bits} bits and ${format.channels} channels`, {
          expected: `PCM (${PCM}) of 8 to 32 bits or float (${FLOAT}) of 32 or 64`,
        });
      }
      // A recorder that was cut off leaves a size beyond the file's end.
      const length = Math.min(size, bytes.length - body);
      return { sampleRate: format.rate, samples: averaged(view, body, length, format, read) };
    }
    // Chunks start at even bytes.
    at = body + size + (size & 1);
  }
  throw new ThimbleError('FORMAT', 'the WAV has no sound');
}

function averaged(
  view: DataView,
  start: number,
  length: number,
  { channels, bits }: { channels: number; bits: number },
  read: (view: DataView, at: number) => number,
): Float32Array {
  const width = bits / 8;
  return Float32Array.from({ length: Math.floor(length / (width * channels)) }, (_, frame) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += read(view, start + (frame * channels + c) * width);
    return sum / channels;
  });
}
