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

