import { describe, expect, it } from 'vitest';
import { kernelModule } from '../../src/hosts/kernels.ts';
import { checkpointed, recomputation } from '../../src/profile/recompute.ts';
import { recomputeVariant } from '../../src/profile/whatIf.ts';
import { build } from '../../src/program/build.ts';
import { Session } from '../../src/runtime/session.ts';
import { randomRows, testNetworks } from '../networks.ts';

describe.each(testNetworks)('recomputing the activations of $name', ({ build: make, compile }) => {
  it('is a schedule that computes the same step to the bit, and the estimate is what it then takes', async () => {
    const model = make();
    await model.compile(compile);
    const { built } = model;
    const method = built.methods.train as NonNullable<(typeof built.methods)['train']>;
    const kernels = await kernelModule('simd');
    const { x, y } = randomRows(model, model.batchSize);
    const feeds = {
      ...Object.fromEntries((built.program.methods.train?.inputs ?? []).map(({ name }) => [name, name === 'labels' ? y : x])),
      sampleWeight: new Float32Array(model.batchSize).fill(1),
      learningRate: Float32Array.of(0.01),
    };
    const stateAfter = (program: typeof built.program) => {
      const session = new Session(program, kernels);
      session.run('train', feeds);
      return Object.fromEntries(program.state.map((slot) => [slot.name, [...session.view(slot)]]));
    };
    const expected = stateAfter(built.program);
    for (const segments of [2, 3, 5]) {
      const { target } = checkpointed(method.graph, segments);
      const whole = build([target], { name: 'recomputed' });
      const found = stateAfter(whole.program);
      expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, expected[name]])));
    }
    const best = recomputation(method);
    if (!best) return;
    const { target } = checkpointed(method.graph, best.segments);
    const { methods, program } = build([target], { name: 'recomputed' });
    expect(best.arenaBytes).toBeLessThan(method.arenaBytes);
    // The scheduler may find a better order, and placement reaches the bound.
    expect(methods.train?.arenaBytes).toBeLessThanOrEqual(best.arenaBytes);
    const alone = build([method.graph], { name: 'plain' }).program;
    expect(program.regions.static.bytes - alone.regions.static.bytes).toBeLessThan(best.recordBytes + 16); // regions are aligned
    expect(best.extraMacs).toBeGreaterThanOrEqual(0);
    expect(best.extraMacs).toBeLessThan(best.macs);
    expect(recomputeVariant(built)).toMatchObject({ estimate: expect.stringMatching(/^estimate/) });
  });
});
