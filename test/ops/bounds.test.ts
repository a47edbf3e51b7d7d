import { describe, expect, it } from 'vitest';
import type { TypedArray } from '../../src/core/dtype.ts';
import { Random } from '../../src/core/random.ts';
import { byteLength } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { opOf, registry } from '../../src/ops/registry.ts';
import { type Address, LowerContext } from '../../src/ops/step.ts';
import { KernelRunner } from '../kernels/harness.ts';
import { cast, flavours, runKernels } from './lowering.ts';
import { arrays } from './samples/arrays.ts';
import { detection } from './samples/detection.ts';
import { elementwise } from './samples/elementwise.ts';
import { int8 } from './samples/int8.ts';
import { networks } from './samples/networks.ts';
import { draw, shapeOf } from './samples/sample.ts';

const runners = await Promise.all(flavours.map(async (flavour) => [flavour, await KernelRunner.load(flavour, 32)] as const));

/** As `LowerContext.step` has it. */
type Call = Parameters<KernelRunner['call']>;

function expectSame(bytes: Uint8Array, data: TypedArray, what: string): void {
  expect(Buffer.compare(bytes, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)), what).toBe(0);
}

/** Whether the operator takes another way where scratch is to be small. */
const isOther = (fast: LowerContext, small: LowerContext): boolean =>
  JSON.stringify(fast.scratches) !== JSON.stringify(small.scratches) || fast.steps.length !== small.steps.length;

describe.each(Object.entries({ ...elementwise, ...arrays, ...detection, ...networks, ...int8 }))('%s', (name, samples) => {
  it.each([false, true])(
    'writes all of its outputs, nothing else but its scratch, and reads no scratch before it wrote it (small: %s)',
    async (isSmall) => {
      for (const [index, sample] of samples.entries()) {
        const graph = new Graph(name);
        const values = sample.inputs.map((input, i) => graph.input(`x${i}`, { dtype: input.dtype ?? 'f32', shape: shapeOf(input) }));
        const node = registry.get(name)?.node(values, sample.attrs as never);
        if (!node) throw new Error(`no operator ${name}`);
        const lowered = (small: boolean): LowerContext => {
          const context = new LowerContext(node, small);
          opOf(node).lower(context as never);
          return context;
        };
        const context = lowered(isSmall);
        if (isSmall && !isOther(lowered(false), context)) continue;
        const random = new Random(index + 1);
        const data = sample.inputs.map((input, i) => cast(draw(input, random), values[i] as Value));
        node.outputs.forEach((value, i) => {
          graph.output(`y${i}`, value);
        });
        for (const [flavour, runner] of runners) {
          runner.reset();
          const buffers = new Map<unknown, number>();
          values.forEach((value, i) => {
            buffers.set(value, runner.alloc(data[i] as Float32Array));
          });
          // A fresh buffer holds NaNs: what is read before it is written, or not written at all, shows in the result.
          for (const value of node.outputs) buffers.set(value, runner.alloc(byteLength(value)));
          for (const scratch of context.scratches) buffers.set(scratch, runner.alloc(scratch.bytes));
          const resolve = (field: Address | number) =>
            typeof field === 'number' ? field : (buffers.get(field.base) as number) + field.offset;
          for (const { kernel, fields } of context.steps) {
            const record = Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, resolve(value)]));
            runner.call(kernel as Call[0], record as Call[1]);
          }
          const bytesOf = (value: Value) => runner.read(buffers.get(value) as number, Uint8Array, byteLength(value));
          values.forEach((value, i) => {
            expectSame(bytesOf(value), data[i] as Float32Array, `sample ${index}: input ${i} is left alone`);
          });
          if (opOf(node).view) continue;
          // In a session's memory, which holds zeros at first, and as fast as can be.
          const feeds = Object.fromEntries(values.map((value, i) => [value.name, data[i] as Float32Array]));
          const outputs = await runKernels(graph, feeds, flavour);
          node.outputs.forEach((value, i) => {
            expectSame(bytesOf(value), outputs[`y${i}`] as Float32Array, `sample ${index} (${JSON.stringify(sample)}): output ${i}`);
          });
        }
      }
    },
  );
});
