// On Node: the files are read, packages come from node_modules.
import { readFileSync } from 'node:fs';
import * as thimble from 'thimble';
import * as pictures from 'thimble/data';
import * as runtime from 'thimble/runtime';
import { photograph } from '../photograph.mjs';
import { program } from '../program.mjs';

const read = (name) => new Uint8Array(readFileSync(new URL(`../fixture/${name}`, import.meta.url)));
const model = read('digits.thimble');
const result = await program({ runtime, thimble, model, data: read('digits.bin') });
console.log(JSON.stringify({ ...result, photograph: await photograph({ runtime, data: pictures, model }) }));
