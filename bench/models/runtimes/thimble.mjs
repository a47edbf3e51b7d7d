import { load, supports } from '../../../dist/index.js';

/** thimble, a runtime for each flavour the host has. TFLite is read where `load` reads it. */
export const openThimble = async () =>
  ['simd', 'relaxed'].filter(supports).map((flavour) => ({
    runtime: 'thimble',
    flavour,
    async load({ form, bytes }) {
      const model = await load(bytes, { flavour });
      const [{ name }] = model.inputs;
      const [output] = model.outputs;
      const feeds = { [name]: form.input };
      return { model, run: () => model.run(feeds)[output.name].data };
    },
  }));
