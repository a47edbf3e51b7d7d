import binaryen from 'binaryen';
import { FLAVOUR_SECTION } from '../../src/runtime/flavour.ts';

/** As `i32x4.relaxed_dot_i8x16_i7x16_add_s` computes on hosts with 8-bit dot products: the second operand is unsigned, and no sum of two products saturates. */
const EXACT = `(func $exact_dot (param $a v128) (param $b v128) (param $c v128) (result v128) (local $low v128) (local $high v128)
  (local.set $low (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_s (local.get $a)) (i16x8.extend_low_i8x16_u (local.get $b))))
  (local.set $high (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_s (local.get $a)) (i16x8.extend_high_i8x16_u (local.get $b))))
  (i32x4.add (local.get $c) (i32x4.add
    (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $low) (local.get $high))
    (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $low) (local.get $high)))))`;

/**
 * The relaxed kernels as they run on hosts whose relaxed dot product is exact for unsigned bytes (AVX-VNNI, Arm's i8mm): in place of each of these
 * instructions is a call of the same in plain SIMD. So the ways that multiply in 8 bits are tested on hosts that would multiply in 16.
 */
export function withExactDot(relaxed: Uint8Array<ArrayBuffer>): Uint8Array {
  const module = binaryen.readBinary(relaxed);
  module.setFeatures(binaryen.Features.All);
  const text = module.emitText();
  const called = text.replaceAll('(i32x4.relaxed_dot_i8x16_i7x16_add_s', '(call $exact_dot');
  if (called === text) throw new Error('the relaxed kernels have no dot product of bytes');
  const exact = binaryen.parseText(`${called.slice(0, called.lastIndexOf(')'))}${EXACT})`);
  exact.setFeatures(binaryen.Features.All);
  if (!exact.validate()) throw new Error('the kernels with calls in place of dot products are not valid');
  const [flavour] = WebAssembly.Module.customSections(new WebAssembly.Module(relaxed), FLAVOUR_SECTION);
  return new Uint8Array([...exact.emitBinary(), ...customSection(FLAVOUR_SECTION, new Uint8Array(flavour as ArrayBuffer))]);
}

/** A custom section of fewer than 128 bytes (WebAssembly 2.0, 5.5.3). Text does not keep them. */
function customSection(name: string, data: Uint8Array): number[] {
  const content = [name.length, ...new TextEncoder().encode(name), ...data];
  return [0, content.length, ...content];
}
