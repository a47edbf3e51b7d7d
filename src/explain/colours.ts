/** A colour, red, green and blue from 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** Lightness grows evenly from black over purple and orange to light yellow. */
const HEAT: readonly Colour[] = [
  [8, 5, 29],
  [66, 10, 104],
  [147, 38, 103],
  [221, 81, 58],
  [252, 165, 10],
  [252, 255, 164],
];

/** From blue (against) over white to red (for). */
const SIGNED: readonly Colour[] = [
  [24, 79, 162],
  [107, 164, 214],
  [244, 244, 244],
  [231, 122, 92],
  [165, 15, 33],
];

function between(stops: readonly Colour[], share: number): Colour {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const [a, b] = [stops[low] as Colour, stops[low + 1] as Colour];
  const mix = (i: 0 | 1 | 2) => Math.round(a[i] + (b[i] - a[i]) * (at - low));
  return [mix(0), mix(1), mix(2)];
}

/** The colour of a share from 0 to 1. */
export const heat = (share: number): Colour => between(HEAT, share);

/** The colour of a share from -1 to 1. */
export const signed = (share: number): Colour => between(SIGNED, (share + 1) / 2);
