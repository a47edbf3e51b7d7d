import type { Graph } from '../ir/graph.ts';
import { verify } from '../ir/verify.ts';
import { opOf } from '../ops/registry.ts';
import { joinAttention } from './attention.ts';
import { chainConvolutions } from './chains.ts';
import { scaleProducts } from './dynamicProducts.ts';
import { fewBits } from './fewBits.ts';
import { filterBytes } from './filterBytes.ts';
import { fold } from './fold.ts';
import { fuse } from './fuse.ts';
import { quantizeIslands } from './islands.ts';
import { sinkTransposes } from './layout.ts';
import { joinPadding } from './padding.ts';
import { recognize } from './patterns.ts';
import { readPlanes } from './planes.ts';
import { prune } from './prune.ts';
import { sinkReshapes } from './reshapes.ts';
import { roundedProducts } from './roundedProducts.ts';
import { joinTables } from './tables.ts';

/** The passes over an imported graph, in order. */
export const passes: readonly { readonly name: string; readonly run: (graph: Graph) => Graph }[] = [
  { name: 'fold', run: fold },
  { name: 'scaleProducts', run: scaleProducts },
  { name: 'recognize', run: recognize },
  { name: 'sinkTransposes', run: sinkTransposes },
  { name: 'joinAttention', run: joinAttention },
  { name: 'sinkReshapes', run: sinkReshapes },
  { name: 'fuse', run: fuse },
  { name: 'quantizeIslands', run: quantizeIslands },
  { name: 'joinTables', run: joinTables },
  { name: 'joinPadding', run: joinPadding },
  { name: 'roundedProducts', run: roundedProducts },
  { name: 'fewBits', run: fewBits },
  { name: 'readPlanes', run: readPlanes },
  { name: 'chainConvolutions', run: chainConvolutions },
  { name: 'filterBytes', run: filterBytes },
];

/** Passes after which every operator still has its like in other runtimes. */
const PORTABLE = new Set(['fold', 'recognize', 'sinkTransposes', 'fuse']);

/** The same computation in fewer and faster steps. Every pass leaves a graph that verifies. */
export const optimize = (graph: Graph): Graph => inOrder(graph, passes);

/** As `optimize`, without the operators that only thimble has: for writing files, and for quantizing. */
export const simplify = (graph: Graph): Graph =>
  inOrder(
    graph,
    passes.filter(({ name }) => PORTABLE.has(name)),
  );

/** Passes that change no operator for one that has no gradient, and that leave activations apart from the products before them. */
const DIFFERENTIABLE = new Set(['fold', 'recognize', 'sinkTransposes']);

/** As `optimize`, without fusion: for gradients, and for looking at what flows between the operators. */
export const arrange = (graph: Graph): Graph =>
  inOrder(
    graph,
    passes.filter(({ name }) => DIFFERENTIABLE.has(name)),
  );

function inOrder(graph: Graph, chosen: typeof passes): Graph {
  let current = graph;
  prune(current);
  for (const { run } of chosen) {
    current = run(current);
    prune(current);
  }
  verify(current, opOf);
  return current;
}
