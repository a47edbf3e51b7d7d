// A user's program: it must compile, and its mistakes must not.
import { adam, dense, input, load, type Model, sequential, type Tensor, ThimbleError } from 'thimble';
import * as runtime from 'thimble/runtime';

export async function main(bytes: Uint8Array): Promise<number> {
  const model: Model = sequential([input({ shape: [4] }), dense({ units: 2, activation: 'relu' })]);
  await model.compile({ optimizer: adam({ learningRate: 0.01 }), loss: 'mse', budget: '64KB', flavour: 'auto' });
  const file: Uint8Array = model.export({ training: true, batchSize: 1 });

  const loaded = await runtime.load(file, { flavour: 'simd' });
  const { loss, predictions } = loaded.trainStep({ input: new Float32Array(4), labels: new Float32Array(2) }, { learningRate: 0.1 });
  const tensor: Tensor = predictions;
  loaded.restore(loaded.checkpoint());
  const flavour: 'scalar' | 'simd' | 'relaxed' = loaded.flavour;

  const imported = await load(bytes, { shapes: { image: [1, 3, 8, 8] } });
  const outputs: Record<string, Tensor> = imported.run({ image: new BigInt64Array(1) });
  const pages: number = imported.memory.pages;

  // @ts-expect-error no such flavour
  await runtime.load(file, { flavour: 'fast' });
  // @ts-expect-error strings are no tensors
  loaded.run({ input: 'x' });
  // @ts-expect-error the shape is missing
  input({});
  const error = new ThimbleError('INPUT', 'a problem');
  return loss + tensor.data.length + pages + flavour.length + Object.keys(outputs).length + error.message.length;
}
