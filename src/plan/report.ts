import type { Graph } from '../ir/graph.ts';
import { type Buffer, type Lifetimes, liveBytes, lowerBound } from './lifetimes.ts';

/** The arena over the run of one method. */
export interface MethodMemory {
  readonly name: string;
  /** Node names, in execution order: the positions that buffers refer to. */
  readonly nodes: readonly string[];
  readonly buffers: readonly Readonly<Buffer>[];
  /** Bytes alive at each position. */
  readonly live: readonly number[];
  readonly arenaBytes: number;
  /** The most bytes alive at once: no arena can be smaller. */
  readonly lowerBoundBytes: number;
}

/** Exact bytes of a program, known before it runs. */
export interface MemoryPlan {
  readonly name: string;
  readonly totalBytes: number;
  /** Pages of 64 KiB that WebAssembly rounds the total up to. */
  readonly pages: number;
  /** Whether some layers have less scratch than they are fastest with, so as to fit a budget. The bits are the same. A .thimble file does not say: false. */
  readonly small: boolean;
  readonly regions: Readonly<Record<'static' | 'const' | 'state' | 'io' | 'arena', number>>;
  readonly methods: readonly MethodMemory[];
}

/** The arena over the run of one placed graph. */
export function methodMemory(graph: Graph, { buffers }: Lifetimes, arenaBytes: number): MethodMemory {
  return {
    name: graph.name,
    nodes: graph.nodes.map((node) => node.name),
    buffers,
    live: liveBytes(buffers, graph.nodes.length),
    arenaBytes,
    lowerBoundBytes: lowerBound(buffers),
  };
}
