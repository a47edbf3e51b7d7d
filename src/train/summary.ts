import { formatBytes } from '../core/bytes.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import { byteLength } from '../core/tensor.ts';
import { opOf } from '../ops/registry.ts';
import type { MemoryPlan } from '../plan/report.ts';
import { predictGraph } from './methods.ts';
import type { Model } from './model.ts';

/** One layer of a summary. Bytes are of one batch item for activations, of the whole model for the rest. */
export interface LayerSummary {
  readonly name: string;
  readonly type: string;
  /** Without batch. */
  readonly outputShape: Shape;
  readonly parameters: number;
  readonly trainable: boolean;
  /** Multiply-accumulates for one item. */
  readonly macs: number;
  readonly bytes: {
    /** Weights, in memory layout. */
    readonly state: number;
    /** Optimizer moments and gradient sums; 0 before compile. */
    readonly moments: number;
    /** The layer's output. */
    readonly arena: number;
  };
}

export interface Summary {
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly macs: number;
  /** Exact bytes of the compiled program; undefined before compile. */
  readonly memory: MemoryPlan | undefined;
  toString(): string;
}

export function summaryOf(model: Model): Summary {
  const macs = new Map<string, number>();
  const graph = predictGraph(model.network, 1);
  for (const node of graph.nodes) {
    const layer = node.name.slice(0, node.name.lastIndexOf('/'));
    macs.set(layer, (macs.get(layer) ?? 0) + (opOf(node).macs?.(node.inputs, node.attrs, node.outputs) ?? 0));
  }
  const held = model.compiled ? model.state() : [];
  const layers = model.network.calls.map(({ layer, output }): LayerSummary => {
    const weights = [...layer.weights.values()];
    const moments = held.filter(
      ({ variable }) => variable.role === 'moment' && weights.some((weight) => variable.name.startsWith(`${weight.variable.name}/`)),
    );
    return {
      name: layer.layerName,
      type: layer.type,
      outputShape: output.shape,
      parameters: weights.reduce((sum, { variable }) => sum + sizeOf(variable.logicalShape), 0),
      trainable: layer.trainable,
      macs: macs.get(layer.layerName) ?? 0,
      bytes: {
        state: weights.reduce((sum, { variable }) => sum + byteLength(variable), 0),
        moments: moments.reduce((sum, { variable }) => sum + byteLength(variable), 0),
        arena: byteLength(output),
      },
    };
  });
  const trainable = model.weights.filter(({ variable }) => variable.role === 'parameter' && layerTrains(model, variable.name));
  const summary = {
    layers,
    parameters: model.weights.reduce((sum, { variable }) => sum + sizeOf(variable.logicalShape), 0),
    trainableParameters: trainable.reduce((sum, { variable }) => sum + sizeOf(variable.logicalShape), 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
    memory: model.isPlanned ? model.memory : undefined,
  };
  return { ...summary, toString: () => format(summary) };
}

const layerTrains = (model: Model, weight: string): boolean => model.layer(weight.slice(0, weight.lastIndexOf('/'))).trainable;

const count = (n: number): string => n.toLocaleString('en-US');

function format({ layers, parameters, trainableParameters, macs, memory }: Omit<Summary, 'toString'>): string {
  const header = ['layer', 'type', 'output', 'parameters', 'MACs', 'state', 'moments', 'activation'];
  const rows = layers.map(({ name, type, outputShape, parameters: own, trainable, macs: work, bytes }) => [
    trainable ? name : `${name} (frozen)`,
    type,
    formatShape(outputShape),
    count(own),
    count(work),
    formatBytes(bytes.state),
    formatBytes(bytes.moments),
    formatBytes(bytes.arena),
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] as string).length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i < 3 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
      .join('  ')
      .trimEnd();
  const totals = [`parameters ${count(parameters)} (${count(trainableParameters)} trainable), ${count(macs)} MACs an item`];
  if (memory) {
    const regions = Object.entries(memory.regions).map(([name, bytes]) => `${name} ${formatBytes(bytes)}`);
    totals.push(`memory ${count(memory.totalBytes)} bytes: ${regions.join(', ')}`);
    for (const method of memory.methods)
      totals.push(`  ${method.name}: arena ${count(method.arenaBytes)} bytes, lower bound ${count(method.lowerBoundBytes)}`);
  }
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line), '', ...totals].join('\n');
}
