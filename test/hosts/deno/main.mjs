// On Deno without permissions: nothing can be read, so the files are a module.
import * as thimble from 'thimble';
import * as runtime from 'thimble/runtime';
import { data, model } from '../fixture/fixture.mjs';
import { program } from '../program.mjs';

console.log(JSON.stringify(await program({ runtime, thimble, model, data })));
