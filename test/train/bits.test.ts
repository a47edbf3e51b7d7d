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
      "autoencoder": "a91646bb11085bbc",
      "cnn": "37edb770792fd5f7",
      "digits": "9ab1b14a4e0cf19c",
      "encoder": "15d5009bc1666ef7",
      "golden cnn": "0eeebf87f2f48645",
      "golden encoder": "50f6531d1f19c704",
      "golden mlp": "57325db79302c749",
      "mlp": "1a5816a361558f12",
      "mnist": "326e097294916c3f",
      "recurrent": "875b77655bb146eb",
      "residual": "f877f9c31ea67537",
    }
  `);
});
