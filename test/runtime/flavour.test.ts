import { describe, expect, it } from 'vitest';
import { kernelModule, kernelsFor } from '../../src/hosts/kernels.ts';
import { chooseKernels, type Flavour, flavourOf, passesSelfTest, supports } from '../../src/runtime/flavour.ts';
import { flavours } from '../ops/lowering.ts';

describe.each(flavours)('%s kernels', (flavour) => {
  it('say what they are and pass their self-test', async () => {
    const module = await kernelModule(flavour);
    expect(flavourOf(module)).toBe(flavour);
    expect(passesSelfTest(module)).toBe(true);
    expect(await kernelsFor(flavour)).toEqual({ module, flavour, reason: 'asked for' });
  });
});

it('the fastest flavour is chosen, with the reason', async () => {
  const { flavour, reason } = await kernelsFor('auto');
  expect(flavour).toBe(supports('relaxed') ? 'relaxed' : 'simd');
  expect(reason).toMatch(supports('relaxed') ? /right in its self-test/ : /does not accept relaxed instructions/);
});

/** A module of kernels whose matrix product is `body`: (module (memory (import "env" "memory") 0) (func (export "matmul_f32") (param i32))). */
const emptyKernels = () =>
  new WebAssembly.Module(
    Uint8Array.from([
      ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 1, 127, 0],
      ...[2, 15, 1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 0, 0],
      ...[3, 2, 1, 0, 7, 14, 1, 10, 109, 97, 116, 109, 117, 108, 95, 102, 51, 50, 0, 0],
      ...[10, 4, 1, 2, 0, 11],
    ]),
  );

it('kernels that are wrong are passed over, and what is said names why', async () => {
  expect(passesSelfTest(emptyKernels())).toBe(false);
  const wrong: Flavour = supports('relaxed') ? 'relaxed' : 'simd';
  const modules = async (flavour: Flavour) => (flavour === wrong ? emptyKernels() : kernelModule(flavour));
  const { flavour, reason } = await chooseKernels('auto', modules);
  expect(flavour).toBe(wrong === 'relaxed' ? 'simd' : 'scalar');
  expect(reason).toContain(`the ${wrong} kernels fail their self-test`);
  await expect(chooseKernels(wrong, modules)).rejects.toThrow(/no \w+ kernels run here: .* fail their self-test; choose flavour/);
  await expect(chooseKernels('auto', async () => undefined)).rejects.toThrow(/there are no scalar kernels here/);
});

it('a module that is not kernels is refused', () => {
  expect(() => flavourOf(emptyKernels())).toThrow(/not one of thimble/);
});
