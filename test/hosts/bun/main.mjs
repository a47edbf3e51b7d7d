// On Bun: Bun.file reads, packages come from node_modules.
import * as thimble from 'thimble';
import * as pictures from 'thimble/data';
import * as runtime from 'thimble/runtime';
import { photograph } from '../photograph.mjs';
import { program } from '../program.mjs';

const read = async (name) => new Uint8Array(await Bun.file(new URL(`../fixture/${name}`, import.meta.url)).arrayBuffer());
const model = await read('digits.thimble');
const result = await program({ runtime, thimble, model, data: await read('digits.bin') });
console.log(JSON.stringify({ ...result, photograph: await photograph({ runtime, data: pictures, model }) }));
