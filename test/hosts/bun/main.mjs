// On Bun: Bun.file reads, packages come from node_modules.
import * as thimble from 'thimble';
import * as runtime from 'thimble/runtime';
import { program } from '../program.mjs';

const read = async (name) => new Uint8Array(await Bun.file(new URL(`../fixture/${name}`, import.meta.url)).arrayBuffer());
console.log(JSON.stringify(await program({ runtime, thimble, model: await read('digits.thimble'), data: await read('digits.bin') })));
