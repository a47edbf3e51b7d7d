/** Why `got` is not `want`, or undefined. Integers are equal; floats differ by at most atol + rtol · |want|, NaN and ±∞ match themselves. */
export function compare(got, want, { rtol, atol }) {
  if (got.shape.join() !== want.shape.join()) return `it has shape [${got.shape}], not [${want.shape}]`;
  const isFloat = want.data instanceof Float32Array || want.data instanceof Float64Array;
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [got.data[i], want.data[i]];
    if (Object.is(a, b) || a === b) continue;
    if (isFloat && Math.abs(a - b) <= atol + rtol * Math.abs(b)) continue;
    return `element ${i} is ${a}, not ${b}`;
  }
  return undefined;
}
