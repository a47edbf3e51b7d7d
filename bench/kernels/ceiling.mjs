// The fastest loops WebAssembly has for f32 products on this machine: tiles of rows × 8 from buffers that stay in the first-level cache.
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
      (local.set $x (i32.add (local.get $x) (i32.const ${4 * rows * unroll})))
      (br_if $k (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const ${32 * unroll}))) (i32.const ${DEPTH * 32}))))
    ${stores}))`.replaceAll(',', ' ');
}

/** The tiles to measure: each `{ name, macs, run }`, the products of a call. Which is fastest depends on the engine; that is the ceiling. */
export function ceilings(relaxed) {
  return [4, 5].flatMap((rows) =>
    [1, 4].map((unroll) => {
      const module = binaryen.parseText(text(rows, unroll, relaxed));
      module.setFeatures(binaryen.Features.All);
      const { run } = new WebAssembly.Instance(new WebAssembly.Module(module.emitBinary())).exports;
      module.dispose();
      return { name: `ceiling: ${rows}×8 tile${unroll > 1 ? `, ${unroll} steps` : ''}`, macs: TILES * rows * 8 * DEPTH, run };
    }),
  );
}
