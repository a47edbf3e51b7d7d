import { classify, modelInput } from 'thimble/data';
import { openModel } from './model.mjs';
import { answerTo } from './worker.mjs';

/** Training steps a request takes: a few milliseconds. */
const STEPS = 20;

/** A Durable Object: the model with a head of its own. Its state is a checkpoint in the object's storage. */
export class Head {
  constructor({ storage }) {
    this.storage = storage;
  }

  /** The model with what was trained before. Loaded once in the life of the object. */
  async #open() {
    if (this.model) return this.model;
    const model = await openModel();
    const saved = await this.storage.get('checkpoint');
    if (saved) model.restore(saved);
    this.model = model;
    return model;
  }

  async fetch(request) {
    const { pathname } = new URL(request.url);
    try {
      const model = await this.#open();
      if (pathname === '/classify') {
        return Response.json({ verdicts: await classify(model, new Uint8Array(await request.arrayBuffer())), step: model.step });
      }
      return await this.#train(model, await request.formData());
    } catch (error) {
      return answerTo(error);
    }
  }

  /** Some steps on the pictures of the form, then the checkpoint goes to storage. Rows that are empty weigh nothing. */
  async #train(model, form) {
    const { task, training } = model;
    const { batchSize } = training;
    const pictures = [...form].filter(([, picture]) => typeof picture !== 'string');
    const unknown = pictures.find(([label]) => !task.labels.includes(label));
    const refuse = (error) => Response.json({ error }, { status: 400 });
    if (unknown) return refuse(`there is no label "${unknown[0]}", but ${task.labels.join(', ')}`);
    if (pictures.length < 1 || pictures.length > batchSize)
      return refuse(`${pictures.length} pictures: send 1 to ${batchSize}, each under its label`);

    const size = model.inputs[0].shape.reduce((all, extent) => all * extent, 1);
    const image = new Float32Array(batchSize * size);
    const labels = new Int32Array(batchSize);
    const sampleWeight = new Float32Array(batchSize);
    for (const [row, [label, picture]] of pictures.entries()) {
      image.set((await modelInput(task, new Uint8Array(await picture.arrayBuffer()))).data, row * size);
      labels[row] = task.labels.indexOf(label);
      sampleWeight[row] = batchSize / pictures.length;
    }
    const losses = Array.from({ length: STEPS }, () => model.trainStep({ image, labels, sampleWeight }).loss);
    await this.storage.put('checkpoint', model.checkpoint());
    return Response.json({ step: model.step, losses: [losses[0], losses.at(-1)] });
  }
}
