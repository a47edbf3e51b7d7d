// The fastest loops WebAssembly has for f32 and 8-bit products on this machine: tiles from buffers that stay in the first-level cache.
import binaryen from 'assemblyscript/binaryen';

/** Steps of a tile: 26 KB at most. */
const DEPTH = 512;
/** Tiles of a call, so that calling from JavaScript costs nothing. */
const TILES = 32;

/** `x` is packed: the rows of a step are neighbours, so that one address serves all and none falls on another's cache set. */
function text(rows, unroll, relaxed) {
  const madd = (acc, a, b) =>
    relaxed
      ? `(local.set ${acc} (f32x4.relaxed_madd (local.get ${a}) (local.get ${b}) (local.get ${acc})))`
      : `(local.set ${acc} (f32x4.add (local.get ${acc}) (f32x4.mul (local.get ${a}) (local.get ${b}))))`;
  const tile = Array.from({ length: rows }, (_, row) => row);
  const steps = Array.from(
    { length: unroll },
    (_, u) => `
    (local.set $w0 (v128.load offset=${u * 32} (local.get $w)))
    (local.set $w1 (v128.load offset=${u * 32 + 16} (local.get $w)))
    ${tile.map(
      (row) => `
    (local.set $s (v128.load32_splat offset=${(u * rows + row) * 4} (local.get $x)))
    ${madd(`$a${row}`, '$s', '$w0')} ${madd(`$b${row}`, '$s', '$w1')}`,
    )}`,
  );
  const stores = tile.map(
    (row) => `
    (v128.store offset=${row * 32} (i32.const 60000) (local.get $a${row}))
    (v128.store offset=${row * 32 + 16} (i32.const 60000) (local.get $b${row}))`,
  );
  return around(tile, steps, stores, { x: 4 * rows * unroll, w: 32 * unroll });
}

/** A module that runs `steps` DEPTH times for each of TILES tiles. `strides`: bytes of x and w that a step goes through. */
function around(tile, steps, stores, strides) {
  return `(module (memory 1)
  (func (export "run") (local $i i32)
    (loop $again
      (call $tile)
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${TILES})))))
  (func $tile
    ${tile.map((row) => `(local $a${row} v128) (local $b${row} v128)`)}
    (local $x i32) (local $w i32) (local $w0 v128) (local $w1 v128) (local $s v128)
    (local.set $x (i32.const ${DEPTH * 32}))
    (loop $k
      ${steps}
      (local.set $x (i32.add (local.get $x) (i32.const ${strides.x})))
      (br_if $k (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const ${strides.w}))) (i32.const ${DEPTH * 32}))))
    ${stores}))`.replaceAll(',', ' ');
}

/**
 * 8-bit products. relaxed: quads of 8 columns by `relaxed_dot`. simd: quads of 4 columns, widened, by `dot_i16x8`, the inputs 16-bit numbers: 8 products
 * an instruction, and another to add them.
 */
function text8(rows, relaxed) {
  const dot = (acc, w) =>
    relaxed
      ? `(local.set ${acc} (i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get ${w}) (local.get $s) (local.get ${acc})))`
      : `(local.set ${acc} (i32x4.add (local.get ${acc}) (i32x4.dot_i16x8_s (local.get ${w}) (local.get $s))))`;
  const [w0, w1, input, bytes] = relaxed
    ? ['v128.load', 'v128.load offset=16', 'v128.load32_splat', 4]
    : ['v128.load8x8_s', 'v128.load8x8_s offset=8', 'v128.load64_splat', 8];
  const tile = Array.from({ length: rows }, (_, row) => row);
  const step = `
    (local.set $w0 (${w0} (local.get $w)))
    (local.set $w1 (${w1} (local.get $w)))
    ${tile.map(
      (row) => `
    (local.set $s (${input} offset=${row * bytes} (local.get $x)))
    ${dot(`$a${row}`, '$w0')} ${dot(`$b${row}`, '$w1')}`,
    )}`;
  const stores = tile.map(
    (row) => `
    (v128.store offset=${row * 32} (i32.const 60000) (local.get $a${row}))
    (v128.store offset=${row * 32 + 16} (i32.const 60000) (local.get $b${row}))`,
  );
  return around(tile, step, stores, { x: bytes * rows, w: relaxed ? 32 : 16 });
}

function compiled(text) {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  const { run } = new WebAssembly.Instance(new WebAssembly.Module(module.emitBinary())).exports;
  module.dispose();
  return run;
}

/** The tiles to measure: each `{ name, macs, run }`, the products of a call. Which is fastest depends on the engine; that is the ceiling. */
export function ceilings(relaxed) {
  return [4, 5].flatMap((rows) =>
    [1, 4].map((unroll) => ({
      name: `ceiling: ${rows}×8 tile${unroll > 1 ? `, ${unroll} steps` : ''}`,
      macs: TILES * rows * 8 * DEPTH,
      run: compiled(text(rows, unroll, relaxed)),
    })),
  );
}

/** The same of 8-bit products. */
export function int8Ceilings(relaxed) {
  const columns = relaxed ? 8 : 4;
  return [4, 5, 6].map((rows) => ({
    name: `8-bit ceiling: ${rows}×${columns} tile`,
    // A step is a quad: 4 products of each column.
    macs: TILES * rows * columns * 4 * ((DEPTH * 32) / (relaxed ? 32 : 16)),
    run: compiled(text8(rows, relaxed)),
  }));
}
