import { describe, expect, it } from 'vitest';
import { kernelModule } from '../../src/hosts/kernels.ts';
import { verify } from '../../src/ir/verify.ts';
import { opOf } from '../../src/ops/registry.ts';
import { findOverlap } from '../../src/plan/overlap.ts';
import { executePoisoned } from '../../src/profile/poison.ts';
import { Session } from '../../src/runtime/session.ts';
import { randomRows, testNetworks } from '../networks.ts';
import { flavours } from '../ops/lowering.ts';

describe.each(testNetworks)('$name', ({ build, compile }) => {
  it('has an arena as small as the liveness lower bound, without overlaps', async () => {
    const model = build();
    await model.compile(compile);
    await model.preparePartial(3);
    for (const { name, arenaBytes, lowerBoundBytes, buffers } of model.memory.methods) {
      expect(arenaBytes, name).toBe(lowerBoundBytes);
      expect(findOverlap(buffers, arenaBytes), name).toBeNull();
    }
    for (const { graph } of Object.values(model.built.methods)) verify(graph, opOf);
    const { regions, totalBytes } = model.memory;
    expect(totalBytes).toBe(16 + Object.values(regions).reduce((a, b) => a + b, 0));
    expect(model.session.memory.buffer.byteLength).toBe(model.memory.pages * 65536);
    expect(() => model.session.memory.grow(1)).toThrow();
  });

  it.each(flavours)('computes the same bits when every dead byte is poisoned, on %s', async (flavour) => {
    const model = build();
    await model.compile({ ...compile, flavour });
    await model.preparePartial(3);
    const { built } = model;
    const module = await kernelModule(flavour);
    for (const method of Object.keys(built.program.methods)) {
      const rows = method.endsWith('@3') ? 3 : model.batchSize;
      const { x, y } = randomRows(model, rows);
      const results = [false, true].map((poisoned) => {
        const session = new Session(built.program, module);
        for (const slot of built.program.methods[method]?.inputs ?? []) {
          const data =
            slot.name === 'labels'
              ? y
              : slot.name === 'sampleWeight'
                ? new Float32Array(rows).fill(0.7)
                : slot.name === 'learningRate'
                  ? Float32Array.of(0.01)
                  : x;
          session.view(slot).set(data);
        }
        for (let step = 0; step < 2; step++) {
          if (poisoned) executePoisoned(built, session, method);
          else session.execute(method);
        }
        const outputs = (built.program.methods[method]?.outputs ?? []).map((slot) => Array.from(session.view(slot)));
        return { outputs, state: Array.from(session.stateBytes) };
      });
      expect(results[1], method).toEqual(results[0]);
      expect(results[0]?.outputs.flat().every(Number.isFinite), method).toBe(true);
    }
  });
});

it('the poison shows a lifetime that is one step too short', async () => {
  const { build, compile } = testNetworks[1] as (typeof testNetworks)[1];
  const model = build();
  await model.compile(compile);
  const { built } = model;
  const module = await kernelModule('simd');
  const run = () => {
    const session = new Session(built.program, module);
    executePoisoned(built, session, 'predict');
    return Array.from(session.view(built.program.methods.predict?.outputs[0] as never));
  };
  expect(run().every(Number.isFinite)).toBe(true);
  const buffer = built.methods.predict?.lifetimes.buffers.find(({ first, last, bytes }) => last > first && bytes > 1000);
  expect(buffer).toBeDefined();
  if (buffer) buffer.last--;
  expect(run().every(Number.isFinite)).toBe(false);
});
