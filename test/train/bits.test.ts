import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { randomRows, testNetworks } from '../networks.ts';

/** Digests of the whole state after two epochs with seed 1: the same on every host, version of Node and run. A change of kernels may move them. */
it('training gives these very bits on every host', async () => {
  const digests: Record<string, string> = {};
  for (const { name, build, compile } of testNetworks) {
    const model = build();
    await model.compile({ ...compile, flavour: 'simd' });
    const { x, y } = randomRows(model, 19);
    await model.fit(x, y, { epochs: 2, verbose: 0 });
    const hash = createHash('sha256');
    for (const { variable, data } of model.state())
      hash.update(variable.name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    digests[name] = hash.digest('hex').slice(0, 16);
  }
  expect(digests).toMatchInlineSnapshot(`
    {
      "autoencoder": "14b503a793a5307f",
      "cnn": "351d462b9f983691",
      "digits": "50a33b4df56c1e7c",
      "encoder": "ffd801bcebaf268f",
      "golden cnn": "0eeebf87f2f48645",
      "golden encoder": "1de135980bb0f843",
      "golden mlp": "7020d914ec004680",
      "mlp": "311834720f394c54",
      "mnist": "077ff1749f5fbdc2",
      "recurrent": "00140a6434c3d132",
      "residual": "f877f9c31ea67537",
    }
  `);
});
