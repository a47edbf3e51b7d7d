// On Node: the files are read, packages come from node_modules.
import { readFileSync } from 'node:fs';
import * as thimble from 'thimble';
import * as runtime from 'thimble/runtime';
import { program } from '../program.mjs';

const read = (name) => new Uint8Array(readFileSync(new URL(`../fixture/${name}`, import.meta.url)));
console.log(JSON.stringify(await program({ runtime, thimble, model: read('digits.thimble'), data: read('digits.bin') })));
