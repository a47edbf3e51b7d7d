// In a browser: the files are fetched; the result goes back to the server that served the page.
import * as thimble from 'thimble';
import * as runtime from 'thimble/runtime';
import { program } from '../program.mjs';

const read = async (name) => new Uint8Array(await (await fetch(`/fixture/${name}`)).arrayBuffer());
const result = await program({ runtime, thimble, model: await read('digits.thimble'), data: await read('digits.bin') }).catch((error) => ({
  error: String(error.stack),
}));
await fetch(`/result${location.search}`, { method: 'POST', body: JSON.stringify(result) });
