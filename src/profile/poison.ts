import type { Buffer } from '../plan/lifetimes.ts';
import { allSteps, type Built } from '../program/build.ts';
import type { Session } from '../runtime/session.ts';

/** A quiet NaN as f32, far out of range as an index: whoever reads it shows. */
const POISON = 0x7fc0a5a5;

/**
 * Runs `method` of a session of `built` with every arena buffer filled with NaN right before its first write and right after its last use,
 * scratch included. A run is correct only if outputs and state are bit-equal to those of a plain run: no kernel then reads what it did not
 * write, and no two tensors disagree about a byte.
 */
export function executePoisoned(built: Built, session: Session, method: string): void {
  const lowered = built.methods[method];
  if (!lowered) throw new Error(`no method "${method}"`);
  const { graph, lifetimes } = lowered;
  const { address, bytes } = built.program.regions.arena;
  const fill = (offset: number, length: number) => new Uint32Array(session.memory.buffer, address + offset, length / 4).fill(POISON);
  const poison = (which: (buffer: Buffer) => boolean) => {
    for (const buffer of lifetimes.buffers) if (which(buffer)) fill(buffer.offset, buffer.bytes);
  };
  const positions = allSteps(lowered).map(({ node }) => graph.nodes.indexOf(node));
  fill(0, bytes);
  let position = 0;
  poison((buffer) => buffer.first === 0);
  session.execute(method, (call) => {
    const next = positions[call] ?? graph.nodes.length;
    for (; position < next; position++) {
      poison((buffer) => buffer.last === position);
      poison((buffer) => buffer.first === position + 1);
    }
  });
}
