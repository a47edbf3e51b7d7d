import { ThimbleError } from '../core/errors.ts';

/** A build of the kernels: `scalar` for hosts without SIMD, `simd` (same bits as scalar), `relaxed` (fused multiply-add where the host has it). */
export type Flavour = 'scalar' | 'simd' | 'relaxed';

/** Custom section of the kernel modules that holds their flavour's name. */
export const FLAVOUR_SECTION = 'thimble.flavour';

/** One flavour of the kernels, ready to run, and why it is this one. */
export interface Kernels {
  readonly module: WebAssembly.Module;
  readonly flavour: Flavour;
  readonly reason: string;
}

// (module (func (result v128) i32.const 0 i8x16.splat))
const SIMD_PROBE = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
// (module (func (param f32 f32 f32) (result f32) f32x4.extract_lane 0 (f32x4.relaxed_madd (splat 0) (splat 1) (splat 2))))
const RELAXED_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 125, 125, 125, 1, 125, 3, 2, 1, 0, 10, 22, 1, 20, 0, 32, 0, 253, 19, 32, 1, 253, 19, 32, 2,
  253, 19, 253, 133, 2, 253, 31, 0, 11,
];

/** Whether this host's engine accepts the instructions of `flavour`. */
export const supports = (flavour: Flavour): boolean =>
  flavour === 'scalar' || WebAssembly.validate(Uint8Array.from(flavour === 'simd' ? SIMD_PROBE : RELAXED_PROBE));

/** The flavour of a module of kernels: its section `thimble.flavour` names it. @throws FORMAT for another module. */
export function flavourOf(module: WebAssembly.Module): Flavour {
  const [section] = WebAssembly.Module.customSections(module, FLAVOUR_SECTION);
  if (!section) throw new ThimbleError('FORMAT', 'the module is not one of thimble’s kernels', { expected: 'thimble/kernels/*.wasm' });
  return new TextDecoder().decode(section) as Flavour;
}

const ROWS = 7;
const COLUMNS = 8;
const DEPTH = 9;

/**
 * Whether the kernels compute a matrix product of whole numbers right on this host: engines have shipped relaxed instructions that validate
 * and are wrong. The numbers are small, so that fused and separate multiply-add agree.
 */
export function passesSelfTest(module: WebAssembly.Module): boolean {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const { matmul_f32: matmul } = new WebAssembly.Instance(module, { env: { memory } }).exports as { matmul_f32: (record: number) => void };
  const at = { record: 16, x: 256, w: 1024, y: 4096 };
  const x = Float32Array.from({ length: ROWS * DEPTH }, (_, i) => (i % 11) - 5);
  const w = Float32Array.from({ length: DEPTH * COLUMNS }, (_, i) => (i % 7) - 3);
  new Float32Array(memory.buffer, at.x).set(x);
  new Float32Array(memory.buffer, at.w).set(w);
  new Uint32Array(memory.buffer, at.record).set([at.x, at.w, 0, 0, at.y, ROWS, COLUMNS, DEPTH, DEPTH, COLUMNS]);
  new Float32Array(memory.buffer, at.record + 40).set([-Infinity, Infinity]);
  matmul(at.record);
  const y = new Float32Array(memory.buffer, at.y, ROWS * COLUMNS);
  return y.every((value, i) => {
    let sum = 0;
    for (let k = 0; k < DEPTH; k++) sum += (x[Math.floor(i / COLUMNS) * DEPTH + k] as number) * (w[k * COLUMNS + (i % COLUMNS)] as number);
    return value === sum;
  });
}

/**
 * The kernels to run on: `wanted`, or with `auto` the fastest flavour that the engine accepts and that passes its self-test.
 * `moduleOf` compiles a flavour, or gives undefined where there is none.
 * @throws INPUT where no flavour is left, with the reasons.
 */
export async function chooseKernels(
  wanted: Flavour | 'auto',
  moduleOf: (flavour: Flavour) => Promise<WebAssembly.Module | undefined>,
): Promise<Kernels> {
  const refused: string[] = [];
  for (const flavour of wanted === 'auto' ? (['relaxed', 'simd', 'scalar'] as const) : [wanted]) {
    if (!supports(flavour)) {
      refused.push(`the engine does not accept ${flavour} instructions`);
      continue;
    }
    const module = await moduleOf(flavour);
    if (!module) refused.push(`there are no ${flavour} kernels here`);
    else if (!passesSelfTest(module)) refused.push(`the ${flavour} kernels fail their self-test`);
    else {
      const reason = wanted === 'auto' ? refused.join('; ') || 'accepted by the engine and right in its self-test' : 'asked for';
      return { module, flavour, reason };
    }
  }
  throw new ThimbleError('INPUT', `no ${wanted === 'auto' ? '' : `${wanted} `}kernels run here: ${refused.join('; ')}`, {
    hint: "choose flavour 'auto', or 'scalar', which needs no SIMD",
  });
}
