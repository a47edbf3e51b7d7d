// On Workers: kernels are modules that the bundle imports; the model and the data are imports that a Data rule makes ArrayBuffers.
import * as thimble from 'thimble';
import * as runtime from 'thimble/runtime';
import data from '../fixture/digits.bin';
import model from '../fixture/digits.thimble';
import { program } from '../program.mjs';

export default {
  async fetch() {
    try {
      return Response.json(await program({ runtime, thimble, model, data: new Uint8Array(data) }));
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
