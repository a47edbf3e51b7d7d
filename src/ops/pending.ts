// Operators whose kernels are being written: importing a model that needs one says so.
import { ThimbleError } from '../core/errors.ts';
import type { Op } from './define.ts';

// biome-ignore lint/suspicious/noExplicitAny: each has attributes of its own.
function missing(name: string): Op<any> {
  const refuse = () => {
    throw new ThimbleError('UNSUPPORTED_OP', `thimble has no operator ${name} yet`);
  };
  return Object.assign(refuse as never, { all: refuse });
}

export const scatter = missing('scatter');
export const nonMaxSuppression = missing('nonMaxSuppression');
export const roiAlign = missing('roiAlign');
export const compress = missing('compress');
export const nonZero = missing('nonZero');
export const topK = missing('topK');
export const unique = missing('unique');
export const det = missing('det');
export const treeEnsemble = missing('treeEnsemble');
