import type { Tensor } from '../../src/index.ts';

export function compare(
  got: Tensor | undefined,
  want: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
  tolerance: { readonly rtol: number; readonly atol: number },
): string | undefined;
