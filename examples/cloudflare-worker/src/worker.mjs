// POST /classify        a PNG, JPEG or BMP → what it shows
// POST /classify?head=NAME   the same with the head that NAME has trained
// POST /train?head=NAME      a form with pictures, each under its label → trains the head of NAME and keeps it

import { classify } from 'thimble/data';
import { ThimbleError } from 'thimble/runtime';
import { openModel } from './model.mjs';

export { Head } from './head.mjs';

const MAX_BYTES = 4 * 1024 * 1024;

/** The model as it was deployed: loaded with the first request, kept as long as the isolate lives. */
let shared;

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    try {
      if (request.method === 'GET' && pathname === '/') return await about();
      if (request.method !== 'POST') return problem(405, 'POST a picture to /classify, or a form of pictures to /train');
      if (Number(request.headers.get('content-length') ?? 0) > MAX_BYTES) return problem(413, `at most ${MAX_BYTES} bytes`);
      const name = searchParams.get('head');
      if (pathname === '/train' && !name) return problem(400, 'say whose head to train: /train?head=NAME');
      if (name && ['/classify', '/train'].includes(pathname)) return await env.HEADS.get(env.HEADS.idFromName(name)).fetch(request);
      if (pathname !== '/classify') return problem(404, 'there are /classify and /train');
      shared ??= openModel();
      return Response.json({ verdicts: await classify(await shared, new Uint8Array(await request.arrayBuffer())) });
    } catch (error) {
      return answerTo(error);
    }
  },
};

async function about() {
  shared ??= openModel();
  const model = await shared;
  const { flavour, flavourReason, session, task } = model;
  return Response.json({ labels: task.labels, flavour, flavourReason, memoryBytes: session.memory.buffer.byteLength });
}

const problem = (status, error) => Response.json({ error }, { status });

/** What is wrong with the request is the caller's to know; what is wrong here is not. */
export function answerTo(error) {
  if (error instanceof ThimbleError && ['FORMAT', 'INPUT'].includes(error.code)) return problem(400, error.message);
  console.error(error);
  return problem(500, 'internal error');
}
