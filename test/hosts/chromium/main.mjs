// In a browser: the files are fetched; the result goes back to the server that served the page.
import * as thimble from 'thimble';
import * as runtime from 'thimble/runtime';
import { photograph } from '../photograph.mjs';
import { program } from '../program.mjs';

const read = async (name) => new Uint8Array(await (await fetch(`/fixture/${name}`)).arrayBuffer());

async function resultHere() {
  const model = await read('digits.thimble');
  const result = await program({ runtime, thimble, model, data: await read('digits.bin') });
  // `thimble/data` needs decoders that are CommonJS, which only a bundler makes of use in a browser.
  if (location.pathname.endsWith('importmap.html')) return result;
  return { ...result, photograph: await photograph({ runtime, data: await import('thimble/data'), model }) };
}

const result = await resultHere().catch((error) => ({ error: String(error.stack) }));
await fetch(`/result${location.search}`, { method: 'POST', body: JSON.stringify(result) });
