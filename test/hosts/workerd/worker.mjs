// On Workers: kernels are modules that the bundle imports; the model and the data are imports that a Data rule makes ArrayBuffers.
import * as thimble from 'thimble';
import * as pictures from 'thimble/data';
import * as runtime from 'thimble/runtime';
import data from '../fixture/digits.bin';
import model from '../fixture/digits.thimble';
import { photograph } from '../photograph.mjs';
import { program } from '../program.mjs';

export default {
  async fetch() {
    try {
      const bytes = new Uint8Array(model);
      const result = await program({ runtime, thimble, model: bytes, data: new Uint8Array(data) });
      return Response.json({ ...result, photograph: await photograph({ runtime, data: pictures, model: bytes }) });
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
