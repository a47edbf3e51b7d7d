import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/ir/graph.ts';
import { evaluate, isConstant } from '../../src/ops/evaluate.ts';
import { add } from '../../src/ops/index.ts';

describe('isConstant', () => {
  it('is false for what follows from an input and from constants read a thousand times over', () => {
    const graph = new Graph('g');
    const one = graph.constant({ dtype: 'f32', shape: [1], data: Float32Array.of(1) });
    let value = add([graph.input('x', { dtype: 'f32', shape: [1] }), one]);
    // Counted once for each path, the constant is read 2^1100 times: more than a double holds.
    for (let i = 0; i < 1100; i++) value = add([value, value]);
    expect(isConstant(value)).toBe(false);
    const two = add([one, one]);
    expect(isConstant(two)).toBe(true);
    expect([...evaluate(two)]).toEqual([2]);
  });
});
