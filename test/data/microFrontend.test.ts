import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeWav, MicroFrontend, type MicroFrontendOptions, microSpeechFloats, microSpeechInput } from '../../src/data/index.ts';
import { load, type Tensor } from '../../src/index.ts';
import { flavours } from '../ops/lowering.ts';

interface Recorded {
  /** 16-bit samples in base64. */
  readonly sounds: Readonly<Record<string, string>>;
  readonly cases: readonly { readonly sound: string; readonly options: Partial<MicroFrontendOptions>; readonly values: string }[];
}

/** Written by golden/microFrontend.py: what TensorFlow's operator audio_microfrontend makes of these sounds. */
const recorded: Recorded = JSON.parse(readFileSync(new URL('golden/microFrontend.json', import.meta.url), 'utf8'));
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'base64')).buffer;
const soundOf = (name: string) => new Int16Array(bytesOf(recorded.sounds[name] as string));

describe('the front end of TensorFlow Lite Micro', () => {
  it.each(recorded.cases.map((one) => [one.sound, JSON.stringify(one.options), one] as const))(
    'of %s with %s is TensorFlow’s',
    (_, __, one) => {
      const values = new MicroFrontend(one.options).process(soundOf(one.sound));
      expect(values.length).toBeGreaterThan(0);
      expect(Array.from(values)).toEqual(Array.from(new Uint16Array(bytesOf(one.values))));
    },
  );

  it('takes sound in pieces, and forgets it when it is reset', () => {
    const sound = soundOf('sweep');
    const whole = new MicroFrontend().process(sound);
    const frontend = new MicroFrontend();
    for (const length of [1, 7, 319, 320, 1000]) {
      frontend.reset();
      const values: number[] = [];
      for (let at = 0; at < sound.length; at += length) values.push(...frontend.process(sound.subarray(at, at + length)));
      expect(values, `pieces of ${length}`).toEqual(Array.from(whole));
    }
  });

  it('takes floats as decodeWav gives them', () => {
    const sound = soundOf('loud');
    const floats = Float32Array.from(sound, (sample) => sample / 32768);
    expect(new MicroFrontend().process(floats)).toEqual(new MicroFrontend().process(sound));
  });

  it.each([{ window: 10, step: 20 }, { channels: 0 }, { highest: 8000 }, { lowest: 7600 }, { window: 1e9 }])('refuses %j', (options) => {
    expect(() => new MicroFrontend(options)).toThrow(expect.objectContaining({ code: 'INPUT' }));
  });
});

const shared = new URL('../../../shared/', import.meta.url);
const file = new URL('models/tflite/tflite-micro__micro_speech_quantized/model.tflite', shared);
const isThere = existsSync(file);
if (!isThere) console.log('../shared is not there: micro_speech hears nothing');

describe.runIf(isThere)('micro_speech hears', () => {
  // Its labels: tensorflow/lite/micro/examples/micro_speech/micro_model_settings.h
  const labels = ['silence', 'unknown', 'yes', 'no'];
  it.each([
    ['yes_1000ms.wav', 'yes'],
    ['no_1000ms.wav', 'no'],
    ['silence_1000ms.wav', 'silence'],
    ['noise_1000ms.wav', 'silence'],
  ])('in %s %s', async (name, label) => {
    const { samples, sampleRate } = decodeWav(readFileSync(new URL(`inputs/${name}`, shared)));
    expect(sampleRate).toBe(16000);
    const features = microSpeechInput(new MicroFrontend().process(samples));
    for (const flavour of flavours) {
      const model = await load(readFileSync(file), { flavour });
      const [scores] = Object.values(model.run({ Reshape_1: features })) as [Tensor];
      const best = scores.data.indexOf(Math.max(...scores.data) as never);
      expect(labels[best], `${scores.data} on ${flavour}`).toBe(label);
    }
    const model = await load(readFileSync(new URL('bench-models/micro_speech_quantized.tflite', shared)));
    const [scores] = Object.values(model.run({ float_in0: microSpeechFloats(new MicroFrontend().process(samples)) })) as [Tensor];
    expect(labels[scores.data.indexOf(Math.max(...scores.data) as never)], `${scores.data} of floats`).toBe(label);
  });
});
