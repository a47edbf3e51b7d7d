// On Deno without permissions: nothing can be read, so the files are a module.
import * as thimble from 'thimble';
import * as pictures from 'thimble/data';
import * as runtime from 'thimble/runtime';
import { data, model } from '../fixture/fixture.mjs';
import { photograph } from '../photograph.mjs';
import { program } from '../program.mjs';

const result = await program({ runtime, thimble, model, data });
console.log(JSON.stringify({ ...result, photograph: await photograph({ runtime, data: pictures, model }) }));
