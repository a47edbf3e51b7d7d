import { encode } from 'flatbuffers/js/flexbuffers.js';
import { describe, expect, it } from 'vitest';
import { ThimbleError } from '../../../src/core/errors.ts';
import { Random } from '../../../src/core/random.ts';
import { flexNumbers } from '../../../src/formats/tflite/flexbuffer.ts';

describe('options in FlexBuffers', () => {
  it('are the numbers of a map as its encoder wrote them', () => {
    for (const wide of [5, 300, 70_000, 2 ** 40]) {
      const options = { negative: -7, wide, tenth: 0.1, third: 1 / 3, yes: true, no: false };
      expect(Object.fromEntries(flexNumbers(encode({ ...options, name: 'text', list: [1, 2] })))).toEqual({ ...options, yes: 1, no: 0 });
    }
  });

  it('that are damaged are a FORMAT error, or other numbers', () => {
    const whole = encode({ max_detections: 10, nms_iou_threshold: 0.5, use_regular_nms: true, y_scale: 300 });
    const random = new Random(3);
    for (let i = 0; i < 3000; i++) {
      const bytes = whole.slice(0, i % 2 ? whole.length : Math.floor(random.uniform(0, whole.length)));
      if (bytes.length) bytes[Math.floor(random.uniform(0, bytes.length))] = Math.floor(random.uniform(0, 256));
      try {
        flexNumbers(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ThimbleError);
        expect((error as ThimbleError).code).toBe('FORMAT');
      }
    }
  });
});
