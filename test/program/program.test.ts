import { expect, it } from 'vitest';
import { ThimbleError } from '../../src/core/errors.ts';
import { Random } from '../../src/core/random.ts';
import { kernelModule } from '../../src/hosts/kernels.ts';
import { load as loadRuntime } from '../../src/hosts/runtime.ts';
import { load } from '../../src/index.ts';
import { Graph } from '../../src/ir/graph.ts';
import { add, mul } from '../../src/ops/index.ts';
import { build as buildProgram } from '../../src/program/build.ts';
import { decode } from '../../src/program/decode.ts';
import { encode } from '../../src/program/encode.ts';
import { Session } from '../../src/runtime/session.ts';
import { randomRows, testNetworks } from '../networks.ts';

const kernels = await kernelModule('simd');

async function trained() {
  const { build, compile } = testNetworks[0] as (typeof testNetworks)[0];
  const model = build();
  await model.compile(compile);
  return model;
}

it('a program read back from its bytes runs the same', async () => {
  const model = await trained();
  const { x } = randomRows(model, 8);
  const bytes = encode(model.built.program);
  const session = new Session(decode(bytes), kernels);
  expect(session.run('predict', { input: x }).predictions?.data).toEqual((await model.predict(x)).data);
});

it('constants of the same bytes lie in one place', () => {
  const graph = new Graph('infer');
  const constant = (...data: number[]) => graph.constant({ dtype: 'f32', shape: [data.length], data: Float32Array.from(data) });
  const x = graph.input('x', { dtype: 'f32', shape: [5] });
  graph.output('y', add([mul([x, constant(1, 2, 3, 4, 5)]), mul([add([x, constant(1, 2, 3, 4, 5)]), constant(1, 2, 3, 4, 6)])]));
  const { program } = buildProgram([graph], { name: 'test' });
  expect(program.regions.const.bytes).toBe(2 * 32);
  const y = new Session(program, kernels).run('infer', { x: Float32Array.of(1, 2, 3, 4, 5) }).y?.data;
  expect(Array.from(y ?? [])).toEqual([1 + 2, 4 + 8, 9 + 18, 16 + 32, 25 + 60]);
});

it('refuses what does not fit, and says what would', async () => {
  const { session } = await trained();
  const code = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return (error as ThimbleError).code;
    }
    return undefined;
  };
  expect(code(() => session.run('fly'))).toBe('INPUT');
  expect(code(() => session.run('predict', { inputs: new Float32Array(1) }))).toBe('INPUT');
  expect(code(() => session.run('predict', { input: new Float32Array(3) }))).toBe('INPUT');
  expect(code(() => session.run('predict', { input: new Int32Array(160) }))).toBe('INPUT');
  expect(code(() => session.run('predict', { input: { dtype: 'f32', shape: [20, 8], data: new Float32Array(160) } }))).toBe('INPUT');
});

it('a program that calls kernels this version does not have is refused before it runs', async () => {
  const { program } = (await trained()).built;
  const bytes = encode({ ...program, kernels: program.kernels.map((name, i) => (i ? name : 'toString')) });
  await expect(load(bytes)).rejects.toMatchObject({ code: 'FORMAT', message: expect.stringContaining('unknown kernel "toString"') });
  await expect(loadRuntime(bytes)).rejects.toMatchObject({ code: 'FORMAT' });
  expect(() => new Session(decode(bytes), kernels)).toThrow(/unknown kernel/);
});

it('3,000 damaged files are errors of format or version, or decode to a program whose every address is inside', async () => {
  const bytes = encode((await trained()).built.program);
  const manifest = new DataView(bytes.buffer).getUint32(8, true);
  const random = new Random(11);
  const pick = (n: number) => Math.floor(random.uniform() * n);
  let refused = 0;
  for (let i = 0; i < 3000; i++) {
    const damaged = bytes.slice(0, i % 3 === 0 ? pick(bytes.length) : bytes.length);
    for (let n = pick(4) + (i % 3 ? 1 : 0); n > 0 && damaged.length; n--)
      damaged[pick(Math.min(damaged.length, 12 + manifest))] = pick(256);
    try {
      const { totalBytes, regions } = decode(damaged);
      expect(regions.arena.address + regions.arena.bytes).toBeLessThanOrEqual(totalBytes);
    } catch (error) {
      refused++;
      expect(error).toBeInstanceOf(ThimbleError);
      expect(['FORMAT', 'VERSION']).toContain((error as ThimbleError).code);
    }
  }
  expect(refused).toBeGreaterThan(1500);
});
