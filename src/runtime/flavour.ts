/** A build of the kernels: `scalar` for hosts without SIMD, `simd` (same bits as scalar), `relaxed` (fused multiply-add where the host has it). */
export type Flavour = 'scalar' | 'simd' | 'relaxed';

// (module (func (result v128) i32.const 0 i8x16.splat))
const SIMD_PROBE = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
// (module (func (export "f") (param f32 f32 f32) (result f32) f32x4.extract_lane 0 (f32x4.relaxed_madd (splat 0) (splat 1) (splat 2))))
const RELAXED_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 125, 125, 125, 1, 125, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 22, 1, 20, 0, 32, 0, 253, 19,
  32, 1, 253, 19, 32, 2, 253, 19, 253, 133, 2, 253, 31, 0, 11,
];

/** Whether this host runs `flavour`: the engine must accept the instructions and, for relaxed, compute a multiply-add right. */
export function supports(flavour: Flavour): boolean {
  if (flavour === 'scalar') return true;
  if (flavour === 'simd') return WebAssembly.validate(Uint8Array.from(SIMD_PROBE));
  const bytes = Uint8Array.from(RELAXED_PROBE);
  if (!WebAssembly.validate(bytes)) return false;
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports as { f: (a: number, b: number, c: number) => number };
  return f(3, 5, 7) === 22 && f(-2, 0.5, 4) === 3;
}
