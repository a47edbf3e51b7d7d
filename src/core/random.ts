import { cos, log } from './deterministic.ts';

/** A seeded generator: xoshiro128** (Blackman and Vigna 2018), seeded by splitmix32. The same seed gives the same numbers on every engine. */
export class Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    let s = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      s = (s + 0x9e3779b9) >>> 0;
      let z = Math.imul(s ^ (s >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      this.#state[i] = z ^ (z >>> 15);
    }
  }

  /** A whole number in [0, 2³²). */
  next(): number {
    const s = this.#state;
    const [a, b, c, d] = s as unknown as [number, number, number, number];
    const times5 = Math.imul(b, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0;
    s[2] = c ^ a;
    s[3] = d ^ b;
    s[1] = b ^ (s[2] as number);
    s[0] = a ^ (s[3] as number);
    s[2] = (s[2] as number) ^ (b << 9);
    const t = s[3] as number;
    s[3] = (t << 11) | (t >>> 21);
    return result;
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (this.next() / 2 ** 32) * (high - low);
  }

  /** Normal by Box and Muller (1958). */
  normal(mean = 0, deviation = 1): number {
    const radius = Math.sqrt(-2 * log((this.next() + 1) / 2 ** 32));
    return mean + deviation * radius * cos(2 * Math.PI * this.uniform());
  }

  /** Normal, redrawn until within two standard deviations. */
  truncatedNormal(mean = 0, deviation = 1): number {
    for (;;) {
      const z = this.normal();
      if (Math.abs(z) <= 2) return mean + deviation * z;
    }
  }

  /** 0 … n-1 in random order (Fisher and Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      const kept = order[i] as number;
      order[i] = order[j] as number;
      order[j] = kept;
    }
    return order;
  }
}
